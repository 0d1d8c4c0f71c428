"""Where words stand in a range of the log, as bytes: found again without reading the range."""

from __future__ import annotations

import hashlib
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final

from quarantine.log import frame

BUCKETS: Final = 64
"""So many parts have the places of a column, and a word's are all in one of them.

Of more parts one would be read faster, and be smaller than the pages that a database keeps it in.
"""
_PLACE: Final = 16
_MARK: Final = 48
"""Bits of a place in its range, and of what stands for a word; together one number."""
MOST: Final = 1 << _PLACE
"""No range is wider than a place can say."""
_SEAL: Final = 16
_NUMBER: Final = "Q"


def marked(word: object) -> tuple[int, int]:
    """Return the bucket of a word, and the 48 bits that stand for it there.

    Two words may share theirs, by chance or because somebody looked for such a pair: who asks for
    one is then given the places of both, and looks at the rows. No place is ever left out.
    """
    bits = int.from_bytes(hashlib.blake2b(str(word).encode(), digest_size=7).digest())
    return (bits >> _MARK) % BUCKETS, bits & ((1 << _MARK) - 1)


def cited(column: Iterable[tuple[int, object]]) -> list[bytes]:
    """Spell where the words of one column stand: a part for each bucket, in their order.

    `column` gives places in the range (below `MOST`) with the word there.
    """
    buckets = [array(_NUMBER) for _ in range(BUCKETS)]
    known: dict[object, tuple[int, int]] = {}
    for place, word in column:
        mark = known.get(word)
        if mark is None:
            bucket, bits = marked(word)
            mark = known[word] = (bucket, bits << _PLACE)
        buckets[mark[0]].append(mark[1] | place)
    return [_spelled(array(_NUMBER, sorted(each))) for each in buckets]


def places(part: bytes, word: object) -> Iterator[int]:
    """Yield the places in its range at which `word` may stand, given the part of its bucket."""
    numbers = array(_NUMBER)
    numbers.frombytes(part)
    if sys.byteorder == "big":
        numbers.byteswap()
    _, bits = marked(word)
    for at in range(bisect_left(numbers, bits << _PLACE), len(numbers)):
        if numbers[at] >> _PLACE != bits:
            return
        yield numbers[at] & (MOST - 1)


def sealed(root: bytes, about: str, part: bytes) -> bytes:
    """Return what goes with a part: `about` says whose it is, `root` over which leaves.

    It tells a part that was mixed up or spoiled, not one that somebody made on purpose: the store's
    `verify` tells those.
    """
    return hashlib.sha256(frame(b"concordance/1", about.encode(), root, part)).digest()[:_SEAL]


def _spelled(numbers: array[int]) -> bytes:
    """Return numbers as bytes that are the same on every machine."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
