"""From sources to single events: each held event with its own score, and why it has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.calibration import ALARM
from quarantine.evidence import Evidence, Floats
from quarantine.hearing import Heard
from quarantine.occurrences import whole
from quarantine.opinions import Alarms
from quarantine.ranks import lifted, ranked_now
from quarantine.rushes import Rushes, rushes
from quarantine.verdicts import CONSENSUS

SHOWN: Final = 0.4
"""A finding weaker than this, without an alarm, is not worth a sentence."""


@dataclass(frozen=True, slots=True)
class Pointed:
    """A score 0..1 for every row of `evidence.held`, the words for a row, and the held windows."""

    scores: Floats
    because: Callable[[int], str]
    rushes: Rushes


def events(evidence: Evidence, heard: Sequence[Heard], rang: Alarms) -> Pointed:
    """Score events by all that is known: an alarm of its source, or on itself, puts it above 0.5.

    Below an alarm events are ranked by departure, by what is thought of their source and, where it
    tells something, by how short and thin that source's life is. Consensus alone lifts no event.
    """
    source = evidence.held["source"].to_numpy()
    pointing = [one for one in heard if len(one.findings.events)]
    itself = _most([one for one in pointing if one.channel != CONSENSUS], len(source))
    known = np.zeros(len(evidence.sources))
    known[: len(rang.scores)] = rang.scores
    everyone = evidence.everything["source"].to_numpy()
    odd = ranked_now(whole(evidence), known[everyone])[: len(source)]
    alarmed = np.where(rang.rings.any(axis=0), rang.scores, 0.0)[source]
    worst = np.array([one.scores for one in heard]).argmax(axis=0)

    windows = rushes(evidence)

    def because(row: int) -> str:
        if windows.row[row] >= 0:
            return windows.found[int(windows.row[row])].because
        told = _told(pointing, row, alarmed=bool(alarmed[row] >= ALARM))
        if told:
            return told
        one = heard[int(worst[source[row]])]
        if one.scores[source[row]] < SHOWN:
            return "nothing was found against it or its source"
        return f"its source: {one.findings.because(int(one.place[source[row]]))}"

    return Pointed(lifted(odd, alarmed, itself), because, windows)


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
