"""How a source's values depart from the others' in a part of what it judges, and in the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.contrasts import Pairs
from quarantine.evidence import Flags, Floats, Ints
from quarantine.facets import Facets
from quarantine.others import Rows
from quarantine.overlap import number

_STRANGERS: Final = 2.0
"""So many strangers stand beside the others at a target."""
_CROWD: Final = 10.0
"""Events of the crowd's variance, added to what is known of a source's own."""
_FAINT: Final = 1e-4
_FAR: Final = 1.0
"""How far one who lies in a part departs there, in deviations of a single event."""
_MIDDLE: Final = 0.4549
"""The median of a chi-square variable with one degree of freedom."""


@dataclass(frozen=True, slots=True)
class Departures:
    """Events in columns: whose, and how far `away` its value is from the others' mean (-1..1).

    `height` is how far that mean is from what is usual; `size` is the number of sources.
    """

    source: Ints
    away: Floats
    height: Floats
    size: int


def departures(rows: Rows, value: Floats, row: Ints, among: Flags) -> Departures:
    """Compare the values of `row` with the mean of the other voices `among` which all stand."""
    kept = among.astype(np.float64)
    plain = np.where(among, value, 0.0)
    usual = np.bincount(rows.group, plain) / np.maximum(np.bincount(rows.group, kept), 1.0)
    usual = usual[rows.group]
    voices = rows.others(kept)
    mean = (rows.others(plain) + _STRANGERS * usual) / (voices + _STRANGERS)
    return Departures(
        rows.source[row],
        (plain - mean)[row],
        (mean - usual)[row],
        int(rows.source[row].max(initial=-1)) + 1,
    )


def contrasted(seen: Departures, cut: Facets, least: int) -> tuple[Pairs, Floats]:
    """Return who spoke `least` times inside a facet and outside it, and the nats by such pair.

    They are of "departs inside otherwise than outside": by a shift, or by a slope, turned round
    against the others' mean, each with a normal prior for how far (Wakefield 2009). What honest
    sources differ by from facet to facet is taken out first (genomic control, Devlin and Roeder
    1999): the middle of all squares is theirs.
    """
    facet = np.repeat(np.arange(len(cut)), np.diff(cut.start))
    source = seen.source[cut.row]
    key = number(source, facet)
    _, one = np.unique(key, return_index=True)
    inside = _Sums.of(seen, cut.row, key)
    every = _Sums.of(seen, np.arange(len(seen.source)), seen.source, seen.size)
    outside = every.at(source[one]).less(inside)
    kept = np.flatnonzero((inside.count >= least) & (outside.count >= least))
    inside, outside = inside.at(kept), outside.at(kept)
    noise = outside.variance(float((seen.away**2).mean()))
    shift = _told(*_shifted(inside, outside), noise, two_sided=True)
    slope = _told(*_sloped(inside, outside), noise, two_sided=False)
    nothing = np.zeros(len(kept))
    pairs = Pairs(source[one][kept], facet[one][kept], inside.count, inside.away, nothing, nothing)
    return pairs, np.asarray(np.logaddexp(shift, slope) - np.log(2.0), np.float64)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums over events: how many, departures and heights, their squares, and their product."""

    count: Floats
    away: Floats
    height: Floats
    away2: Floats
    height2: Floats
    both: Floats

    @classmethod
    def of(cls, seen: Departures, event: Ints, key: Ints, size: int = 0) -> _Sums:
        """Sum up some events by key."""
        away, height = seen.away[event], seen.height[event]
        columns = (np.ones(len(event)), away, height, away**2, height**2, away * height)
        return cls(*(np.bincount(key, each, size).astype(np.float64) for each in columns))

    def columns(self) -> tuple[Floats, ...]:
        """Return the sums one by one."""
        return (self.count, self.away, self.height, self.away2, self.height2, self.both)

    def at(self, place: Ints) -> _Sums:
        """Return the sums at these places."""
        return _Sums(*(each[place] for each in self.columns()))

    def less(self, part: _Sums) -> _Sums:
        """Return what is left without a part."""
        pairs = zip(self.columns(), part.columns(), strict=True)
        return _Sums(*(every - some for every, some in pairs))

    def variance(self, usual: float) -> Floats:
        """Return the variance of a departure, drawn to the `usual` one."""
        around = np.maximum(self.away2 - self.away**2 / self.count, 0.0)
        told = (around + _CROWD * usual) / (self.count + _CROWD)
        return np.asarray(np.maximum(told, _FAINT), np.float64)

    def slope(self) -> Floats:
        """Return how departures go with heights, drawn to not at all."""
        around = self.both - self.away * self.height / self.count
        spread = np.maximum(self.height2 - self.height**2 / self.count, 0.0)
        return np.asarray(around / (spread + _CROWD * _FAINT), np.float64)


def _shifted(inside: _Sums, outside: _Sums) -> tuple[Floats, Floats]:
    """Return the difference of the means, and its variance in events' variances."""
    by = inside.away / inside.count - outside.away / outside.count
    return by, 1.0 / inside.count + 1.0 / outside.count


def _sloped(inside: _Sums, outside: _Sums) -> tuple[Floats, Floats]:
    """Return the difference of the slopes, in heights as they usually are, and its variance."""
    usual = max(float(np.sum(inside.height2) / max(float(inside.count.sum()), 1.0)), _FAINT)
    spread = [
        np.maximum(each.height2 - each.height**2 / each.count, _FAINT) for each in (inside, outside)
    ]
    by = (inside.slope() - outside.slope()) * np.sqrt(usual)
    return by, usual / spread[0] + usual / spread[1]


def _told(by: Floats, doubt: Floats, noise: Floats, *, two_sided: bool) -> Floats:
    """Return the nats for a difference; `doubt` is its variance in variances (`noise`) of one."""
    square = by**2 / (noise * doubt)
    loose = max(float(np.median(square)) / _MIDDLE, 1.0) if len(square) else 1.0
    share = _FAR**2 / (_FAR**2 + doubt * loose)
    nats = 0.5 * np.log1p(-share) + 0.5 * share * square / loose
    return np.where(two_sided | (by < 0), nats, 0.5 * np.log1p(-share))
