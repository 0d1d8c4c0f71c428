"""What others would do: for every event, how often an honest other voice does the same there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Flags, Floats, Ints
from quarantine.levels import closed
from quarantine.overlap import number

_PRIORS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""How many strangers' voices a target starts with; the one that foretells best is taken."""
_SURE: Final = 0.02
"""Nothing is expected with less doubt than this: anybody slips."""
_MANY: Final = 8
_TIE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of events, held first, as columns; `share` is what a row weighs in its voice."""

    source: Ints
    target: Ints
    answer: Ints
    group: Ints
    voice: Ints
    share: Floats
    held: int

    @property
    def cell(self) -> Ints:
        """Return a number for each (target, answer)."""
        return number(self.target, self.answer)

    def mine(self, flag: Floats) -> Floats:
        """Sum what a row's own voice did at its target."""
        return np.asarray(np.bincount(self.voice, self.share * flag)[self.voice], np.float64)

    def others(self, flag: Floats) -> Floats:
        """Sum, by row, what the other voices at its target did; a voice weighs one at most."""
        every = np.bincount(self.target, self.share * flag)[self.target]
        return np.maximum(every - self.mine(flag), 0.0)


def rows_of(evidence: Evidence) -> Rows:
    """Return the rows of everything that was said, each cluster one voice at a target."""
    frame = evidence.everything
    source = frame["source"].to_numpy().astype(np.int64)
    target = frame["target"].to_numpy().astype(np.int64)
    voice = number(target, evidence.cluster[source])
    return Rows(
        source=source,
        target=target,
        answer=frame["answer"].to_numpy().astype(np.int64),
        group=number(
            frame["kind"].cat.codes.to_numpy().astype(np.int64),
            frame["scope"].cat.codes.to_numpy().astype(np.int64),
        ),
        voice=voice,
        share=1.0 / np.bincount(voice)[voice] if len(voice) else np.empty(0),
        held=len(evidence.held),
    )


def expected(rows: Rows, did: Flags, among: Flags) -> Floats:
    """Return, by row, the probability that an honest other does it there (`did`).

    Only the rows `among` count, as doers and as those who foretell. It is the share of the other
    voices at the target who did, drawn towards the share in the row's kind and scope by as many
    strangers as foretell the rows best (a beta-binomial whose weight is fitted by its leave-one-out
    likelihood). Rows out of `among` get the share of their group.
    """
    flag, counted = (did & among).astype(np.float64), among.astype(np.float64)
    size = np.bincount(rows.group, counted)
    usual = ((np.bincount(rows.group, flag) + 0.5) / (size + 1.0))[rows.group]
    others, doing = rows.others(counted), rows.others(flag)
    best, found = -np.inf, usual
    for prior in _PRIORS:
        chance = np.clip((doing + prior * usual) / (others + prior), _SURE, 1.0 - _SURE)
        told = float(np.log(np.where(did, chance, 1.0 - chance))[among].sum())
        if told > best:
            best, found = told, chance
    return np.where(among, found, usual)


@dataclass(frozen=True, slots=True)
class Agreed:
    """Whether rows agree with what stands against them, and how often an honest source would.

    `agreed` and `chance` mean something where `known`; `standard` is the answer that stands: the
    known right one (`gold`), else the one that most other voices at the target give.
    """

    known: Flags
    agreed: Flags
    chance: Floats
    standard: Ints
    gold: Flags


def agreements(evidence: Evidence, rows: Rows) -> Agreed:
    """Compare every closed answer with the right one, or with the plurality of the other voices.

    A row is known where there is gold, or where one answer leads among at least one other voice.
    Chances are the crowd's own frequencies of agreement by how many others spoke and how clearly,
    so that a split target excuses. Answers on a scale are left out: near is not wrong;
    at two levels it is (`quarantine.levels`).
    """
    first, second, best, runner = _leading(rows)
    mine = rows.mine(np.ones(len(rows.source)))
    own = np.where(rows.answer == best, mine, 0.0)
    led = first - own >= second
    top = np.where(led, best, runner)
    lead = np.where(led, first - own, second)
    behind = np.where(led, second, first - own)
    others = rows.others(np.ones(len(rows.source)))
    gold = _gold(evidence, rows)
    told = gold >= 0
    known = closed(evidence) & (told | (lead > behind + _TIE))
    standard = np.where(told, gold, top)
    agreed = rows.answer == standard
    bins = number(
        number(rows.group, np.where(told, -1, np.minimum(others, _MANY)).astype(np.int64) + 1),
        np.where(told, 0, 10 * lead / np.maximum(others, 1.0)).astype(np.int64),
    )
    size = np.bincount(bins, known)
    share = (np.bincount(bins, known & agreed) + 1.0) / (size + 2.0)
    return Agreed(known, agreed & known, np.clip(share[bins], _SURE, 1 - _SURE), standard, told)


def _gold(evidence: Evidence, rows: Rows) -> Ints:
    if not len(evidence.gold):
        return np.full(len(rows.source), -1, np.int64)
    return np.asarray(evidence.gold[rows.target], np.int64)


def _leading(rows: Rows) -> tuple[Floats, Floats, Ints, Ints]:
    """Return, by row, the voices of the two leading answers at its target, and these answers."""
    cell = rows.cell
    voices = np.bincount(cell, rows.share)
    _, one = np.unique(cell, return_index=True)
    target, answer = rows.target[one], rows.answer[one]
    order = np.lexsort((answer, -voices, target))
    start = np.flatnonzero(np.diff(target[order], prepend=-1))
    size = int(rows.target.max(initial=-1)) + 1
    first, second = np.zeros(size), np.zeros(size)
    best, runner = np.full(size, -1, np.int64), np.full(size, -1, np.int64)
    heads = order[start]
    first[target[heads]], best[target[heads]] = voices[heads], answer[heads]
    after = np.minimum(start + 1, len(order) - 1)
    two = (target[order[after]] == target[heads]) & (after > start)
    seconds = order[after[two]]
    second[target[seconds]], runner[target[seconds]] = voices[seconds], answer[seconds]
    return tuple(each[rows.target] for each in (first, second, best, runner))  # type: ignore[return-value]
