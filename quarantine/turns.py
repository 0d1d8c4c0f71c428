"""When a source turned: the rest of its life against its own past, in what sets it apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from quarantine.evidence import Evidence, Flags, Floats, Ints
from quarantine.overlap import number

PAST: Final = 15
"""A past of fewer events is none."""
SINCE: Final = 8
"""Fewer events since a turn are none."""
_ONE_WAY: Final = frozenset({"distance", "discord"})
"""Streams that only grow when a source departs from others."""
_ANSWERS: Final = 6
"""So many of the most frequent answers are looked at, each for itself."""
_STRANGERS: Final = 2.0
_CROWD: Final = 10.0
"""Events of the crowd's variance, added to what is known of a source's own."""
_FAINT: Final = 1e-4
_MIDDLE: Final = 0.4549
"""The median of a chi-square variable with one degree of freedom."""


class Stream(NamedTuple):
    """One thing by which a source can set itself apart: `away` by row (0: as the others do).

    `known` says which rows speak of it, `noise` the variance it has by what others say there.
    """

    name: str
    away: Floats
    known: Flags
    noise: Floats


@dataclass(frozen=True, slots=True)
class Turns:
    """The surest turn of each source: `nats` of evidence after paying for all that was looked at.

    `stream` is which of `names` turned, `since` the first row (of `evidence.everything`) after it,
    `count` the events since, `before` and `after` the mean departure; by source code. Sources
    without a past, or without events since, are not `judged`.
    """

    judged: Flags
    nats: Floats
    stream: Ints
    since: Ints
    count: Ints
    before: Floats
    after: Floats
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Lives:
    """Rows by source and then by arrival; the place of each in `evidence.everything` is `row`.

    `frozen` rows are the past of a source of which something was released (`taught`); of all others
    the past is whatever came before. A rest of life `begins` where the crowd is compared with it;
    only rows that are `ours` are held or released. `start` and `end` are where its life lies.
    """

    row: Ints
    source: Ints
    frozen: Flags
    taught: Flags
    begins: Flags
    ours: Flags
    start: Ints
    end: Ints
    sources: int


def turns(evidence: Evidence) -> Turns:
    """Find for each source the moment since which it departs from others otherwise than before.

    Its past is what was released of it, frozen; where nothing was, all that it said before the
    moment. Against it stands every possible rest of its life: Page's CUSUM in the likelihood-ratio
    form for an unknown size of change (Page 1954; Lorden 1971; Siegmund and Venkatraman 1995). An
    answer counts by how far it is from what the others say of the same target, so that another mix
    of targets is no change, and coming closer to the others is none either. The crowd's own
    unsteadiness between halves of lives is taken out first (genomic control, Devlin and Roeder
    1999): where everybody changes nobody did.
    """
    lives = _lives(evidence)
    size = lives.sources
    found = Turns(
        judged=np.zeros(size, np.bool_),
        nats=np.full(size, -np.inf),
        stream=np.full(size, -1, np.int64),
        since=np.full(size, -1, np.int64),
        count=np.zeros(size, np.int64),
        before=np.zeros(size),
        after=np.zeros(size),
        names=[],
    )
    names: list[str] = []
    for stream in _streams(evidence):
        _look(lives, stream, found, len(names))
        names.append(stream.name)
    looks = np.log(max(len(names), 1) * (1.0 + np.log2(np.maximum(found.count, 1) + SINCE)))
    return Turns(
        found.judged,
        found.nats - looks,
        found.stream,
        found.since,
        found.count,
        found.before,
        found.after,
        names,
    )


def _lives(evidence: Evidence) -> _Lives:
    frame = evidence.everything
    source = frame["source"].to_numpy().astype(np.int64)
    order = np.lexsort((frame["index"].to_numpy(), source))
    who = source[order]
    released = np.zeros(len(frame), np.bool_)
    released[len(evidence.held) : len(evidence.held) + len(evidence.released)] = True
    size = len(evidence.sources)
    taught = np.bincount(source[released], minlength=size) > 0
    count = np.bincount(source, minlength=size)
    start = (np.cumsum(count) - count)[who]
    # What only stands beside belongs to another question: the rows are there for what others say.
    ours = order < len(evidence.held) + len(evidence.released)
    half = start + np.bincount(source, minlength=size)[who] // 2
    frozen = released[order] & taught[who]
    first = ~frozen & np.r_[True, frozen[:-1] | (np.diff(who) != 0)] if len(who) else frozen
    begins = np.where(taught[who], first, np.arange(len(who)) == half)
    ends = start + np.bincount(source, minlength=size)[who] - 1
    return _Lives(order, who, frozen, taught[who], begins, ours, start, ends, size)


class _Others:
    """What the other voices at the same target say, by row; each voice weighs once."""

    def __init__(self, evidence: Evidence) -> None:
        frame = evidence.everything
        self.target = frame["target"].to_numpy().astype(np.int64)
        self.answer = frame["answer"].to_numpy().astype(np.int64)
        self.value = frame["value"].to_numpy()
        source = frame["source"].to_numpy().astype(np.int64)
        self.voice = number(self.target, evidence.cluster[source])
        self.share = 1.0 / np.bincount(self.voice)[self.voice]
        every = np.bincount(self.target, self.share)[self.target]
        self.count = np.maximum(every - 1.0, 0.0)

    def mean(self, flag: Floats, usual: float) -> Floats:
        """Return the mean of `flag` among the others, drawn to the usual one."""
        told = self.share * flag
        theirs = np.bincount(self.target, told)[self.target]
        theirs = theirs - np.bincount(self.voice, told)[self.voice]
        return np.asarray((theirs + _STRANGERS * usual) / (self.count + _STRANGERS), np.float64)

    def alike(self) -> Floats:
        """Return the share of the others that gave the same answer, drawn to the usual share."""
        cell = number(self.target, self.answer)
        same = np.bincount(cell, self.share)[cell]
        same = (
            same
            - np.bincount(number(self.voice, self.answer), self.share)[
                number(self.voice, self.answer)
            ]
        )
        met = self.count > 0
        usual = float((same[met] / self.count[met]).mean()) if met.any() else 0.5
        alike = (np.maximum(same, 0.0) + _STRANGERS * usual) / (self.count + _STRANGERS)
        return np.asarray(alike, np.float64)


def _streams(evidence: Evidence) -> Iterator[Stream]:
    """Yield what can turn: how far values lie from others', and how often each answer is given."""
    others = _Others(evidence)
    valued = ~np.isnan(others.value)
    nothing = np.zeros(len(valued))
    if valued.any():
        plain = np.where(valued, others.value, 0.0)
        away = plain - others.mean(plain, float(others.value[valued].mean()))
        yield Stream("value", away, valued, nothing)
        yield Stream("distance", abs(away), valued, nothing)
    if not valued.all():
        alike = others.alike()
        usual = float(alike[~valued].mean())
        yield Stream("discord", others.mean(alike, usual) - alike, ~valued, nothing)
        yield from _given(evidence, others, ~valued)


def _given(evidence: Evidence, others: _Others, known: Flags) -> Iterator[Stream]:
    """Yield, for each of the most frequent answers, how often it is given beside what others do."""
    told = np.bincount(others.answer[known], minlength=1)
    for each in np.argsort(-told, kind="stable")[:_ANSWERS].tolist():
        if told[each] >= PAST:
            did = (others.answer == each).astype(np.float64)
            chance = others.mean(did, float(told[each] / known.sum()))
            name = f"answer {evidence.answers[each]}"
            yield Stream(name, did - chance, known, chance * (1.0 - chance))


def _look(lives: _Lives, stream: Stream, found: Turns, place: int) -> None:
    """Note in `found` every source whose surest turn so far is one of this stream."""
    who, known = lives.source, stream.known[lives.row] & lives.ours
    away = np.where(known, stream.away[lives.row], 0.0)
    powers = [known * each for each in (np.ones(len(who)), away, away**2)]
    past = _Moments(*(_past(lives, each) for each in powers))
    rest = _Moments(*(_rest(lives, each) for each in powers))
    usual = max(float(powers[2].sum() / max(powers[0].sum(), 1.0)), _FAINT)
    model = _rest(lives, known * stream.noise[lives.row]) / np.maximum(rest.size, 1.0)
    spread = np.maximum(np.maximum(rest.variance(usual), past.variance(usual)), model)
    spread = spread / np.maximum(rest.size, 1.0)
    spread += past.variance(usual) / np.maximum(past.size, 1.0)
    looked = ~lives.frozen & known & (rest.size >= SINCE) & (past.size >= PAST)
    square = np.where(looked, (rest.mean - past.mean) ** 2 / spread, 0.0)
    square /= _unsteady(square[lives.begins & looked])
    now, before = rest.mean, past.mean
    worse = now > before if stream.name in _ONE_WAY else abs(now) > abs(before)
    nats = np.where(looked & worse, square / 2.0, -np.inf)
    found.judged[who[looked]] = True
    best = np.full(lives.sources, -np.inf)
    np.maximum.at(best, who, nats)
    rows = np.flatnonzero((nats == best[who]) & (nats > found.nats[who]))[::-1]
    source = who[rows]
    found.nats[source], found.stream[source] = nats[rows], place
    found.since[source], found.count[source] = lives.row[rows], rest.size[rows].astype(np.int64)
    found.before[source], found.after[source] = before[rows], now[rows]


class _Moments(NamedTuple):
    """How many, their sum and their sum of squares."""

    size: Floats
    total: Floats
    square: Floats

    @property
    def mean(self) -> Floats:
        """Return the means, 0 of nothing."""
        return np.asarray(self.total / np.maximum(self.size, 1.0), np.float64)

    def variance(self, usual: float) -> Floats:
        """Return the variances, drawn to the `usual` one where there is little to go by."""
        around = self.square - self.total * self.mean
        return np.asarray((around + _CROWD * usual) / (self.size + _CROWD), np.float64)


def _past(lives: _Lives, value: Floats) -> Floats:
    """Sum, by row, `value` over what is frozen of its source, or over what came before this row."""
    sums = np.cumsum(value)
    before = sums - value - np.where(lives.start > 0, sums[lives.start - 1], 0.0)
    frozen = np.bincount(lives.source, value * lives.frozen, lives.sources)[lives.source]
    return np.asarray(np.where(lives.taught, frozen, before), np.float64)


def _rest(lives: _Lives, value: Floats) -> Floats:
    """Sum, by row, `value` from this row to the end of its source's life; what is frozen is out."""
    value = value * ~lives.frozen
    sums = np.cumsum(value)
    return np.asarray(sums[lives.end] - sums + value, np.float64)


def _unsteady(squares: Floats) -> float:
    """Return by how much everybody's rest of life differs from their past more than chance has it.

    At least 1; `squares` are those of one moment for each source.
    """
    return max(float(np.median(squares)) / _MIDDLE, 1.0) if len(squares) else 1.0
