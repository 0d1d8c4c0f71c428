"""How much must be read to bound what is bad in what nobody read: exact, without replacement."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from math import comb

from approvals.electorate import Reading


@lru_cache(maxsize=1024)
def needed(rows: int, reading: Reading) -> int:
    """Return how many of `rows` must be read, none being bad, to bound the bad at `share`.

    If more than `share` of them were bad, a random sample of this size would show one with at
    least `confidence` (hypergeometric; for many rows and 5 % at 95 % it is 58 or 59).
    """
    bad = int(reading.share * rows + 1e-9) + 1
    if bad > rows:
        return 0
    missed, read = 1.0, 0
    while missed > 1 - reading.confidence:
        missed *= max(0, rows - bad - read) / (rows - read)
        read += 1
    return read


def bound(rows: int, read: int, found: int, confidence: float) -> float:
    """Return the largest share of bad rows that a sample of `read`, `found` bad, does not refute.

    Exact by the hypergeometric distribution (Clopper-Pearson without replacement): the greatest
    share whose chance of showing at most `found` bad ones is still above 1 - `confidence`.
    """
    low, high = found, rows - (read - found)
    while low < high:
        middle = (low + high + 1) // 2
        if _at_most(found, rows, middle, read) > 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return low / rows if rows else 0.0


def to_read(indexes: Sequence[int], seed: str, count: int) -> list[int]:
    """Return `count` of `indexes` (log rows, rising), chosen by `seed` alone: the same for all."""
    ranked = sorted(indexes, key=lambda index: hashlib.sha256(f"{seed}/{index}".encode()).digest())
    return sorted(ranked[:count])


def _at_most(found: int, rows: int, bad: int, read: int) -> float:
    """Return the chance that a sample of `read` shows at most `found` of `bad` bad rows."""
    whole = comb(rows, read)
    seen = (comb(bad, k) * comb(rows - bad, read - k) for k in range(min(found, bad, read) + 1))
    return sum(seen) / whole
