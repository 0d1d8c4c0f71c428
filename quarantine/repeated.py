"""Phrases that stand in many rows and have few voices behind them: counted exactly, all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from quarantine.evidence import Flags, Ints
from quarantine.heard import NEXT, Heard, Keys, Windows, expanded, mixed
from quarantine.spoken import Spoken

_FEWEST_BITS, _MOST_BITS = 12, 25
_KNOWN_BITS: Final = np.uint64(64 - 20)


@dataclass(frozen=True, slots=True)
class Terms:
    """A phrase of up to `words` words in more than `rows` rows needs `clusters` clusters.

    No words: nothing is asked. With `each`, fewer clusters have it in so many rows for each of them
    at the most.
    """

    rows: int
    clusters: int
    words: int
    each: int = 0

    @property
    def fewest(self) -> int:
        """Return in how many rows any phrase may stand, whoever says it."""
        return min(self.each, self.rows) if self.each else self.rows

    def most(self, clusters: Ints) -> Ints:
        """Return in how many rows a phrase may stand that so few clusters say."""
        if not self.each:
            return np.full(len(clusters), self.rows, np.int64)
        return np.minimum(self.rows, self.each * clusters)

    def asked(self, existing: int) -> int:
        """Return how many clusters are needed where so many exist in all.

        Never more than two thirds of them, rounded up: thirty rows drawn from ten voices miss one
        as often as not, and a rule that stops every such word stops everything.
        """
        return min(self.clusters, -(-2 * existing // 3))


@dataclass(frozen=True, slots=True)
class Repeated:
    """Phrases that lack support: `rows`, `clusters` and length in `words` of each.

    `place` is where each stands first in `Spoken.word`; `phrase[i]` stands in row `row[i]`, by
    phrase and rising rows.
    """

    row: Ints
    phrase: Ints
    rows: Ints
    clusters: Ints
    words: Ints
    place: Ints

    def __len__(self) -> int:
        """Return the number of phrases."""
        return len(self.rows)


def unsupported(spoken: Spoken, cluster: Ints, terms: Terms) -> Repeated:
    """Return the phrases in more rows than `terms` allow to as few clusters as say them.

    `cluster` is each row's cluster (any numbers). Phrases are words, pairs of neighbours in either
    order, and runs of three words and more in theirs. Exact but for equal 64-bit keys of different
    phrases; the same rows in any order give the same phrases.
    """
    cluster = np.unique(cluster, return_inverse=True)[1].astype(np.int64)
    heard = Heard.of(spoken, cluster)
    asked = terms.asked(int(cluster.max(initial=-1)) + 1)
    windows = Windows.of(heard)
    found = [_nothing()]
    while windows.size <= terms.words and windows.alive.any():
        suspects = _suspects(windows, terms, asked)
        found.append(_counted(windows, suspects, terms, asked))
        windows.grow()
    return _joined(found)


def _crowded(windows: Windows, most: int) -> tuple[npt.NDArray[np.uint32], np.uint64]:
    """Count rows by bucket of keys, an upper bound for each key; return the shift to a bucket."""
    total = int(windows.alive.sum())
    bits = int(np.clip(total.bit_length() + 1, _FEWEST_BITS, _MOST_BITS))
    shift = np.uint64(64 - bits)
    counts = np.zeros(1 << bits, np.uint32)
    weight = np.minimum(windows.heard.weight, most + 1).astype(np.uint32)
    for first, last in windows.spans():
        key, _, text = windows.windows(first, last)
        np.add.at(counts, (key >> shift).astype(np.int64), weight[text])
    return counts, shift


@dataclass(slots=True)
class _Known:
    """Keys that are known to have support; it may forget one, and never makes one up."""

    slots: Keys

    def has(self, key: Keys) -> Flags:
        """Say of which keys support is known."""
        return np.asarray(self.slots[(key >> _KNOWN_BITS).astype(np.int64)] == key, np.bool_)

    def learn(self, key: Keys) -> None:
        """Remember keys."""
        self.slots[(key >> _KNOWN_BITS).astype(np.int64)] = key


@dataclass(slots=True)
class _Heap:
    """Keys with clusters that have them and the rows in those, until enough are behind a key."""

    key: Keys
    cluster: Ints
    rows: Ints

    def add(self, heard: Heard, key: Keys, text: Ints) -> None:
        """Put windows in with the voices of their texts, and sum up equal pairs."""
        pair = mixed(key + text.astype(np.uint64) * NEXT)
        once = np.unique(pair, return_index=True)[1]
        voice, of = expanded(heard.begun, text[once])
        self.key = np.concatenate([self.key, key[once][of]])
        cluster = np.concatenate([self.cluster, heard.voice[voice]])
        rows = np.concatenate([self.rows, heard.many[voice]])
        pair = mixed(self.key + (cluster.astype(np.uint64) + np.uint64(1)) * NEXT)
        _, first, place = np.unique(pair, return_index=True, return_inverse=True)
        self.rows = np.bincount(place, rows, len(first)).astype(np.int64)
        self.key, self.cluster = self.key[first], cluster[first]

    def supported(self, asked: int) -> Keys:
        """Take out and return the keys that have so many clusters."""
        _, of, behind = np.unique(self.key, return_inverse=True, return_counts=True)
        enough = behind[of] >= asked
        found = self.key[enough]
        self.key, self.cluster = self.key[~enough], self.cluster[~enough]
        self.rows = self.rows[~enough]
        return found


def _suspects(windows: Windows, terms: Terms, asked: int) -> Keys:
    """Return the keys that may be in too many rows with too few clusters, rising; none is missing.

    Marks as `longer` the windows whose bucket is in more rows than any phrase may be.
    """
    counts, shift = _crowded(windows, terms.fewest)
    known = _Known(np.zeros(1 << (64 - int(_KNOWN_BITS)), np.uint64))
    common = np.diff(windows.heard.begun) >= asked
    heap = _Heap(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))
    for first, last in windows.spans():
        key, at, text = windows.windows(first, last)
        crowded = counts[(key >> shift).astype(np.int64)] > terms.fewest
        windows.longer[at[crowded]] = True
        known.learn(key[crowded & common[text]])
        fresh = crowded & ~common[text] & ~known.has(key)
        heap.add(windows.heard, key[fresh], text[fresh])
        known.learn(heap.supported(asked))
    keys, of, behind = np.unique(heap.key, return_inverse=True, return_counts=True)
    many = np.bincount(of, heap.rows, len(keys)) > terms.most(behind)
    return np.asarray(keys[many], np.uint64)


def _counted(windows: Windows, suspects: Keys, terms: Terms, asked: int) -> Repeated:
    """Count rows and clusters of the suspects, exactly; return those that lack support."""
    if not len(suspects):
        return _nothing()
    heard = windows.heard
    rows = max(len(heard.spoken), 1)
    cells, places = [np.empty(0, np.int64)], np.full(len(suspects), len(heard.spoken.word))
    for first, last in windows.spans():
        key, at, text = windows.windows(first, last)
        place = np.minimum(np.searchsorted(suspects, key), len(suspects) - 1)
        here = np.flatnonzero(suspects[place] == key)
        stands, of = expanded(heard.first, text[here])
        cells.append(np.unique(place[here][of] * rows + heard.row[stands]))
        np.minimum.at(places, place[here], at[here])
    cell = np.unique(np.concatenate(cells))
    phrase, row = cell // rows, cell % rows
    size = np.bincount(phrase, minlength=len(suspects))
    clusters = int(heard.cluster.max(initial=0)) + 1
    voices = np.unique(phrase * clusters + heard.cluster[row]) // clusters
    behind = np.bincount(voices, minlength=len(suspects))
    lacking = (size > terms.most(behind)) & (behind < asked)
    kept = lacking[phrase]
    return Repeated(
        row=row[kept],
        phrase=(np.cumsum(lacking) - 1)[phrase[kept]],
        rows=size[lacking],
        clusters=behind[lacking],
        words=np.full(int(lacking.sum()), windows.size),
        place=places[lacking],
    )


def _nothing() -> Repeated:
    return Repeated(*(np.empty(0, np.int64),) * 6)


def _joined(parts: list[Repeated]) -> Repeated:
    before = np.cumsum([0, *(len(part) for part in parts)])
    return Repeated(
        row=np.concatenate([part.row for part in parts]),
        phrase=np.concatenate(
            [part.phrase + first for part, first in zip(parts, before, strict=False)]
        ),
        rows=np.concatenate([part.rows for part in parts]),
        clusters=np.concatenate([part.clusters for part in parts]),
        words=np.concatenate([part.words for part in parts]),
        place=np.concatenate([part.place for part in parts]),
    )
