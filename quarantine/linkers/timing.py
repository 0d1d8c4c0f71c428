"""The same targets at the same moments, whatever was answered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quarantine.evidence import Evidence, Links
from quarantine.overlap import number, overlap, slices
from quarantine.ports import Linker


@dataclass(frozen=True, slots=True)
class SameMoments:
    """Pairs that meet at most of the smaller's targets within one slice of time."""

    most_of: float = 0.4
    least: int = 4

    def link(self, evidence: Evidence) -> Links:
        """Return pairs that met at least `least` times; none where times say nothing."""
        if not evidence.timed:
            return Links()
        frame = evidence.everything
        source = frame["source"].to_numpy().astype(np.int64)
        target = frame["target"].to_numpy()
        early, late, _ = slices(evidence)
        first, second = number(target, early), number(target, late)
        near = overlap(
            np.concatenate([source, source]),
            np.concatenate([first, second + int(first.max(initial=0)) + 1]),
            sources=len(evidence.sources),
        )
        # Every act stands in two overlapping slices.
        close = (near.relative >= self.most_of) & (near.shared >= 2 * self.least)
        return Links(near.source[close], near.partner[close])


LINKER: Linker = SameMoments()
