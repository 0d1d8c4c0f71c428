"""First seen in one burst under one producer: a wave of new names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Links
from quarantine.overlap import number
from quarantine.ports import Linker

_HOUR: Final = 3_600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Groups of sources that one producer first spoke for in the same, unusually busy hour.

    It only confirms what another kind of evidence suspects: many honest people begin together too.
    """

    least: int = 5
    times: float = 5.0

    def link(self, evidence: Evidence) -> Links:
        """Return the groups; none where times say nothing or where no producer is known."""
        named = np.array([bool(key.producer) for key in evidence.sources], np.bool_)
        if not evidence.timed or not named.any():
            return Links()
        wave = number(evidence.producers, evidence.first_seen // _HOUR)
        size = np.bincount(wave)
        _, first = np.unique(wave, return_index=True)
        producer = evidence.producers[first]
        hours = np.bincount(producer)
        usual = np.array([np.median(size[producer == one]) for one in range(len(hours))])
        burst = (
            (size >= self.least) & (size >= self.times * usual[producer]) & (hours[producer] > 1)
        )
        return Links(group=np.where(burst[wave] & named, wave, -1))


LINKER: Linker = Newcomers()
