"""Who stands badly on a scale's graph of sources and targets: signed belief propagation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from quarantine.calibration import ALARM
from quarantine.consensus import consensus, on_scale
from quarantine.evidence import Evidence, Findings, Floats, Ints, micros
from quarantine.impressions import Ratings, impression
from quarantine.levels import levelled
from quarantine.overlap import number
from quarantine.ports import Detector
from quarantine.propagation import Edges, propagate

_CALM: Final = ALARM - 0.01
"""The worst that is said of standing alone: what rings for it is a reference, if there is one."""
_FADES: Final = 2.0
"""How fast that fades where more is known of how people judge; measured on planted crowds."""

_MOST: Final = 0.5
"""At two levels nobody is told of who came as so many of the others did."""
_MEETING: Final = 0.8
"""Where more than this is unknown of how people judge, they hardly met: how they came counts."""
_FEW: Final = 4
"""Who said less at two levels is not measured by what it says there (`unmoved`)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """First impressions (SpEagle) spread by what sources and targets say of each other.

    Each source begins with what its metadata say, against the released sources where there are
    any; then honest sources call good targets good, and fraudsters the other way round (FraudEagle,
    Akoglu, Chandy and Faloutsos 2013). It ranks everybody who rates by the odds that this gives,
    and by itself never rings: being new, quick and contrary is suspicious, and no proof. It speaks
    for crowds of people who met few others; where how they judge is known, it all but falls silent.
    """

    channel: str = "outsider"
    error: float = 0.2
    trust: float = 0.6

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source that gave values, by its odds of being no honest one."""
        valued = evidence.everything["value"].notna().to_numpy().astype(np.bool_)
        row = np.flatnonzero(valued)
        if not len(row) or row[0] >= len(evidence.held):
            return Findings(silent="nothing on a scale is held")
        ratings = _ratings(evidence, row)
        first = impression(ratings)
        honest = propagate(_edges(evidence, ratings), first, error=self.error, trust=self.trust)
        belief = honest.honest
        sources = np.unique(ratings.source[row < len(evidence.held)])
        among = np.sort(belief[np.bincount(ratings.source, ratings.usual, len(belief)) > 0])
        count = np.bincount(ratings.source, minlength=len(belief))

        def because(position: int) -> str:
            source = sources[position]
            better = 1.0 - np.searchsorted(among, belief[source], side="right") / len(among)
            how = "what it says of its targets" if belief[source] < first[source] else "how it came"
            return (
                f"stands worse than {better:.0%} of the usual sources "
                f"over {count[source]} events, for {how}"
            )

        suspect = 1.0 / (1.0 + np.exp(belief[sources]))
        if not evidence.timed:
            # A long life in good company is dear to fake; to agree is cheap, and proves nothing.
            usual = 1.0 / (1.0 + float(np.exp(np.median(among))))
            return Findings(sources, _CALM * _beyond(suspect, usual), because, by_agreement=True)
        if levelled(evidence)[row].all() and _usually(evidence) < _MEETING:
            left = _left(evidence, suspect, sources)
            return Findings(
                sources, np.where(count[sources] < _FEW, left, 0.0), because, posterior=True
            )
        return Findings(sources, _CALM * suspect * _usually(evidence) ** _FADES, because)


def _left(evidence: Evidence, suspect: Floats, sources: Ints) -> Floats:
    """Return what is said of a yes or a no, in which most people differ by taste.

    Of those of whom little is known, and of nobody who came as usual.
    """
    left = suspect * _unknown(evidence)[sources]
    return _CALM * _beyond(left, float(np.quantile(left, _MOST)))


def _beyond(suspect: Floats, usual: float) -> Floats:
    return np.asarray(np.maximum(suspect - usual, 0.0) / (1.0 - usual), np.float64)


def _unknown(evidence: Evidence) -> Floats:
    """Return by source how little is known of how it judges: 1 is nothing, 0 all there is to know.

    It is one figure whoever of the whole is judged.
    """

    def drawn() -> Floats:
        crowd = consensus(on_scale(evidence.whole))
        return np.ones(len(evidence.sources)) if crowd is None else 1.0 - crowd.known

    return evidence.whole.once("how little is known", drawn)


def _usually(evidence: Evidence) -> float:
    """Return the mean of that over all who rate."""
    frames = (evidence.whole.held, evidence.whole.released)
    rated = np.union1d(*(_rating(each) for each in frames))
    return float(_unknown(evidence)[rated].mean())


def _rating(frame: pd.DataFrame) -> Ints:
    """Return the sources (codes) of the rows that have a value."""
    return frame["source"].to_numpy().astype(np.int64)[frame["value"].notna().to_numpy()]


def _edges(evidence: Evidence, ratings: Ratings) -> Edges:
    """Make edges of ratings: above the middle of the scale is a call of good, each voice once."""
    voice = number(ratings.target, evidence.cluster[ratings.source])
    weight = 1.0 / np.bincount(voice)[voice]
    return Edges(ratings.source, ratings.target, 2.0 * ratings.value - 1.0, weight)


def _ratings(evidence: Evidence, row: Ints) -> Ratings:
    frame = evidence.everything
    known = (row >= len(evidence.held)) & (row < len(evidence.held) + len(evidence.released))
    return Ratings(
        source=frame["source"].to_numpy().astype(np.int64)[row],
        target=frame["target"].to_numpy().astype(np.int64)[row],
        value=frame["value"].to_numpy()[row],
        at=micros(frame["at"])[row],
        usual=known if known.any() else np.ones(len(row), np.bool_),
        sources=len(evidence.sources),
        timed=evidence.timed,
    )


DETECTOR: Detector = Standing()
