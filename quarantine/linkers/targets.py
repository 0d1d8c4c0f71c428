"""The same rare choice of targets, whatever was answered: a list that several hands work off."""

from __future__ import annotations

from dataclasses import dataclass

from quarantine.evidence import Evidence, Links
from quarantine.meetings import choices
from quarantine.ports import Linker


@dataclass(frozen=True, slots=True)
class SameTargets:
    """Pairs that share more targets than their popularity and how much is said explain.

    It is asked only where times say nothing. With times, moments are the better witness: they are
    hard to forge for one who copies an honest source later, and choosing the same targets is what
    people do who are handed work together, at the same moments besides: two names for one thing.
    """

    least: int = 4
    nats: float = 2.0

    def link(self, evidence: Evidence) -> Links:
        """Return pairs that share at least `least` targets against odds of e to the `nats`."""
        if evidence.timed:
            return Links()
        found = choices(evidence)
        close = (found.nats >= self.nats) & (found.often >= self.least)
        return Links(found.source[close], found.partner[close])


LINKER: Linker = SameTargets()
