"""Whether a reviewer is awake: known cases, a sequential test, and who agrees with whom too well.

The test is Wald's (Sequential Tests of Statistical Hypotheses, 1945), one-sided: the likelihood
ratio of a misser of `MISSER` over a good reviewer of `GOOD` is a martingale for the latter, so by
Ville's inequality it ever reaches 1 / `WRONGLY` with a chance of at most `WRONGLY`, however long
the test goes on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, NamedTuple

GOOD: Final = 0.035
"""What share of unambiguous probes a good reviewer may miss."""
MISSER: Final = 0.4
"""What share a reviewer misses who must be found."""
WRONGLY: Final = 0.01
"""With what chance a good reviewer may ever be flagged."""
FEWEST_JOINT: Final = 10
"""Fewer probes that two reviewers both answered tell nothing of the pair."""
_MISSED: Final = math.log(MISSER / GOOD)
_SEEN: Final = math.log((1 - MISSER) / (1 - GOOD))
_FLAG: Final = math.log(1 / WRONGLY) - 1e-9
_Z: Final = 1.959963984540054


class Answer(NamedTuple):
    """One reviewer's answer to one probe: whether it was bad, its class, whether they saw it."""

    probe: str
    bad: bool
    attack: str
    is_right: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something was missed of how many, with its 95 % interval (Wilson, 1927)."""

    missed: int
    of: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Record:
    """A reviewer's own record, as they and everybody see it: by what the probes were.

    `flagged_after` is how many probes of one sort (bad or good) it took until the test rang,
    absent where it did not.
    """

    answers: int
    bad: Rate
    good: Rate
    by_attack: Mapping[str, Rate]
    flagged_after: int | None


class Pair(NamedTuple):
    """Two reviewers who are wrong together more often than two who do not know of each other."""

    first: str
    second: str
    joint: int
    together: int
    chance: float


def flagged_after(missed: Iterable[bool]) -> int | None:
    """Return after how many probes the test rings, absent where it does not.

    Two misses at once ring; a reviewer who misses `MISSER` of them is found after 7 or 8 (median).
    """
    ratio = 0.0
    for count, each in enumerate(missed, start=1):
        ratio += _MISSED if each else _SEEN
        if ratio >= _FLAG:
            return count
    return None


def record(answers: Sequence[Answer]) -> Record:
    """Return the record that `answers` (oldest first) make; bad and good probes are tested apart.

    Who lets everything through misses every bad one, who holds everything every good one: a test
    over both together would hide either for twice as long.
    """
    bad = [each for each in answers if each.bad]
    good = [each for each in answers if not each.bad]
    rang = [flagged_after(not each.is_right for each in sort) for sort in (bad, good)]
    attacks = sorted({each.attack for each in bad})
    return Record(
        answers=len(answers),
        bad=rate(bad),
        good=rate(good),
        by_attack={name: rate([each for each in bad if each.attack == name]) for name in attacks},
        flagged_after=min((each for each in rang if each is not None), default=None),
    )


def rate(answers: Sequence[Answer]) -> Rate:
    """Return the share of `answers` that are wrong, with its interval; all of 0..1 for none."""
    missed, of = sum(not each.is_right for each in answers), len(answers)
    if not of:
        return Rate(0, 0, 0.0, 1.0)
    share, square = missed / of, _Z**2 / of
    middle = share + square / 2
    half = _Z * math.sqrt(share * (1 - share) / of + square / of / 4)
    low, high = ((middle - half) / (1 + square), (middle + half) / (1 + square))
    return Rate(missed, of, max(0.0, low), min(1.0, high))


def pairs(answers: Mapping[str, Sequence[Answer]], *, wrongly: float = WRONGLY) -> list[Pair]:
    """Return the pairs that are wrong on the same probes too often, the least likely first.

    Held against what each of the two misses by itself: that two good reviewers are nearly always
    right together says nothing. Exact (Fisher's test, 1922, one-sided), corrected for the number
    of pairs (Bonferroni).
    """
    known = {name: {each.probe: each.is_right for each in own} for name, own in answers.items()}
    names = sorted(known)
    count = max(1, len(names) * (len(names) - 1) // 2)
    found = []
    for first, second in combinations(names, 2):
        joint = sorted(known[first].keys() & known[second].keys())
        if len(joint) < FEWEST_JOINT:
            continue
        wrong = ([not known[name][probe] for probe in joint] for name in (first, second))
        pair = _pair(first, second, *wrong)
        if pair.chance * count <= wrongly:
            found.append(pair)
    return sorted(found, key=lambda pair: pair.chance)


def _pair(first: str, second: str, mine: Sequence[bool], theirs: Sequence[bool]) -> Pair:
    joint, one, other = len(mine), sum(mine), sum(theirs)
    together = sum(a and b for a, b in zip(mine, theirs, strict=True))
    ways = math.comb(joint, other)
    chance = sum(
        math.comb(one, k) * math.comb(joint - one, other - k)
        for k in range(together, min(one, other) + 1)
    )
    return Pair(first, second, joint, together, chance / ways)
