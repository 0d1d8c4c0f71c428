"""What a source misses inside a part of what it judges, against what it misses in the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp
from scipy.special import gammainc

from quarantine.evidence import Floats, Ints
from quarantine.facets import Facets

_OWN: Final = 2.0
"""So many events of a stranger stand beside a source's own."""
_RARE: Final = 0.03
_OFTEN: Final = 0.9
_TURNED: Final = (0.65, 0.8, 0.95)
"""How often who turns a part misses in it."""
_SPLIT: Final = 0.49
"""No miss is thought more usual than this where events are weighed singly."""
_MOST: Final = 4.5
"""So many nats, too few for an alarm, can come of which events were missed."""
_SHIFT: Final = 10.0
_MANY: Final = 10
_CHI: Final = 0.455
"""The median of chi-squared with one degree of freedom."""
_PACK: Final = 1 << 24
_WIDTH: Final = 256
"""Facets looked at together: what bounds the memory."""
_FULL: Final = 50.0
_SHARES: Final = (0.02, 0.1, 0.3)
"""So many of those who speak of a facet may turn it, where it is attacked."""
_LONE: Final = 0.05
"""So many of those who turn a facet do so alone."""
_SILENT: Final = 50.0
"""So many more sources are counted who speak of a facet: one that few know accuses nobody."""


@dataclass(frozen=True, slots=True)
class Misses:
    """Events in columns: whose, whether it missed what stands, and how usual a miss is there.

    `size` is the number of sources.
    """

    source: Ints
    missed: Floats
    usual: Floats
    size: int

    def leaning(self, kind: Ints, kinds: int) -> Misses:
        """Shift what is usual by how each source leans to one answer or another everywhere.

        `kind` is what stands at the event's target; in that honest sources differ most.
        """
        key = self.source * kinds + kind
        often = np.bincount(key, self.missed, self.size * kinds) + _OWN
        common = np.bincount(key, self.usual, self.size * kinds) + _OWN
        level = (self.by_source(self.missed) + _OWN) / (self.by_source(self.usual) + _OWN)
        usual = self.usual * (often / common)[key] / level[self.source]
        return Misses(self.source, self.missed, usual, self.size)

    def telling(self) -> Floats:
        """Return, by event, how much it tells of one who turns answers round, before its own level.

        Who does misses where others agree, and agrees where others are split.
        """
        usual = np.clip(self.usual, _RARE, _OFTEN)
        return np.asarray((1.0 - 2.0 * self.missed) * np.log(usual), np.float64)

    def by_source(self, column: Floats) -> Floats:
        """Sum up a column by source."""
        return np.asarray(np.bincount(self.source, column, self.size), np.float64)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Sources with the facets they met in often enough: `events` there, `missed` and `usual`.

    `telling` is the sum of what their events tell, each weighed singly.
    """

    source: Ints
    facet: Ints
    events: Floats
    missed: Floats
    usual: Floats
    telling: Floats


def met(seen: Misses, cut: Facets, least: int) -> Pairs:
    """Sum up by source and facet where both met in at least `least` events (sparse products)."""
    rows = np.arange(len(seen.source))
    shape = (seen.size, len(seen.source))
    # Events and misses in one whole number, so that both have one pattern.
    packed = (seen.missed * _PACK + 1.0).astype(np.int64)
    count = sp.csr_array((packed, (seen.source, rows)), shape=shape)
    common = sp.csr_array((seen.usual, (seen.source, rows)), shape=shape)
    # Shifted, so that no sum is 0 and all products have one pattern.
    singly = sp.csr_array((seen.telling() + _SHIFT, (seen.source, rows)), shape=shape)
    found = [Pairs(*(np.empty(0, np.int64),) * 2, *(np.empty(0),) * 4)]
    for first in range(0, len(cut), _WIDTH):
        about = cut.table(first, min(first + _WIDTH, len(cut)), len(rows))
        told, usual, singly_told = ((each @ about).tocoo() for each in (count, common, singly))
        events = told.data % _PACK
        kept = events >= least
        found.append(
            Pairs(
                told.row[kept].astype(np.int64),
                told.col[kept].astype(np.int64) + first,
                events[kept].astype(np.float64),
                (told.data[kept] // _PACK).astype(np.float64),
                usual.data[kept],
                singly_told.data[kept] - _SHIFT * events[kept],
            )
        )
    names = ("source", "facet", "events", "missed", "usual", "telling")
    return Pairs(*(np.concatenate([getattr(part, name) for part in found]) for name in names))


def turned(pairs: Pairs, seen: Misses) -> Floats:
    """Return, by pair, the nats for "misses most inside" against "misses as outside".

    Outside counts with one deviation in the source's favour; the nats are divided by how much more
    alike the events of one honest source in one facet are than if they were independent. Half of
    the weight is on how many were missed, half on which.
    """
    outside = seen.by_source(seen.missed)[pairs.source] - pairs.missed + _OWN
    common = seen.by_source(seen.usual)[pairs.source] - pairs.usual + _OWN
    share = pairs.usual / np.maximum(pairs.events, 1.0) / common
    chance = np.clip(share * (outside + np.sqrt(outside)), _RARE, _OFTEN)
    loose = 1.0 + (pairs.events - 1.0) * _looseness(pairs, np.clip(share * outside, _RARE, _OFTEN))
    told = [
        np.where(
            often > chance,
            pairs.missed * np.log(often / chance)
            + (pairs.events - pairs.missed) * np.log((1.0 - often) / (1.0 - chance)),
            0.0,
        )
        / loose
        for often in _TURNED
    ]
    often = np.logaddexp.reduce(told, axis=0) - np.log(len(told))
    singly = np.minimum(_reversed(pairs, chance) / loose, _MOST)
    return np.asarray(np.logaddexp(often, singly) - np.log(2.0), np.float64)


def _reversed(pairs: Pairs, chance: Floats) -> Floats:
    """Return, by pair, the nats for "turned round" against missing with this chance on the whole.

    Single events are weighed by what is usual there, times how much more the source misses.
    """
    chance = np.minimum(chance, _SPLIT)
    level = np.log(chance) - np.log(np.maximum(pairs.usual / np.maximum(pairs.events, 1.0), _RARE))
    more = 2.0 * pairs.missed - pairs.events
    return np.asarray(pairs.telling + more * (np.log1p(-chance) - level), np.float64)


def _looseness(pairs: Pairs, chance: Floats) -> float:
    """Return the intraclass correlation of a source's events in a facet, where all are honest.

    By the median over pairs with enough events (a beta-binomial by moments), which attackers do not
    move: honest sources are not equally able at everything.
    """
    many = pairs.events >= _MANY
    if many.sum() < _MANY:
        return 0.0
    events, chance = pairs.events[many], chance[many]
    away = (pairs.missed[many] - events * chance) ** 2 / (events * chance * (1.0 - chance))
    return float(np.clip(np.median((away / _CHI - 1.0) / (events - 1.0)), 0.0, 1.0))


def suspected(pairs: Pairs, nats: Floats, cut: Facets, few: float) -> Floats:
    """Return, by pair, how probable it is that its facet is attacked: what the others there say.

    Several sleepers share their topic. The nats of all others who speak of it are weighed against
    nobody's turning it, for several shares of attackers among them. A facet that more than `few` of
    its sources turn is no attack by them but one on the others. Topics and words share alike.
    """
    size = len(cut)
    told = []
    for share in _SHARES:
        said = np.logaddexp(np.log1p(-share), np.log(share) + nats)
        told.append(np.bincount(pairs.facet, said, size)[pairs.facet] - said)
    others = np.logaddexp.reduce(told, axis=0) - np.log(len(told))
    least = _SHARES[0]
    sure = 1.0 / (1.0 + (1.0 / least - 1.0) * np.exp(-nats))
    turns = np.bincount(pairs.facet, sure, size)
    theirs = turns / np.maximum(np.bincount(pairs.facet, minlength=size), 1) > few
    odds = np.log(_even(cut)[pairs.facet]) + np.clip(others, -_FULL, _FULL)
    return np.where(theirs[pairs.facet], 0.0, 1.0 / (1.0 + np.exp(-odds)))


def _even(cut: Facets) -> Floats:
    """Return each facet's share before anything is heard: topics and words share alike."""
    topic = np.arange(len(cut)) < cut.topics
    return 0.5 / np.where(topic, max(cut.topics, 1), max(len(cut) - cut.topics, 1))


def weighed(pairs: Pairs, attacked: Floats, cut: Facets, seen: Misses, least: int) -> Floats:
    """Return, by pair, the log-weight of its ratio; the weights sum up to the number of sources.

    Who is bad turns a facet that others turn too, or, as one in `_LONE` does, any of its own. Who
    never speaks of what is attacked did not attack it, so those who do share the suspicion, the
    less of it the more probably anybody who says as much would speak of it.
    """
    even = _even(cut)[pairs.facet]
    every = np.bincount(pairs.source, even, seen.size)[pairs.source]
    whole = np.maximum(np.bincount(pairs.source, attacked, seen.size), 1.0)[pairs.source]
    usual = _spoken(pairs, cut, seen, least)
    weight = _LONE * even / every + (1.0 - _LONE) * attacked / whole / usual
    return np.asarray(np.log(weight * len(np.unique(pairs.source)) / weight.sum()), np.float64)


def _spoken(pairs: Pairs, cut: Facets, seen: Misses, least: int) -> Floats:
    """Return, by pair, how probable it is that who says as much speaks `least` times of the facet.

    By a Poisson number of events there, and no less than the share of sources that do speak of it.
    """
    if not len(pairs.source):
        return np.empty(0)
    mean = seen.by_source(np.ones(len(seen.source)))[pairs.source]
    mean = mean * (np.diff(cut.start) / len(seen.source))[pairs.facet]
    judged = len(np.unique(pairs.source))
    share = np.bincount(pairs.facet, minlength=len(cut))[pairs.facet] / judged
    usual = np.maximum(gammainc(least, mean), share) + _SILENT / judged
    return np.asarray(np.minimum(usual, 1.0), np.float64)


def together(pairs: Pairs, nats: Floats, weight: Floats, size: int) -> tuple[Floats, Ints]:
    """Return, by source, the nats of the weighted sum of ratios, and the facet that says most."""
    both = nats + weight
    order = np.lexsort((both, pairs.source))
    last = order[np.flatnonzero(np.diff(pairs.source[order], append=-1))]
    best, top = np.zeros(size, np.int64), np.zeros(size)
    best[pairs.source[last]] = pairs.facet[last]
    top[pairs.source[last]] = both[last]
    ratio = np.bincount(pairs.source, np.exp(both - top[pairs.source]), size)
    found = np.full(size, -np.inf)
    found[ratio > 0] = top[ratio > 0] + np.log(ratio[ratio > 0])
    return found, best
