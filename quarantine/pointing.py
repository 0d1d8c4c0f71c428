"""From sources to single events: each held event with its own score, and why it has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from quarantine.calibration import ALARM
from quarantine.evidence import Evidence, Floats, Ints
from quarantine.hearing import Heard
from quarantine.occurrences import whole
from quarantine.opinions import Alarms
from quarantine.ranks import lifted, ranked_now
from quarantine.rushes import Rushes
from quarantine.verdicts import CONSENSUS

SHOWN: Final = 0.4
"""A finding weaker than this, without an alarm, is not worth a sentence."""


@dataclass(frozen=True)
class Pointed:
    """What a pass says of single events, worked out when somebody asks.

    A pass whose verdicts are kept, and no more, asks nothing of this; the windows that are held
    are looked for apart (`quarantine.rushes`).
    """

    evidence: Evidence
    heard: Sequence[Heard]
    rang: Alarms
    windows: Rushes

    @cached_property
    def scores(self) -> Floats:
        """Return a score 0..1 for every row of `evidence.held`.

        An alarm of its source, or on the event itself, puts it above 0.5. Below an alarm events are
        ranked by departure, by what is thought of their source and, where it tells something, by
        how short and thin that source's life is. Consensus alone lifts no event.
        """
        size = len(self.evidence.held)
        itself = _most([one for one in self._pointing if one.channel != CONSENSUS], size)
        known = np.zeros(len(self.evidence.sources))
        known[: len(self.rang.scores)] = self.rang.scores
        everyone = self.evidence.everything["source"].to_numpy()
        odd = ranked_now(whole(self.evidence), known[everyone])[:size]
        return lifted(odd, self._alarmed, itself)

    def because(self, row: int) -> str:
        """Return the words for a row."""
        if self.windows.row[row] >= 0:
            return self.windows.found[int(self.windows.row[row])].because
        told = _told(self._pointing, row, alarmed=bool(self._alarmed[row] >= ALARM))
        if told:
            return told
        source = int(self.evidence.held["source"].iloc[row])
        one = self.heard[int(self._worst[source])]
        if one.scores[source] < SHOWN:
            return "nothing was found against it or its source"
        return f"its source: {one.findings.because(int(one.place[source]))}"

    @cached_property
    def _pointing(self) -> Sequence[Heard]:
        return [one for one in self.heard if len(one.findings.events)]

    @cached_property
    def _alarmed(self) -> Floats:
        alarmed = np.where(self.rang.rings.any(axis=0), self.rang.scores, 0.0)
        return np.asarray(alarmed[self.evidence.held["source"].to_numpy()], np.float64)

    @cached_property
    def _worst(self) -> Ints:
        worst: Ints = np.array([one.scores for one in self.heard]).argmax(axis=0)
        return worst


def _most(pointing: Sequence[Heard], size: int) -> Floats:
    most = np.zeros(size)
    for one in pointing:
        np.maximum(most, one.findings.events, out=most)
    return most


def _told(pointing: Sequence[Heard], row: int, *, alarmed: bool) -> str:
    """Return the words of the detector that points hardest at this row, if any rings for it."""
    least = ALARM if alarmed else SHOWN
    best = max(pointing, key=lambda one: float(one.findings.events[row]), default=None)
    if best is None or best.findings.events[row] <= least:
        return ""
    return best.findings.event_because(row)
