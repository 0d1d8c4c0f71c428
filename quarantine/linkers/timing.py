"""The same targets at the same moments, whatever was answered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quarantine.evidence import Evidence, Ints, Links
from quarantine.meetings import meetings
from quarantine.overlap import number, overlap, slices
from quarantine.ports import Linker


@dataclass(frozen=True, slots=True)
class SameMoments:
    """Pairs that meet at most of the smaller's targets within one slice of time, or too often.

    Too often is: among the targets that both speak of, so many within one of `coarse` parts of the
    whole time that it is improbable by `nats` (after paying for every pair looked at), given how
    often any two who speak of one target do so. That needs no share of what either says.
    """

    most_of: float = 0.4
    least: int = 4
    coarse: tuple[int, ...] = (10, 100)
    nats: float = 2.0

    def link(self, evidence: Evidence) -> Links:
        """Return pairs that met at least `least` times; none where times say nothing."""
        if not evidence.timed or not len(evidence.everything):
            return Links()
        size = max(len(evidence.sources), 1)
        pairs = [self._moments(evidence, size)]
        for parts in self.coarse:
            found = meetings(evidence, parts=parts)
            close = (found.nats >= self.nats) & (found.often >= self.least)
            pairs.append(found.source[close] * size + found.partner[close])
        packed = np.unique(np.concatenate(pairs))
        return Links(packed // size, packed % size)

    def _moments(self, evidence: Evidence, size: int) -> Ints:
        """Return the pairs, packed, that share most of their moments at targets."""
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
        packed: Ints = near.source[close] * size + near.partner[close]
        return packed


LINKER: Linker = SameMoments()
