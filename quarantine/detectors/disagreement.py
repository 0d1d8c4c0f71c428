"""Who departs from what the others say of the same targets, corrected for chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quarantine.calibration import score_of
from quarantine.consensus import consensus
from quarantine.evidence import Evidence, Findings
from quarantine.ports import Detector


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Leave-one-out agreement corrected for chance, shrunk to the crowd's where events are few.

    It rings `far` spreads below what is typical, or where `lost` of the typical agreement is gone,
    whichever comes first.
    """

    channel: str = "outsider"
    far: float = 3.0
    lost: float = 0.8

    def examine(self, evidence: Evidence) -> Findings:
        """Score how far each held source's agreement lies below the usual one."""
        crowd = consensus(evidence)
        if crowd is None:
            return Findings(silent="no target was judged by two sources")
        held = evidence.held["source"].to_numpy()
        sources = np.unique(held).astype(np.int64)
        below = crowd.typical - crowd.kept
        unit = min(self.far * crowd.spread, self.lost * max(crowd.typical, crowd.spread))
        count = np.bincount(held, minlength=len(evidence.sources))
        shown = evidence.held["target"].to_numpy()
        lack = np.clip(crowd.room - crowd.got, 0.0, None)[: len(held)]
        away = lack / (1.0 + lack)

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
            scores=score_of(below[sources] / unit),
            because=because,
            examples=examples,
            events=away,
            event_because=lambda row: (
                f"differs from what the others say of {evidence.targets[shown[row]]}"
            ),
        )


DETECTOR: Detector = Disagreement()
