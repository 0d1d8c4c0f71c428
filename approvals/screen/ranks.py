"""Where a score stands among all sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quarantine.evidence import Floats
from quarantine.model import Dossier


@dataclass(frozen=True, slots=True)
class Ranks:
    """The scores of `sources` sources, rising: their own, and of each detector's findings."""

    sources: int
    scores: Floats
    findings: Mapping[str, Floats]

    @classmethod
    def of(cls, dossiers: Sequence[Dossier]) -> Ranks:
        """Rank the scores in `dossiers`, one a source."""
        found: dict[str, list[float]] = defaultdict(list)
        for dossier in dossiers:
            for finding in dossier.findings:
                found[finding.detector].append(finding.score)
        return cls(
            sources=len(dossiers),
            scores=np.sort(np.array([dossier.score for dossier in dossiers], np.float64)),
            findings={name: np.sort(np.array(each)) for name, each in found.items()},
        )

    def above(self, score: float) -> float:
        """Return the share (0..1) of sources whose score is lower."""
        return self._above(self.scores, score)

    def above_in(self, detector: str, score: float) -> float:
        """Return the share of sources of which a detector thinks less; no finding is less."""
        return self._above(self.findings.get(detector, np.empty(0)), score)

    def _above(self, scores: Floats, score: float) -> float:
        as_bad = len(scores) - int(np.searchsorted(scores, score, side="left"))
        return (self.sources - as_bad) / self.sources if self.sources else 0.0
