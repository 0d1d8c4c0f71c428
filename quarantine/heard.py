"""Windows of words in the texts that rows have, and who has them: there phrases are looked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from quarantine.evidence import Flags, Ints
from quarantine.spoken import Spoken

Keys = npt.NDArray[np.uint64]

NEXT: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_FIRST: Final = 100_000
_SPAN: Final = 2_000_000
"""Words looked at together: what bounds the memory beside four bytes and a flag a word."""
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Heard:
    """The texts that rows have, and who has them.

    Of text t the rows are `row[first[t]:first[t + 1]]`, and its voices from `begun[t]` to
    `begun[t + 1]`: each `voice` (a cluster) once, with its number of rows in `many`.
    """

    spoken: Spoken
    cluster: Ints
    row: Ints
    first: Ints
    voice: Ints
    many: Ints
    begun: Ints

    @classmethod
    def of(cls, spoken: Spoken, cluster: Ints) -> Heard:
        """Take what rows say, and the cluster of each (numbers from 0)."""
        row, field = np.nonzero(spoken.text >= 0)
        text = spoken.text[row, field].astype(np.int64)
        order = np.argsort(text, kind="stable")
        row, text, every = row[order].astype(np.int64), text[order], np.arange(len(spoken.start))
        clusters = int(cluster.max(initial=0)) + 1
        pairs, many = np.unique(text * clusters + cluster[row], return_counts=True)
        return cls(
            spoken=spoken,
            cluster=cluster,
            row=row,
            first=np.searchsorted(text, every).astype(np.int64),
            voice=pairs % clusters,
            many=many.astype(np.int64),
            begun=np.searchsorted(pairs // clusters, every).astype(np.int64),
        )

    @property
    def weight(self) -> Ints:
        """Return by text in how many rows it stands."""
        return np.diff(self.first)


def expanded(first: Ints, text: Ints) -> tuple[Ints, Ints]:
    """Return for each of these texts the places of all it has, and the place in `text` of each."""
    size = np.diff(first)[text]
    of = np.repeat(np.arange(len(text)), size)
    return np.arange(len(of)) - (np.cumsum(size) - size)[of] + first[text][of], of


@dataclass(slots=True)
class Windows:
    """The windows of n words that can still be in many rows, order by order (Apriori).

    `alive` says by place in `word` whether a window of one word less begins there that is in enough
    rows; a longer one is in no more than those it is made of (Agrawal and Srikant 1994).
    """

    heard: Heard
    alive: Flags
    size: int
    longer: Flags

    @classmethod
    def of(cls, heard: Heard) -> Windows:
        """Begin with all words of texts that some row has."""
        alive = np.repeat(heard.weight > 0, np.diff(heard.spoken.start))
        return cls(heard, alive, 1, np.zeros(len(alive), np.bool_))

    def grow(self) -> None:
        """Go on to windows that are one word longer, made of those that were marked `longer`."""
        self.alive, self.longer = self.longer, np.zeros(len(self.alive), np.bool_)
        self.size += 1

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield spans of whole texts of at most `_SPAN` words, the first of them short."""
        start = self.heard.spoken.start
        first, most = 0, _FIRST
        while first < len(start) - 1:
            last = int(np.searchsorted(start, start[first] + most, side="right")) - 1
            yield first, max(last, first + 1)
            first, most = max(last, first + 1), min(2 * most, _SPAN)

    def windows(self, first: int, last: int) -> tuple[Keys, Ints, Ints]:
        """Return the windows in the texts from `first` to `last`: key, place and text."""
        start, size = self.heard.spoken.start, self.size
        begin, end = int(start[first]), int(start[last])
        alive = self.alive[begin:end]
        if size > 1:
            alive = alive[:-1] & alive[1:]
        at = np.flatnonzero(alive) + begin
        of = np.repeat(np.arange(first, last), np.diff(start[first : last + 1]))
        text = of[at - begin]
        inside = at + size <= start[text + 1]
        at, text = at[inside], text[inside]
        return _keys(self.heard.spoken, at, size), at, text


def _keys(spoken: Spoken, at: Ints, size: int) -> Keys:
    """Mix the numbers of the words of windows; of two words the order does not count."""
    first = mixed(spoken.word[at].astype(np.uint64) + NEXT)
    if size == 1:
        return first
    if size == _PAIR:
        return mixed(first + mixed(spoken.word[at + 1].astype(np.uint64) + NEXT))
    for step in range(1, size):
        first = mixed(first * NEXT + spoken.word[at + step].astype(np.uint64) + np.uint64(size))
    return first


def mixed(key: Keys) -> Keys:
    """Return the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    key = (key ^ (key >> np.uint64(30))) * _MIX[0]
    key = (key ^ (key >> np.uint64(27))) * _MIX[1]
    return np.asarray(key ^ (key >> np.uint64(31)), np.uint64)
