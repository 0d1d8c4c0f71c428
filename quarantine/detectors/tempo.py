"""Who is too busy or too regular for a person, by arrival time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.calibration import deviations, score_of
from quarantine.evidence import Evidence, Findings, Floats, Ints, micros
from quarantine.overlap import number
from quarantine.ports import Detector

_HOUR: Final = 3_600 * 1_000_000
_DAY: Final = 24 * _HOUR
_PEERS: Final = 10
_READINGS: Final = ("busy", "regular")


@dataclass(frozen=True, slots=True)
class _Pace:
    """By source: events, moments in the busiest hour, how even the gaps are (0..1), life in µs."""

    count: Ints
    busiest: Ints
    even: Floats
    life: Ints


@dataclass(frozen=True, slots=True)
class Tempo:
    """Busiest hour and evenness of gaps, each against what is usual here.

    Only arrival counts, never the sender's clock. Many acts in a short life are read by the
    busiest hour: an act in two minutes of three, through a whole hour, where sources that say as
    much do not nearly so; what came in one moment came in a batch, and says nothing of a pace.
    Clockwork is read by the spread of log gaps (a person's is wide; a scripted pace is even).
    Rushes on a target accuse nobody, they hold windows (`quarantine.rushes`). No opinion without
    times.
    """

    channel: str = "tempo"
    far: float = 6.0
    busy: int = 40
    gaps: int = 10
    even: float = 0.85
    faint: float = 0.9

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source; 0 unless its pace stands out. Silent without times."""
        if not evidence.timed or not len(evidence.held):
            return Findings(silent="arrival times say nothing here")
        pace = self._pace(evidence)
        strengths = self._strengths(pace)
        strength = strengths.max(axis=0)
        sources = np.flatnonzero(pace.count > 0)
        marked = strength[sources] > self.faint
        reading = strengths.argmax(axis=0)

        def because(position: int) -> str:
            return self._words(pace, int(sources[position]), int(reading[sources[position]]))

        scores = np.where(marked, score_of(strength[sources]), 0.0)
        return Findings(sources, scores, because)

    def _pace(self, evidence: Evidence) -> _Pace:
        source = evidence.held["source"].to_numpy().astype(np.int64)
        at = micros(evidence.held["at"])
        size = evidence.held_sources
        first, last = np.full(size, at.max()), np.full(size, at.min())
        np.minimum.at(first, source, at)
        np.maximum.at(last, source, at)
        return _Pace(
            count=np.bincount(source, minlength=size),
            busiest=_busiest(source, at, size),
            even=_evenness(source, at, size, self.gaps),
            life=last - first,
        )

    def _strengths(self, pace: _Pace) -> Floats:
        """Return by reading (rows) and source how strongly it stands out; 1 rings."""
        hour = np.minimum(
            _among(pace, _beyond_peers(pace), 0.5) / self.far, pace.busiest / self.busy
        )
        return np.array([hour, pace.even / self.even])

    def _words(self, pace: _Pace, source: int, reading: int) -> str:
        count = pace.count[source]
        usual = int(np.median(pace.busiest))
        days = pace.life[source] / _DAY
        if _READINGS[reading] == "busy":
            return (
                f"acts at {pace.busiest[source]} different moments in one hour, {usual} is usual; "
                f"{count} events in a life of {days:.1f} days"
            )
        return f"{count} events at an even pace ({pace.even[source]:.0%} of clockwork)"


def _busiest(source: Ints, at: Ints, size: int) -> Ints:
    """Return the number of different moments in each source's busiest hour."""
    _, one = np.unique(number(source, at), return_index=True)
    who, hour = source[one], number(source[one], at[one] // _HOUR)
    busiest = np.zeros(size, np.int64)
    np.maximum.at(busiest, who, np.bincount(hour)[hour])
    return busiest


def _among(pace: _Pace, values: Floats, floor: float) -> Floats:
    """Return robust deviations among the sources that spoke; others have none."""
    spoke = pace.count > 0
    found = np.zeros(len(values))
    found[spoke] = deviations(values[spoke], floor)
    return found


def _beyond_peers(pace: _Pace) -> Floats:
    """Return by how many doublings the busiest hour exceeds that of sources with as many events.

    An octave of events with few sources has no peers of its own; it is measured by the octave
    below, and granted half a doubling more.
    """
    octave = np.log2(np.maximum(pace.count, 1)).astype(np.int64)
    doublings = np.log2(np.maximum(pace.busiest, 1))
    spoke = pace.count > 0
    usual = np.zeros(int(octave.max(initial=0)) + 1)
    for step in range(len(usual)):
        peers = doublings[spoke & (octave == step)]
        usual[step] = np.median(peers) if len(peers) >= _PEERS else usual[max(step - 1, 0)] + 0.5
    return np.asarray(doublings - usual[octave], np.float64)


def _evenness(source: Ints, at: Ints, size: int, least: int) -> Floats:
    """Return 1 for clockwork, near 0 for a person: how narrow the spread of log gaps is.

    Gaps of nothing are left out: what came in one batch came at once and says nothing of a pace.
    """
    order = np.lexsort((at, source))
    who, when = source[order], at[order]
    gap = np.diff(when)
    inside = (np.diff(who) == 0) & (gap > 0)
    who, log = who[1:][inside], np.log(gap[inside])
    count = np.bincount(who, minlength=size)
    mean = np.bincount(who, log, size) / np.maximum(count, 1)
    variance = np.bincount(who, (log - mean[who]) ** 2, size) / np.maximum(count - 1, 1)
    return np.where(count >= least, 1.0 / (1.0 + np.sqrt(variance)), 0.0)


DETECTOR: Detector = Tempo()
