"""First impressions of sources and events from how they came: SpEagle's priors, from ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Flags, Floats, Ints
from quarantine.overlap import number

_DAY: Final = 24 * 3_600 * 1_000_000
_SHORT: Final = 28.0
"""Days of a life from which its length says nothing more (Mukherjee et al. 2013)."""
_WEEK: Final = 7 * _DAY // 2
"""What came within this before or after came in the same days."""
_LEAST: Final = 0.01
_DOUBT: Final = 3.0
_GRAINS: Final = 40


@dataclass(frozen=True, slots=True)
class Ratings:
    """Judgements on a scale as columns: `value` 0..1, `at` in µs, `usual` what may be learnt from.

    Sources and targets are codes; `sources` counts all sources. Times count where `timed`.
    """

    source: Ints
    target: Ints
    value: Floats
    at: Ints
    usual: Flags
    sources: int
    timed: bool


def impression(told: Ratings) -> Floats:
    """Return by source the log-odds that it is honest, as far as metadata go; 0 says nothing.

    SpEagle (Rayana and Akoglu 2015): each reading becomes the share of the usual sources (events)
    that are at least as odd, and readings are joined by their root mean square. Sources: few
    events, a short life, far from the others, always the same value. Events: far from the others,
    at an end of the scale, early at their target, all that their source said. Where times are
    known, the company counts too: who else came to the target in the same days.
    """
    count = np.bincount(told.source, minlength=told.sources)
    usual = np.bincount(told.source, told.usual, told.sources) > 0
    far = _departure(told)
    mean = _mean(told, far)
    readings = [
        _share(-count.astype(np.float64), usual),
        _share(mean, usual),
        _share(_sameness(told), usual),
    ]
    if told.timed:
        # A long life is the dearest to fake: it counts twice.
        readings += [_share(_brevity(told), usual)] * 2
    events = _joined(_events(told, far, count))
    honest = _joined(readings) + _mean(told, events)
    if told.timed:
        around = _mean(told, _company(told, honest[told.source]))
        honest = honest + around - _average(around, usual)
    spoke = count > 0
    return np.where(spoke, honest, 0.0)


def _events(told: Ratings, far: Floats, count: Ints) -> list[Floats]:
    """Return the readings of every event, as shares of the usual events at least as odd."""
    ends = (told.value == 0.0) | (told.value == 1.0)
    lone = count[told.source] == 1
    found = [
        _share(far, told.usual),
        np.where(ends, _average(ends, told.usual), 1.0),
        np.where(lone, _average(lone, told.usual), 1.0),
    ]
    if told.timed:
        order = np.lexsort((told.at, told.target))
        start = np.searchsorted(told.target[order], told.target[order], side="left")
        rank, first = np.empty(len(order)), np.empty(len(order))
        rank[order] = np.arange(len(order)) - start
        first[order] = told.at[order][start]
        found += [_share(-rank, told.usual), _share(first - told.at, told.usual)]
    return found


def _departure(told: Ratings) -> Floats:
    """Return how far each value lies from what the others say of its target."""
    others = np.bincount(told.target)[told.target]
    total = np.bincount(told.target, told.value)[told.target] - told.value
    return np.asarray(np.abs(told.value - (total + told.value.mean()) / others), np.float64)


def _sameness(told: Ratings) -> Floats:
    """Return by source how probable it is that two of its values are equal."""
    cell = number(told.source, np.rint(told.value * _GRAINS).astype(np.int64))
    often = np.bincount(cell).astype(np.float64)[cell]
    return _mean(told, often) / np.maximum(np.bincount(told.source, minlength=told.sources), 1)


def _brevity(told: Ratings) -> Floats:
    """Return by source 1 for a moment's life, 0 for `_SHORT` days and more."""
    first = np.full(told.sources, told.at.max(initial=0))
    last = np.full(told.sources, told.at.min(initial=0))
    np.minimum.at(first, told.source, told.at)
    np.maximum.at(last, told.source, told.at)
    days = np.maximum(last - first, 0) / _DAY
    return np.asarray(np.maximum(1.0 - days / _SHORT, 0.0), np.float64)


def _company(told: Ratings, belief: Floats) -> Floats:
    """Return for each event what is believed of the others at its target in the same days."""
    order = np.lexsort((told.at, told.target))
    at = told.at[order] - told.at.min(initial=0)
    width = int(at.max(initial=0)) + 2 * _WEEK + 1
    key = told.target[order] * np.float64(width) + at
    low, high = (np.searchsorted(key, key + step) for step in (-_WEEK, _WEEK + 1))
    total = np.concatenate([[0.0], np.cumsum(belief[order])])
    found = np.empty(len(order))
    found[order] = total[high] - total[low] - belief[order] + _DOUBT * belief.mean()
    size = np.empty(len(order))
    size[order] = high - low - 1 + _DOUBT
    return found / size


def _mean(told: Ratings, value: Floats) -> Floats:
    """Average by source; 0 for those without events."""
    count = np.bincount(told.source, minlength=told.sources)
    mean: Floats = np.bincount(told.source, value, told.sources) / np.maximum(count, 1)
    return mean


def _average(value: Floats | Flags, of: Flags) -> float:
    return float(value[of].mean()) if of.any() else 0.0


def _share(odd: Floats, usual: Flags) -> Floats:
    """Return the share of the usual that are at least as odd; small is suspicious."""
    total = int(usual.sum())
    if not total:
        return np.full(len(odd), 0.5)
    order = np.argsort(odd)
    ordered, counted = odd[order], usual[order]
    less: Ints = np.cumsum(counted) - counted
    new = np.diff(ordered, prepend=np.nan) != 0
    first = np.flatnonzero(new)[np.cumsum(new) - 1]
    found = np.empty(len(odd))
    found[order] = (total - less[first]) / total
    return found


def _joined(shares: list[Floats]) -> Floats:
    """Join readings into log-odds: the farther from all being 0, the more honest."""
    odd = 1.0 - np.sqrt(np.mean(np.square(shares), axis=0))
    odd = np.clip(odd, _LEAST, 1.0 - _LEAST)
    return np.asarray(np.log((1.0 - odd) / odd), np.float64)
