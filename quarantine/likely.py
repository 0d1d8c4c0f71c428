"""Which answer to a question is likely right, and how much a source's answers tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

from quarantine.evidence import Floats, Ints
from quarantine.questions import Cells, Questions

_ROUNDS: Final = 30
_STILL: Final = 1e-4
_UNKNOWN: Final = 10.0
"""Events as the crowd's added to what is known of a source, before it is given a say."""
_SUREST: Final = 0.99
_RAREST: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Told:
    """How much each source's answers tell of the likely right ones, corrected for chance.

    By source: `gained`, agreement beyond what its own habits give by chance, summed over its
    events, and `possible`, the most it could have gained (Cohen 1960: their ratio is kappa).
    """

    gained: Floats
    possible: Floats


def likely(asked: Questions) -> Floats:
    """Return by cell the probability that its answer is the right one to its question.

    Expectation maximisation with one accuracy a source (Dawid and Skene 1979 with one coin;
    ZenCrowd, Demartini et al. 2012): a table of confusions a source has so many freedoms that it
    follows whoever says most. Answers come with the share of questions in their group to which
    they are likely right. A source worse than chance has no say, so that nobody's no is made a
    yes. Each voice at a question counts once, and gold is certain.
    """
    cells, voices = asked.cells, np.bincount(asked.cell, asked.share)
    right = _certain(cells, voices / np.bincount(cells.target, voices)[cells.target])
    for _ in range(_ROUNDS):
        before, right = right, _again(asked, right)
        if float(np.abs(right - before).max()) < _STILL:
            break
    return right


def told(asked: Questions, right: Floats) -> Told:
    """Measure each source's answers against the likely right ones.

    Chance is how often its own answers, dealt out anew over its own questions, would be right: who
    always says what is usual tells nothing, and who leans one way but sees the difference does.
    """
    size = asked.sources
    got = np.bincount(asked.source, asked.room * right[asked.cell], size)
    room = np.bincount(asked.source, asked.room, size)
    chance = _habits(asked, right)
    return Told(got - chance, room - chance)


def _habits(asked: Questions, right: Floats) -> Floats:
    """Return by source the agreement that its habits give by chance, summed over its events."""
    cells, size = asked.cells, asked.sources
    alone = np.where(cells.open, 1.0 / cells.options, 0.0)[asked.cell]
    closed = asked.room * ~cells.open[asked.cell]
    where, what = cells.target[asked.cell], cells.said[asked.cell]
    given = _table(asked.source, what, closed, (size, int(cells.said.max()) + 1))
    asks = _table(asked.source, where, closed, (size, int(cells.target.max()) + 1))
    answers = _table(cells.target, cells.said, right, (asks.shape[1], given.shape[1]))
    total = np.maximum(np.asarray(given.sum(axis=1)).ravel(), _RAREST)
    both = np.asarray(given.multiply(asks @ answers).sum(axis=1)).ravel()
    return both / total + np.bincount(asked.source, asked.room * alone, size)


def _again(asked: Questions, right: Floats) -> Floats:
    """Weigh sources by how often they are likely right, and answers by who gave them."""
    cells, mine = asked.cells, right[asked.cell]
    known = np.bincount(asked.source, asked.room, asked.sources)
    usual = float((mine @ asked.room) / max(float(asked.room.sum()), _RAREST))
    gained = np.bincount(asked.source, mine * asked.room, asked.sources) + _UNKNOWN * usual
    sure = np.minimum(gained / (known + _UNKNOWN), _SUREST)[asked.source]
    say = np.log(np.maximum((cells.options[asked.cell] - 1.0) * sure / (1.0 - sure), 1.0))
    weight = np.bincount(asked.cell, say * asked.share)
    most = np.zeros(int(cells.target.max()) + 1)
    np.maximum.at(most, cells.target, weight)
    prior = _prior(cells, right)
    odds = prior * np.exp(weight - most[cells.target])
    # What nobody answered may be right too: it has its prior, and nobody's say.
    unsaid = np.maximum(1.0 - np.bincount(cells.target, prior), _RAREST) * np.exp(-most)
    total = np.bincount(cells.target, odds) + unsaid
    return _certain(cells, odds / total[cells.target])


def _prior(cells: Cells, right: Floats) -> Floats:
    """Return how often an answer is right in its group; where answers are texts, one of them is."""
    often = np.bincount(cells.said, right)
    total = np.bincount(cells.group, right)
    share: Floats = often[cells.said] / np.maximum(total, _RAREST)[cells.group]
    return np.where(cells.open, 1.0 / cells.options, np.maximum(share, _RAREST))


def _certain(cells: Cells, right: Floats) -> Floats:
    return np.where(np.isnan(cells.known), right, cells.known)


def _table(row: Ints, column: Ints, value: Floats, shape: tuple[int, int]) -> sp.csr_array:
    return sp.csr_array((value, (row, column)), shape=shape)
