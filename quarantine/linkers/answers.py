"""The same answers to the same targets: copying, or one hand."""

from __future__ import annotations

from dataclasses import dataclass

from quarantine.evidence import Evidence, Links
from quarantine.overlap import answers, overlap
from quarantine.ports import Linker


@dataclass(frozen=True, slots=True)
class SameAnswers:
    """Pairs that share most of what the smaller of both said, rare cells weighing more."""

    most_of: float = 0.5
    least: int = 4

    def link(self, evidence: Evidence) -> Links:
        """Return pairs that share at least `least` cells and `most_of` the smaller's weight."""
        said = answers(evidence)
        near = overlap(said.source, said.cell, sources=said.sources)
        close = (near.relative >= self.most_of) & (near.shared >= self.least)
        return Links(near.source[close], near.partner[close])


LINKER: Linker = SameAnswers()
