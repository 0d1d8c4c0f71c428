"""The same answers to the same targets, beyond what others say there: copying, or one hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quarantine.echoes import echoed
from quarantine.evidence import Evidence, Ints, Links
from quarantine.overlap import Answers, alike, answers, beyond_chance
from quarantine.ports import Linker


@dataclass(frozen=True, slots=True)
class SameAnswers:
    """Pairs that share most of what the smaller said, and groups whose answers echo each other.

    Sharing most, rare cells weighing more, is weak evidence: work that was handed out together has
    the same targets and mostly one right answer. It is left to meetings in time to confirm it;
    where times say nothing, answers must agree far beyond chance. Echoes need a group, but only a
    part of what its members say (`quarantine.echoes`).
    """

    most_of: float = 0.5
    least: int = 4
    nats: float = 5.0
    nats_together: float = 40.0

    def link(self, evidence: Evidence) -> Links:
        """Return pairs that share at least `least` cells, by either rule."""
        said = answers(evidence)
        if not len(said.source):
            return Links()
        size = max(said.sources, 1)
        near = alike(evidence)
        close = (near.relative >= self.most_of) & (near.shared >= self.least)
        copied = near.source[close] * size + near.partner[close]
        if not evidence.timed:
            copied = np.intersect1d(copied, self._surprising(said, size))
        found = echoed(evidence)
        rings = (found.nats >= self.nats) & (found.nats * found.members >= self.nats_together)
        close = rings[found.source] & rings[found.partner] & (found.shared >= self.least)
        pairs = np.union1d(copied, found.source[close] * size + found.partner[close])
        return Links(pairs // size, pairs % size)

    def _surprising(self, said: Answers, size: int) -> Ints:
        """Return the pairs, packed, that agree further beyond chance than any would by luck."""
        agreed = beyond_chance(said)
        # The Gaussian tail at which not even one of all pairs is expected.
        sure = agreed.excess >= np.sqrt(4.0 * np.log(size))
        packed: Ints = agreed.source[sure] * size + agreed.partner[sure]
        return packed


LINKER: Linker = SameAnswers()
