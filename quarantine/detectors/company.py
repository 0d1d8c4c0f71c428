"""Who keeps to rare targets, agrees closely there, and keeps the company of others like that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quarantine.calibration import deviations, score_of
from quarantine.consensus import consensus
from quarantine.evidence import Evidence, Findings, Floats, Ints
from quarantine.ports import Detector


@dataclass(frozen=True, slots=True)
class _Habits:
    """By source, in robust deviations from the usual: rare choices, company, close agreement."""

    rare: Floats
    company: Floats
    close: Floats


@dataclass(frozen=True, slots=True)
class Company:
    """See the ring that is the consensus: three habits that honest sources do not combine.

    A filler profile (average attack, Lam and Riedl 2004; Mobasher et al. 2007) picks targets
    without regard to their popularity, so on rare targets the ring meets mostly itself and agrees
    with what it made the consensus. One who likes rare targets differs there as people do, and
    meets others who do not. The weakest of the three habits is the strength. Where many agree
    closely, some of those who keep to rare targets do by chance: it rings only where they are
    several times as many as that. No opinion where targets are about equally popular, as when work
    is handed out.
    """

    channel: str = "ring"
    far: float = 3.0
    near: float = 2.25
    doubt: float = 5.0
    uneven: float = 0.3
    least: int = 10
    faint: float = 0.67
    times: float = 3.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score held sources with enough events; 0 unless all three habits are marked."""
        habits = self._habits(evidence)
        if habits is None:
            return Findings(silent="targets are about equally popular, or nobody shares one")
        strength = np.minimum(
            np.minimum(habits.rare, habits.company) / self.far, habits.close / self.near
        )
        count = np.bincount(evidence.held["source"].to_numpy(), minlength=len(evidence.sources))
        sources = np.flatnonzero(count >= self.least)
        strength = np.minimum(strength, self._beyond_chance(habits, sources) / self.times)
        marked = strength[sources] > self.faint

        def because(position: int) -> str:
            source = sources[position]
            return (
                "judges rare targets, in the company of others who do, and agrees with them "
                f"closely ({habits.rare[source]:.1f}, {habits.company[source]:.1f} and "
                f"{habits.close[source]:.1f} deviations above the usual)"
            )

        scores = np.where(marked, score_of(strength[sources]), 0.0)
        return Findings(sources, scores, because)

    def _beyond_chance(self, habits: _Habits, sources: Ints) -> float:
        """Return how many times more have all three habits than would if they were independent.

        Two more are expected than counted: one or two prove nothing.
        """
        among = (np.minimum(habits.rare, habits.company) > self.far)[sources]
        close = (habits.close > self.near)[sources]
        others = float(close[~among].mean()) if not among.all() else 1.0
        return float((among & close).sum()) / (float(among.sum()) * others + 2.0)

    def _habits(self, evidence: Evidence) -> _Habits | None:
        frame = evidence.everything
        target = frame["target"].to_numpy().astype(np.int64)
        source = frame["source"].to_numpy().astype(np.int64)
        if not len(target):
            return None
        popular = np.bincount(target)[target]
        surprise = np.log(len(target) / popular)
        if surprise.std() < self.uneven:
            return None
        crowd = consensus(evidence)
        if crowd is None:
            return None
        size = len(evidence.sources)
        own = self._usual(source, surprise, size)
        met = np.bincount(target, own[source])[target] - own[source]
        around = (met + surprise.mean()) / popular
        close = crowd.got - crowd.typical * crowd.room
        return _Habits(
            deviations(own),
            deviations(self._usual(source, around, size)),
            deviations(self._usual(source, close, size)),
        )

    def _usual(self, source: Ints, value: Floats, size: int) -> Floats:
        """Average by source, drawn towards the overall mean where events are few."""
        total = np.bincount(source, value, size) + self.doubt * value.mean()
        average: Floats = total / (np.bincount(source, minlength=size) + self.doubt)
        return average


DETECTOR: Detector = Company()
