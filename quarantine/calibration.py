"""What a score is worth: robust deviations, conformal p-values, and how many may be called."""

from __future__ import annotations

from typing import Final

import numpy as np

from quarantine.evidence import Flags, Floats, Ints

ALARM: Final = 0.5
"""A detector's score from which it raises a cold-start alarm: its strength has reached 1."""

_NOTHING: Final = 1e-9
_HALF: Final = 0.5
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


def union(p_values: Floats, asked: Ints) -> Floats:
    """Join channels (rows) into one p-value a source (columns): Šidák's rule on the smallest.

    `asked` counts the channels that had an opinion on each source; without any the p-value is 1.
    """
    smallest = np.minimum(p_values.min(axis=0, initial=1.0), 1.0 - 1e-12)
    joined: Floats = -np.expm1(asked * np.log1p(-smallest))
    return np.where(asked > 0, joined, 1.0)


def discoveries(p_values: Floats, false_share: float) -> Flags:
    """Say which p-values to call at an expected share of false calls of at most `false_share`.

    Benjamini and Hochberg 1995, step-up, with Storey's estimate of how many are honest (those
    above a half tell), which conformal p-values allow (Bates et al. 2023).
    """
    count = len(p_values)
    honest = min(1.0, (1.0 + float((p_values > _HALF).sum())) / (_HALF * max(count, 1)))
    false_share = false_share / honest
    called = np.zeros(count, np.bool_)
    order = np.argsort(p_values, kind="stable")
    below = p_values[order] <= false_share * np.arange(1, count + 1) / max(count, 1)
    if below.any():
        called[order[: int(np.flatnonzero(below)[-1]) + 1]] = True
    return called


def large_enough(reference: int, questions: int, called: int, false_share: float) -> bool:
    """Say whether a reference of n sources can call R of m questions: n+1 ≥ m/(share·R).

    A question is one detector asked about one source: each further detector costs power.
    """
    return reference + 1 >= questions / (false_share * max(called, 1))
