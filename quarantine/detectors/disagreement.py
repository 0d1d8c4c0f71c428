"""Who departs from the values that the others give to the same targets, corrected for chance."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from quarantine.calibration import score_of
from quarantine.consensus import consensus
from quarantine.evidence import Evidence, Findings
from quarantine.ports import Detector


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Leave-one-out agreement on values, shrunk to the crowd's where events are few.

    It rings `far` spreads below what is typical, or where `lost` of the typical agreement is gone,
    whichever comes first, and says nothing below `faint` of that. For what lies on a scale only.
    """

    channel: str = "outsider"
    far: float = 3.0
    lost: float = 0.8
    faint: float = 0.75

    def examine(self, evidence: Evidence) -> Findings:
        """Score how far each held source's agreement lies below the usual one."""
        on_scale = evidence.held["value"].notna().to_numpy()
        seen = _on_scale(evidence)
        crowd = consensus(seen) if on_scale.any() else None
        if crowd is None:
            return Findings(silent="no target was judged on a scale by two sources")
        held = seen.held["source"].to_numpy()
        sources = np.unique(held).astype(np.int64)
        below = crowd.typical - crowd.kept
        unit = min(self.far * crowd.spread, self.lost * max(crowd.typical, crowd.spread))
        strength = below[sources] / unit
        count = np.bincount(held, minlength=len(evidence.sources))
        shown = seen.held["target"].to_numpy()
        lack = np.clip(crowd.room - crowd.got, 0.0, None)[: len(held)]
        away = lack / (1.0 + lack)
        events = np.zeros(len(evidence.held))
        events[on_scale] = away
        told = evidence.held["target"].to_numpy()

        def because(position: int) -> str:
            source = sources[position]
            return (
                f"agrees with the others {crowd.kept[source]:.0%} beyond chance over "
                f"{count[source]} events, {crowd.typical:.0%} is usual"
            )

        def examples(position: int) -> tuple[str, ...]:
            mine = np.flatnonzero(held == sources[position])
            worst = mine[np.argsort(-away[mine], kind="stable")[:3]]
            return tuple(evidence.targets[shown[row]] for row in worst)

        return Findings(
            sources=sources,
            scores=np.where(strength > self.faint, score_of(strength), 0.0),
            because=because,
            examples=examples,
            events=events,
            event_because=lambda row: (
                f"differs from what the others say of {evidence.targets[told[row]]}"
            ),
            by_agreement=True,
        )


def _on_scale(evidence: Evidence) -> Evidence:
    """Leave out what has no value, in all frames."""
    held, released, beside = (
        frame[frame["value"].notna()].reset_index(drop=True) if len(frame) else frame
        for frame in (evidence.held, evidence.released, evidence.beside)
    )
    return replace(evidence, held=held, released=released, beside=beside, dealt=None)


DETECTOR: Detector = Disagreement()
