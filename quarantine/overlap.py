"""Which sources meet in the same cells: sparse products over rare cells, within a fixed budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import scipy.sparse as sp

from quarantine.evidence import Evidence, Flags, Floats, Ints, micros

MOST_PAIRS: Final = 3_000_000
"""Pairs of sources looked at in one product, each from both sides: what bounds its memory."""
_SLICES: Final = 1_000
_SHORTEST: Final = 1_000_000
_LONGEST: Final = 24 * 3_600 * 1_000_000
_SUREST: Final = 0.98
_FAINT: Final = 0.03
_FINE: Final = 30
"""A scale with more different values is a fine one."""
_TENTHS: Final = 10
_LIGHTEST: Final = 1e-6
"""No cell weighs nothing, so that all products over the same cells have the same pattern."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pairs of sources, each standing twice, once from either side; `shared` counts their cells.

    `relative` is the rarity (IDF) of what they share, relative to the smaller of both: 0..1.
    """

    source: Ints
    partner: Ints
    shared: Ints
    relative: Floats


@dataclass(frozen=True, slots=True)
class Agreement:
    """Pairs of sources with common targets, each standing twice; `shared` counts those.

    `excess` is how far equal answers exceed chance, in standard deviations; `filled` the share of
    what was left above chance that they fill: 1 where every answer is equal.
    """

    source: Ints
    partner: Ints
    shared: Ints
    excess: Floats
    filled: Floats


@dataclass(frozen=True, slots=True)
class Answers:
    """Who answered what, once each, in columns; a cell is a target with an answer."""

    source: Ints
    target: Ints
    answer: Ints
    cell: Ints
    sources: int


def number(left: Ints, right: Ints) -> Ints:
    """Return dense numbers for pairs of codes, in order of first appearance."""
    if not len(left):
        return np.empty(0, np.int64)
    left, right = left.astype(np.int64), right.astype(np.int64)
    codes, _ = pd.factorize(left * (int(right.max()) + 1) + right)
    return codes.astype(np.int64)


def alike(evidence: Evidence) -> Overlap:
    """Return who shares answers to targets, whenever they were given."""
    said = answers(evidence)
    return evidence.whole.once(
        "alike", lambda: overlap(said.source, said.cell, sources=said.sources)
    )


def answers(evidence: Evidence) -> Answers:
    """Return the latest answer of each source to each target, held and released alike."""
    return evidence.whole.once("answers", lambda: _answers(evidence.whole))


def _answers(evidence: Evidence) -> Answers:
    frame = evidence.everything
    source = frame["source"].to_numpy().astype(np.int64)
    target = frame["target"].to_numpy().astype(np.int64)
    answer = frame["answer"].to_numpy().astype(np.int64)
    cell = number(target, answer)
    asked = number(source, target)
    # The last write wins, so that saying a thing again replaces what was said before.
    last = np.zeros(int(asked.max(initial=-1)) + 1, np.int64)
    last[asked] = np.arange(len(asked))
    return Answers(source[last], target[last], answer[last], cell[last], len(evidence.sources))


def nearly(evidence: Evidence, said: Answers) -> Ints:
    """Return by row of `said` its answer, on a fine scale the one nearest the middle of its tenth.

    Hardly two people say 37.2 of one thing: there, who gives about the same gives the same.
    """
    frame = evidence.whole.everything
    on_scale = frame["value"].notna().to_numpy()
    codes, first = np.unique(frame["answer"].to_numpy()[on_scale], return_index=True)
    if len(codes) <= _FINE:
        return said.answer
    worth = frame["value"].to_numpy()[on_scale][first]
    tenth = np.rint(worth * _TENTHS).astype(np.int64)
    order = np.lexsort((worth, np.abs(worth * _TENTHS - tenth), tenth))
    stands = np.arange(len(evidence.answers))
    stands[codes] = codes[order[np.searchsorted(tenth[order], tenth, side="left")]]
    return np.asarray(stands[said.answer], np.int64)


def slices(evidence: Evidence) -> tuple[Ints, Ints, int]:
    """Return the early and the late time slice of every row, and how long a slice is (µs).

    Slices overlap by half, so that two acts less than half a slice apart always share one. Their
    length follows what the evidence spans, between a second and a day.
    """
    at = micros(evidence.everything["at"])
    at = at - (at.min() if len(at) else 0)
    length = int(np.clip(at.max(initial=0) // _SLICES, _SHORTEST, _LONGEST))
    return at // length, (at + length // 2) // length, length


def overlap(source: Ints, cell: Ints, *, sources: int, doubt: float = 3.0) -> Overlap:
    """Multiply the source x cell matrix with itself, rare cells weighing more (IDF).

    Cells that too many share are left out, the most popular first, until at most `MOST_PAIRS`
    pairs meet. `relative` divides by the weight of the smaller of both sources (Szymkiewicz and
    Simpson), plus `doubt` usual cells, so that a short life proves little.
    """
    _, first = np.unique(number(source, cell), return_index=True)
    who, what = source[first], cell[first]
    seen = np.bincount(what)
    idf = np.log(max(len(np.unique(who)), 2) / np.maximum(seen, 1)).clip(_LIGHTEST)
    total = np.bincount(who, idf[what], sources)
    usual = max(float(idf[what].mean()), 1e-9) if len(what) else 1.0
    kept = affordable(seen)[what]
    plain = table(who[kept], what[kept], np.ones(int(kept.sum())), sources)
    weighted = table(who[kept], what[kept], idf[what][kept], sources)
    left, right, (count, weight) = met(plain @ plain.T, weighted @ plain.T)
    smaller = np.minimum(total[left], total[right])
    return Overlap(left, right, count.astype(np.int64), weight / (smaller + doubt * usual))


def beyond_chance(said: Answers) -> Agreement:
    """Return pairs that share targets, and how far their agreement exceeds chance.

    Equal answers are counted, less those expected from how far each target's answers agree and how
    far each source agrees with others, over the binomial spread.
    """
    size = np.bincount(said.target)
    others = np.maximum(size - 1, 1)[said.target]
    rate = (np.bincount(said.cell)[said.cell] - 1) / others
    meets = (size > 1)[said.target]
    usual = float(rate[meets].mean()) if meets.any() else 0.5
    pairs = size * (size - 1) / 2
    equal = (np.bincount(said.target, rate) / np.maximum(size, 1) * pairs + 2 * usual) / (pairs + 2)
    usual = max(usual, _LIGHTEST)  # where nobody ever agrees, nobody agrees more than others
    own = np.bincount(said.source, rate * meets, said.sources) + 3 * usual
    own = own / (np.bincount(said.source, equal[said.target] * meets, said.sources) + 3 * usual)
    kept = affordable(size)[said.target]
    who, where, what = said.source[kept], said.target[kept], said.cell[kept]
    ones = np.ones(len(who))
    present = table(who, where, ones, said.sources)
    spoken = table(who, what, ones, said.sources)
    together = present @ present.T
    left, right, (common, chance, agreed) = met(
        together,
        table(who, where, equal[where].clip(_LIGHTEST), said.sources) @ present.T,
        # Equal answers are a part of common targets: the sum has the pattern of the whole.
        spoken @ spoken.T + together,
    )
    agreed = agreed - common
    expected = np.minimum(chance * np.sqrt(own[left] * own[right]), _SUREST * common)
    above = agreed - expected
    return Agreement(
        source=left,
        partner=right,
        shared=common.astype(np.int64),
        excess=above / np.sqrt(expected * (1 - expected / common) + 1),
        filled=above / (common - expected),
    )


def closest(source: Ints, value: Floats, *, sources: int, most: int = 3) -> Floats:
    """Return, by source, the mean of its `most` highest values; partners it lacks count 0.

    Values up to `_FAINT` of the highest count 0 too: most pairs are such, and sorting them is dear.
    """
    loud = value > _FAINT * value.max(initial=0.0)
    source, value = source[loud], value[loud]
    order = np.lexsort((-value, source))
    who = source[order]
    first = np.arange(len(who)) - np.searchsorted(who, who, side="left") < most
    return np.bincount(who[first], value[order][first], sources) / most


def affordable(seen: Ints) -> Flags:
    """Say which cells to keep: shared at all, and within the budget of pairs, rarest first."""
    order = np.argsort(seen, kind="stable")
    pairs = np.cumsum(seen[order].astype(np.float64) ** 2)
    kept = np.zeros(len(seen), np.bool_)
    kept[order[pairs <= MOST_PAIRS]] = True
    return kept & (seen > 1)


def table(row: Ints, column: Ints, value: Floats, rows: int) -> sp.csr_array:
    """Put values into a sparse table with this many rows."""
    return sp.csr_array((value, (row, column)), shape=(rows, int(column.max(initial=-1)) + 1))


def met(*tables: sp.csr_array) -> tuple[Ints, Ints, list[Floats]]:
    """Return the pairs of different rows that meet, and what each table, alike in pattern, says."""
    for table in tables:
        table.sort_indices()
    first = tables[0].tocoo()
    apart = first.row != first.col
    left, right = first.row[apart].astype(np.int64), first.col[apart].astype(np.int64)
    return left, right, [table.data[apart] for table in tables]
