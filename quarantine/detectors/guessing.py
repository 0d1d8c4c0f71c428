"""Whose answers tell little of the answers that are likely right, corrected for chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.calibration import beyond_usual
from quarantine.evidence import Evidence, Findings, Floats
from quarantine.likely import Told, likely, told
from quarantine.ports import Detector
from quarantine.questions import Questions, questions

_UNKNOWN_SPREAD: Final = 0.2
_LEAST_SPREAD: Final = 0.05
_LEAST_ROOM: Final = 0.05
_NORMAL: Final = 1.4826
_NOTHING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class _Crowd:
    """By source, how much its answers tell (`kept`: 1 all, 0 chance); what is usual, and spread."""

    kept: Floats
    typical: float
    spread: float


@dataclass(frozen=True, slots=True)
class Guessing:
    """Cohen's kappa of each source with the likely right answers, not with the majority's.

    The likely right ones weigh voices by how often they are right (`quarantine/likely.py`). Kappa
    is drawn to the typical one as if by `doubt` events more. It rings `far` spreads below what is
    typical, or where `lost` of it is gone, whichever comes first. For labels and choices only.
    """

    channel: str = "outsider"
    far: float = 4.0
    lost: float = 0.8
    doubt: float = 3.0
    least: int = 10

    def examine(self, evidence: Evidence) -> Findings:
        """Score how far what each held source tells lies below the usual."""
        asked = questions(evidence)
        if asked is None or asked.room.sum() <= 0:
            return Findings(silent="no question without a scale was answered by two sources")
        right = likely(asked)
        crowd = self._crowd(asked, told(asked, right))
        ours = asked.row < len(evidence.held)
        sources = np.unique(asked.source[ours])
        unit = min(self.far * crowd.spread, self.lost * max(crowd.typical, crowd.spread))
        wrong = (asked.room * (1.0 - right[asked.cell]))[ours]
        events = np.zeros(len(evidence.held))
        events[asked.row[ours]] = wrong
        count = np.bincount(asked.source[ours], minlength=asked.sources)
        shown = evidence.held["target"].to_numpy()

        def because(position: int) -> str:
            source = sources[position]
            return (
                f"its answers tell {crowd.kept[source]:.0%} of what is likely right beyond chance "
                f"over {count[source]} events, {crowd.typical:.0%} is usual"
            )

        def examples(position: int) -> tuple[str, ...]:
            mine = np.flatnonzero(asked.source[ours] == sources[position])
            worst = mine[np.argsort(-wrong[mine], kind="stable")[:3]]
            return tuple(evidence.targets[shown[asked.row[row]]] for row in worst)

        return Findings(
            sources=sources,
            scores=beyond_usual((crowd.typical - crowd.kept[sources]) / unit),
            because=because,
            examples=examples,
            events=events,
            event_because=lambda row: f"is likely wrong about {evidence.targets[shown[row]]}",
            by_agreement=True,
        )

    def _crowd(self, asked: Questions, found: Told) -> _Crowd:
        room = np.bincount(asked.source, asked.room, asked.sources)
        typical = float(found.gained.sum() / max(float(found.possible.sum()), _NOTHING))
        # Who always says the usual can gain next to nothing, and is not the worse for it.
        kappa = found.gained / np.maximum(found.possible, np.maximum(_LEAST_ROOM * room, _NOTHING))
        known = kappa[np.bincount(asked.source, minlength=asked.sources) >= self.least]
        spread = _UNKNOWN_SPREAD
        if len(known) >= self.least:
            spread = _NORMAL * float(np.median(np.abs(known - np.median(known))))
        kept = (kappa * room + self.doubt * typical) / (room + self.doubt)
        return _Crowd(kept, typical, max(spread, _LEAST_SPREAD))


DETECTOR: Detector = Guessing()
