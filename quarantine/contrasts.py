"""What a source misses inside a part of what it judges, against what it misses in the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

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
_FULL: Final = 30.0


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


def suspected(pairs: Pairs, nats: Floats, cut: Facets, attackers: float, few: float) -> Floats:
    """Return, by pair, the log-weight of its facet: what the other sources say against it.

    Several sleepers share their topic: each is weighed there by the likelihood ratio of all others,
    one in `attackers` of whom may be bad. A facet that more than `few` of its sources turn is no
    attack by them but one on the others, and gains nothing. Topics and words share alike.
    """
    size = len(cut)
    topic = np.arange(size) < cut.topics
    prior = -np.log(2.0 * np.where(topic, max(cut.topics, 1), max(size - cut.topics, 1)))
    said = np.logaddexp(np.log1p(-attackers), np.log(attackers) + nats)
    every = np.bincount(pairs.facet, said, size)
    sure = np.bincount(pairs.facet, np.exp(np.log(attackers) + nats - said), size)
    share = sure / np.maximum(np.bincount(pairs.facet, minlength=size), 1)
    others = np.clip(every[pairs.facet] - said, 0.0, _FULL)
    return np.asarray(prior[pairs.facet] + np.where(share[pairs.facet] <= few, others, 0.0))


def together(pairs: Pairs, nats: Floats, weight: Floats, size: int) -> tuple[Floats, Ints]:
    """Return, by source, the nats of the weighted mean ratio, and the facet that says most."""
    both = nats + weight
    order = np.lexsort((both, pairs.source))
    last = order[np.flatnonzero(np.diff(pairs.source[order], append=-1))]
    best, top, heavy = np.zeros(size, np.int64), np.zeros(size), np.full(size, -np.inf)
    best[pairs.source[last]] = pairs.facet[last]
    top[pairs.source[last]] = both[last]
    np.maximum.at(heavy, pairs.source, weight)
    ratio = np.bincount(pairs.source, np.exp(both - top[pairs.source]), size)
    whole = np.bincount(pairs.source, np.exp(weight - heavy[pairs.source]), size)
    spoke = whole > 0
    found = np.full(size, -np.inf)
    found[spoke] = top[spoke] + np.log(ratio[spoke]) - heavy[spoke] - np.log(whole[spoke])
    return found, best
