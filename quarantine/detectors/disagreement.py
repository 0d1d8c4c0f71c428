"""Who departs from the values that the others give to the same targets, corrected for chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import t

from quarantine.calibration import score_of
from quarantine.consensus import Crowd, consensus
from quarantine.evidence import Evidence, Findings, Floats, Ints
from quarantine.levels import closed, graded
from quarantine.ports import Detector
from quarantine.tilts import probable

_LOWEST: Final = 1.5
"""Who turns all answers round agrees about half as much below chance as others do above it."""
_FREEDOM: Final = 10.0
"""Of Student's distribution: its tails are a little heavier than a normal distribution's."""
_CLOSE: Final = 1e-3
"""Where there is no more room than this, there is nothing to tell apart."""
_NOTHING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Leave-one-out agreement on values, shrunk to the crowd's where events are few.

    It rings `far` spreads below what is typical, or where `lost` of the typical agreement is gone,
    whichever comes first. Below that the score is how probable it is that the source does not judge
    as others do: where honest people differ much among themselves, that is little. For what lies on
    a scale only; who met nobody gets no opinion.
    """

    channel: str = "outsider"
    far: float = 3.0
    lost: float = 0.8

    def examine(self, evidence: Evidence) -> Findings:
        """Score how far each held source's agreement lies below the usual one."""
        seen = graded(evidence)
        crowd = consensus(seen) if len(seen.held) else None
        if crowd is None:
            return Findings(silent="no target was judged on a scale by two sources")
        held = seen.held["source"].to_numpy()
        sources = np.unique(held).astype(np.int64)
        # Whom nobody else can be compared with neither agrees nor disagrees.
        sources = sources[crowd.known[sources] > _NOTHING]
        below = crowd.typical - crowd.kept
        unit = min(self.far * crowd.spread, self.lost * max(crowd.typical, crowd.spread))
        strength = below[sources] / unit
        nats = _nats(crowd, sources)
        count = np.bincount(held, minlength=len(evidence.sources))
        shown = seen.held["target"].to_numpy()
        lack = np.clip(crowd.room - crowd.got, 0.0, None)[: len(held)]
        away = lack / (1.0 + lack)
        events = np.zeros(len(evidence.held))
        events[~closed(evidence)[: len(events)]] = away
        told = evidence.held["target"].to_numpy()

        def because(position: int) -> str:
            source = sources[position]
            return (
                f"agrees with the others {min(crowd.kept[source], 1.0):.0%} beyond chance over "
                f"{count[source]} events, {min(crowd.typical, 1.0):.0%} is usual"
            )

        def examples(position: int) -> tuple[str, ...]:
            mine = np.flatnonzero(held == sources[position])
            worst = mine[np.argsort(-away[mine], kind="stable")[:3]]
            return tuple(evidence.targets[shown[row]] for row in worst)

        return Findings(
            sources=sources,
            scores=np.where(strength >= 1.0, score_of(np.maximum(strength, 1.0)), probable(nats)),
            because=because,
            examples=examples,
            events=events,
            event_because=lambda row: (
                f"differs from what the others say of {evidence.targets[told[row]]}"
            ),
            by_agreement=True,
            posterior=True,
        )


def _nats(crowd: Crowd, sources: Ints) -> Floats:
    """Return how much likelier each source's agreement is where it may be anything, than here.

    Honest sources lie around the typical one, a little heavier in the tail than a normal
    distribution; one who rates at random, turned round or all alike lies as far below as anything.
    Of whom little is known both say nearly the same.
    """
    known = crowd.known[sources]
    away = (crowd.typical - crowd.kept[sources]) / (crowd.spread * np.sqrt(known))
    room = np.sqrt(known) * _LOWEST * max(crowd.typical, crowd.spread) / crowd.spread
    away, room = np.maximum(away, 0.0), np.maximum(room, _CLOSE)
    apart = t.sf(away - room, _FREEDOM) - t.sf(away, _FREEDOM)
    return np.asarray(np.log(apart / room) - t.logpdf(away, _FREEDOM), np.float64)


DETECTOR: Detector = Disagreement()
