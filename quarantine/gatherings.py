"""Answers whose givers are all unlike others in the same way: a ring and the target it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from quarantine.evidence import Flags, Floats, Ints
from quarantine.overlap import number

LEAST: Final = 4
"""So few may be unlike others together by luck."""
_ROUNDS: Final = 12
_MOST: Final = 500
"""Gatherings taken apart into members and bystanders, the most conspicuous first."""
_MEDIAN: Final = 0.4549
"""The median of a chi-square distribution with one degree of freedom."""
_RIDGE: Final = 0.05
_NARROW: Final = 0.25
_TAIL: Final = 0.95
_LESSONS: Final = 3
_SURE: Final = 5.0
_MORE: Final = 0.5
_RARE: Final = 1e-6
_VOICE: Final = 0.05
"""One source is at most such a part of what is known of those who give an answer."""
_FEWER: Final = 3.0
"""Where few give it, at most so many times the part that each of them has."""
_FELLOWS: Final = 2.5
"""Groups with so many nats, half of an alarm, may be of one plan."""
_LOUDER: Final = 8.0
"""And such that are at most so many times as loud."""
_COMMON: Final = 0.05
"""What so many of those outside do is a way of the crowd."""


@dataclass(frozen=True, slots=True)
class Gatherings:
    """Rows of those who gather, in columns: `group` (a code), `source`, and by row the evidence.

    `nats` is the evidence that the group is no chance company (the logarithm of one over the
    p-value, after paying for every group looked at); `member` the probability (0..1) that the
    source belongs to what makes the group unlike others. By group, `unlike` is how far the members
    lie from the usual in all habits together, `habit` the one (column) in which they differ most,
    and `by` how far in that, all in standard deviations; `clear` is what one row tells on the
    average (nats): how surely a member can be told from the crowd, and how few bystanders are.
    `own` is how many members there are (or how many a twentieth of the crowd is) for each source
    outside that is as far from the usual, in their direction: at 1 and less they are like others.
    """

    group: Ints
    source: Ints
    nats: Floats
    member: Floats
    unlike: Floats
    clear: Floats
    habit: Ints
    by: Floats
    own: Floats


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of habits with their source, their group and what they are like, in columns.

    `weight` (0..1) is what a row counts for in what is usual for its like.
    """

    source: Ints
    group: Ints
    like: Ints
    habits: Floats
    weight: Floats


def gatherings(source: Ints, group: Ints, like: Ints, scores: Floats) -> Gatherings:
    """Test every group of rows for habits that are shifted together.

    `like` says which rows are compared (an answer: those who give it are like each other), `scores`
    the habits by source. The mean of a group's habits, whitened, is compared with what groups of
    its size show here: honest company has a spread of its own, estimated from the groups (a
    random-effects Hotelling test); what the tail of all groups exceeds the chi-square's by is taken
    off everywhere (genomic control, Devlin and Roeder 1999). A mixture of two normal distributions
    tells members from bystanders. What is usual is then learnt anew without the members of the
    loudest groups, who would else make their own habits the usual ones.
    """
    _, dense = np.unique(group, return_inverse=True)
    rows = _Rows(source, dense.astype(np.int64), like, scores[source], _weights(source, like))
    usual = np.ones(len(source), np.bool_)
    found = _tested(rows, usual, scores)
    for _ in range(_LESSONS):
        loudest = found.nats >= max(_SURE, float(found.nats.max(initial=0.0)) / 2)
        apart = (found.member > _MORE) & (found.own[found.group] >= 1.0)
        ousted = found.source[loudest & apart]
        fewer = usual & ~np.isin(source, ousted)
        if not ousted.size or fewer.sum() in {0, usual.sum()}:
            break
        usual = fewer
        found = _tested(rows, usual, scores)
    return found


def _tested(rows: _Rows, usual: Flags, scores: Floats) -> Gatherings:
    """Test every group against what the `usual` rows show, and against all sources' `scores`."""
    size = np.bincount(rows.group)
    wide = size >= LEAST
    middle = _middle(rows, usual)
    white, back = _whitened(rows.habits - middle[rows.like], usual)
    mean = np.stack([np.bincount(rows.group, each) / size for each in white.T], axis=1)
    company = np.array([between(each[wide], 1.0 / size[wide]) for each in mean.T])
    far = np.where(wide, (mean**2 / (company + 1.0 / size[:, None])).sum(axis=1), 0.0)
    nats = _surprise(far, wide, white.shape[1]) - np.log(max(int(wide.sum()), 1))
    loud = np.flatnonzero(nats > 0)
    loud = loud[np.argsort(-nats[loud], kind="stable")][:_MOST]
    order = np.argsort(rows.group, kind="stable")
    start = np.searchsorted(rows.group[order], np.arange(len(nats) + 1))
    members = [order[start[each] : start[each + 1]] for each in loud.tolist()]
    found = _apart([(rows.source[each], white[each]) for each in members], nats[loud], back)
    middles = middle[[rows.like[each[0]] for each in members]] if members else middle[:0]
    return replace(found, own=_own(found, scores, middles, back))


def _weights(source: Ints, like: Ints) -> Floats:
    """Return by row what it weighs: nobody is most of what is known of those who say something.

    Who always says one thing would else be what is usual for it, and whoever else says it, at any
    target, would be unlike that in the same way.
    """
    own = number(source, like)
    rows, (_, one) = np.bincount(own), np.unique(own, return_index=True)
    givers = np.bincount(like[one], minlength=int(like.max(initial=-1)) + 1)
    most = np.bincount(like) * np.maximum(_VOICE, _FEWER / np.maximum(givers, 1))
    weight: Floats = np.minimum(most[like] / rows[own], 1.0)
    return weight


def _middle(rows: _Rows, usual: Flags) -> Floats:
    """Return the weighed mean by kind of row."""
    kind, weight = rows.like[usual], rows.weight[usual]
    size = np.bincount(kind, weight, int(rows.like.max()) + 1)
    total = [np.bincount(kind, weight * each, len(size)) for each in rows.habits[usual].T]
    middle: Floats = np.stack(total, axis=1) / np.maximum(size, _RARE)[:, None]
    return middle


def _whitened(apart: Floats, usual: Flags) -> tuple[Floats, Floats]:
    """Return rows with all habits independent and of spread 1, and the way back."""
    spread = np.cov(apart[usual].T) + _RIDGE * np.eye(apart.shape[1])
    power, axes = np.linalg.eigh(np.atleast_2d(spread))
    return apart @ (axes / np.sqrt(power)), (axes * np.sqrt(power)).T


def between(mean: Floats, noise: Floats) -> float:
    """Estimate how much groups differ beyond chance: the variance that makes the median fit.

    `mean` are the groups' means around 0, `noise` the variance that each has by chance alone.
    """
    low, high = 0.0, 10.0
    for _ in range(30):
        middle = (low + high) / 2
        fits = len(mean) > 0 and np.median(mean**2 / (middle + noise)) > _MEDIAN
        low, high = (middle, high) if fits else (low, middle)
    return low


def _surprise(far: Floats, wide: Flags, habits: int) -> Floats:
    """Return -log of the chance of lying so far out, deflated where the tail here is heavy."""
    from scipy.stats import chi2  # noqa: PLC0415  heavy, and only needed when somebody gathers

    if not wide.any():
        return np.zeros(len(far))
    tail = float(np.quantile(far[wide], _TAIL)) / float(chi2.ppf(_TAIL, habits))
    surprise: Floats = -chi2.logsf(far / max(tail, 1.0), habits)
    return surprise


def _apart(groups: Sequence[tuple[Ints, Floats]], nats: Floats, back: Floats) -> Gatherings:
    """Take groups (sources, whitened habits) apart: who is shifted, and who just happens by."""
    sizes = [len(source) for source, _ in groups]
    found = [_mixture(habits) for _, habits in groups]
    moved = np.array([each.shift for each in found]).reshape(len(groups), len(back))
    shift = moved @ back
    worst = np.abs(shift).argmax(axis=1) if len(groups) else np.empty(0, np.int64)
    return Gatherings(
        group=np.repeat(np.arange(len(groups)), sizes),
        source=np.concatenate([np.empty(0, np.int64), *(source for source, _ in groups)]),
        nats=np.repeat(nats, sizes),
        member=np.concatenate([np.empty(0), *(each.member for each in found)]),
        unlike=np.sqrt((moved**2).sum(axis=1)),
        clear=np.array([each.clear for each in found]),
        habit=worst.astype(np.int64),
        by=shift[np.arange(len(groups)), worst],
        own=np.zeros(len(groups)),
    )


def _own(found: Gatherings, scores: Floats, middles: Floats, back: Floats) -> Floats:
    """Return by group how far its members have to themselves what sets them apart.

    They are unlike those who give the same answer; but where a few always give it, so is everybody
    else, and where one part of the crowd is stricter, so is that part. `middles` are what is usual
    where the group is, by group.
    """
    white = np.linalg.inv(back)
    own = np.zeros(len(middles))
    likely = found.member > _MORE
    loudest = np.zeros(len(scores))
    np.maximum.at(loudest, found.source[likely], found.nats[likely])
    start = np.searchsorted(found.group, np.arange(len(middles) + 1))
    for each, middle in enumerate(middles):
        rows = slice(start[each], start[each + 1])
        member = found.source[rows][likely[rows]]
        if len(member):
            way = white @ (white.T @ (scores[member].mean(axis=0) - middle))
            fellow = (loudest >= _FELLOWS) & (loudest <= _LOUDER * found.nats[start[each]])
            own[each] = _apart_from(scores @ way, member, fellow)
    return own


def _apart_from(along: Floats, member: Ints, fellow: Flags) -> float:
    """Return how many members there are for each of the crowd that is as far `along` their way.

    One plan may have many targets: its `fellow` members at those are of theirs and not the crowd,
    while all of them are few.
    """
    typical = float(np.median(along[member]))
    far = along >= typical
    far[member] = False
    few = _COMMON * (len(along) - len(member))
    together = int((fellow & (along >= typical / 2)).sum())
    mates = int((far & fellow).sum()) if together <= few else 0
    return min(len(member) + mates, few) / max(int(far.sum()) - mates, 1)


@dataclass(frozen=True, slots=True)
class _Mixture:
    """By row the probability to belong to what shifts the mean; the shift; what a row tells."""

    member: Floats
    shift: Floats
    clear: float


def _mixture(rows: Floats) -> _Mixture:
    """Part rows into those around zero and those around another place, by expectation and so on."""
    member = np.full(len(rows), 1.0 - 1.0 / (len(rows) + 1))
    habits = rows.shape[1]
    shift, odds, share = rows.mean(axis=0), np.zeros(len(rows)), 0.5
    for _ in range(_ROUNDS):
        weight = max(float(member.sum()), 1e-6)
        shift = member @ rows / (weight + 1.0)
        left = ((rows - shift) ** 2).sum(axis=1)
        narrow = float(np.clip(member @ left / (weight * habits), _NARROW, 1.0))
        share = float((weight + 0.5) / (len(rows) + 1.0))
        odds = ((rows**2).sum(axis=1) - left / narrow - habits * np.log(narrow)) / 2
        both = (odds + np.log(share / (1.0 - share))).clip(-50.0, 50.0)
        member = 1.0 / (1.0 + np.exp(-both))
    gained = np.logaddexp(np.log(share) + odds, np.log(1.0 - share))
    return _Mixture(member, shift, float(gained.mean()))


def crowded(source: Ints, group: Ints, flag: Flags, peers: Ints) -> tuple[Floats, Floats]:
    """Return by row the evidence (nats) that its group has more flagged sources than its peers do.

    Then, by row, the share (0..1) of the flagged in its group that are more than usual. `flag` and
    `peers` (whom it is compared with: a number) are by source. What is usual is learnt from peers
    outside of the group, or a group that is most of its peers would be usual. Chernoff's bound on
    the binomial tail, after paying for every group that is looked at.
    """
    _, group = np.unique(group, return_inverse=True)
    mine, said = peers[source], flag[source]
    _, cell = np.unique(group * (int(peers.max()) + 1) + mine, return_inverse=True)
    others = np.bincount(peers)[mine] - np.bincount(cell)[cell]
    flagged = np.bincount(peers, flag)[mine] - np.bincount(cell, said)[cell]
    size = np.bincount(group)
    usual = np.bincount(group, (flagged + 1.0) / (others + 2.0)) / size
    share = (np.bincount(group, said) / size).clip(_RARE, 1.0 - _RARE)
    usual = usual.clip(_RARE, 1.0 - _RARE)
    told = share * np.log(share / usual) + (1.0 - share) * np.log((1.0 - share) / (1.0 - usual))
    wide = size >= LEAST
    nats = size * told - np.log(max(int(wide.sum()), 1))
    more = ((share - usual) / (share * (1.0 - usual))).clip(0.0)
    by_row: Floats = np.where(wide & (share > usual), nats, 0.0)[group].clip(0.0)
    return by_row, more[group]
