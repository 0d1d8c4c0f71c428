"""What a score is worth: robust deviations, conformal p-values, and how many may be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from quarantine.evidence import Flags, Floats

ALARM: Final = 0.5
"""A detector's score from which it raises a cold-start alarm: its strength has reached 1."""

_NOTHING: Final = 1e-9
_TAIL: Final = 5
"""One in so many of a reference makes its tail."""
_LEAST: Final = 5
"""A tail of fewer says nothing of its shape."""
_THIN: Final = 0.05
"""No tail is thinner (in strengths): who has never been seen to ring at all might."""
_MOST: Final = 0.98
"""A strength beyond 50 says no more."""
_STEPS: Final = 1.1
"""Ranks are looked at one by one at first, then in steps of a tenth."""
_NORMAL: Final = 1.4826
"""MAD of a normal distribution times this is its standard deviation."""
_NORMAL_MEAN: Final = 1.2533
"""The same for the mean absolute deviation, which is not 0 when most values are equal."""


def score_of(strength: Floats) -> Floats:
    """Squeeze strengths (0 is usual, 1 rings, any size) into 0..1, keeping their order.

    The usual source gets 0.25 and an alarm begins at `ALARM`; the absence of an opinion is 0.
    """
    over = strength - 1.0
    squeezed: Floats = ALARM + ALARM * over / (1.0 + np.abs(over))
    return squeezed


def beyond_usual(strength: Floats) -> Floats:
    """Turn strengths into scores as `score_of` does, but for 0 to all that is usual or better.

    Who is more like the others than usual has shown nothing: a ring that is the consensus agrees
    most. So nothing is inverted by rings, and whatever else is seen of them decides.
    """
    risen = ALARM * np.clip(strength, 0.0, 1.0)
    return np.where(strength < 1.0, risen, score_of(strength))


def deviations(values: Floats, floor: float = 0.0) -> Floats:
    """Return how many robust standard deviations each value lies above the median.

    The spread is the MAD's and at least `floor`. Without a floor, where more than half the values
    are equal, it is the mean absolute deviation's, which outliers can stretch.
    """
    if not len(values):
        return np.empty(0)
    away = values - np.median(values)
    spread = max(_NORMAL * float(np.median(np.abs(away))), floor)
    if spread < _NOTHING:
        spread = max(_NORMAL_MEAN * float(np.mean(np.abs(away))), _NOTHING)
    return np.asarray(away / spread, np.float64)


def conformal(scores: Floats, reference: Floats) -> Floats:
    """Return p-values: the share of reference scores at least as high, the scored one counted in.

    Bates et al., Testing for outliers with conformal p-values, Ann. Stat. 2023. Without a
    reference every p-value is 1.
    """
    ordered = np.sort(reference)
    above = len(ordered) - np.searchsorted(ordered, scores, side="left")
    return np.asarray((1.0 + above) / (1.0 + len(ordered)), np.float64)


@dataclass(frozen=True, slots=True)
class Tail:
    """How a detector's scores lie among the reference: `strengths` rising, and the `heavy` end.

    Beyond the strength `bar` lie `size` of them, by `excess` in all.
    """

    strengths: Floats
    bar: float
    size: int
    excess: float

    def nats(self, scores: Floats) -> Floats:
        """Return how surprising new scores are: minus the log of the share as high.

        Beyond the bar the tail is exponential, fitted with the new one counted in (Pickands 1975;
        full conformal, Vovk et al. 2005): a score far beyond the whole reference says more than
        one just beyond it, and its own size bounds what it can say.
        """
        return self._nats(scores, 1)

    def own(self, scores: Floats) -> Floats:
        """Return the same of scores of the reference itself, which are counted in already."""
        return self._nats(scores, 0)

    def _nats(self, scores: Floats, new: int) -> Floats:
        strength, known = strength_of(scores), len(self.strengths)
        above = known - np.searchsorted(self.strengths, strength, side="left")
        plain = -np.log(np.maximum(above + new, 1.0) / (known + 1.0))
        if not self.size:
            return np.asarray(plain, np.float64)
        beyond = np.maximum(strength - self.bar, 0.0)
        mean = np.maximum((self.excess + new * beyond) / (self.size + new), _THIN)
        far = beyond / mean - np.log((self.size + new) / (known + 1.0))
        return np.where(beyond > 0, far, plain)


def tail_of(scores: Floats) -> Tail:
    """Describe how a detector's scores of reference sources lie; none at all is fine."""
    ordered = np.sort(strength_of(scores))
    size = min(max(len(ordered) // _TAIL, _LEAST), max(len(ordered) - 1, 0))
    bar = float(ordered[-size - 1]) if size else 0.0
    return Tail(ordered, bar, size, float((ordered[len(ordered) - size :] - bar).sum()))


def strength_of(scores: Floats) -> Floats:
    """Undo `score_of` from the alarm on; below, a score is a strength by the alarm's measure."""
    loud = np.clip((scores - ALARM) / (1.0 - ALARM), 0.0, _MOST)
    return np.where(scores < ALARM, scores / ALARM, 1.0 + loud / (1.0 - loud))


def discoveries(p_values: Floats, false_share: float) -> Flags:
    """Say which p-values to call at an expected share of false calls of at most `false_share`.

    Benjamini and Hochberg 1995, step-up: what conformal p-values, which all lean on one reference,
    allow (Bates et al. 2023).
    """
    count = len(p_values)
    called = np.zeros(count, np.bool_)
    order = np.argsort(p_values, kind="stable")
    below = p_values[order] <= false_share * np.arange(1, count + 1) / max(count, 1)
    if below.any():
        called[order[: int(np.flatnonzero(below)[-1]) + 1]] = True
    return called


def chance_of_nothing(p_values: Floats, reference: int) -> float:
    """Return a p-value for "nobody is bad": held and reference sources are dealt from one pack.

    `p_values` are conformal, against `reference` sources. Of all who rank above the i-th reference
    source, too many are held: a hypergeometric chance, exact in a reference of any size. The k-th
    look pays 1/(k(k+1)) of the whole (a union bound), so that the first ranks count most.
    """
    held = len(p_values)
    above = np.rint(p_values * (reference + 1)).astype(np.int64) - 1
    ahead = np.cumsum(np.bincount(above, minlength=reference + 1))
    steps = int(np.log(max(reference, 1)) / np.log(_STEPS)) + 1
    rank = np.unique((_STEPS ** np.arange(steps)).astype(np.int64)) - 1
    drawn = rank + ahead[rank]
    chance = stats.hypergeom.cdf(rank, reference + held, reference, drawn)
    look = np.arange(1, len(rank) + 1)
    return float(np.min(chance * look * (look + 1), initial=1.0))


def large_enough(reference: int, sources: int, called: int, false_share: float) -> bool:
    """Say whether a reference of n sources can call R of m sources: n+1 ≥ m/(share·R)."""
    return reference + 1 >= sources / (false_share * max(called, 1))
