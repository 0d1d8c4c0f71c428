"""Answers that lie on no scale as columns: who said what of which question, and who else did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.consensus import DOUBT
from quarantine.evidence import Evidence, Flags, Floats, Ints
from quarantine.overlap import number

_FEWEST: Final = 2


@dataclass(frozen=True, slots=True)
class Cells:
    """A cell is a target with an answer; columns by cell.

    `target` is dense, `said` an answer within its kind and scope, `group` that kind and scope.
    `open` says that answers are texts of their target, which cannot be compared with those to
    others; `options` is how many answers the question has. `known` is the gold: 1 right, 0 wrong,
    NaN where nobody knows.
    """

    target: Ints
    said: Ints
    group: Ints
    open: Flags
    options: Floats
    known: Floats


@dataclass(frozen=True, slots=True)
class Questions:
    """Rows of `Evidence.everything` without a value, as columns; `row` says which they are.

    `share` is a row's part in its voice at the target, `room` (0..1) how much the others there can
    say of it: 0 where nobody else spoke. `sources` counts all sources.
    """

    row: Ints
    source: Ints
    cell: Ints
    share: Floats
    room: Floats
    cells: Cells
    sources: int


def questions(evidence: Evidence) -> Questions | None:
    """Put answers without a value into columns; absent when there are none."""
    frame = evidence.everything
    row = np.flatnonzero(frame["value"].isna().to_numpy()) if len(frame) else np.empty(0, np.int64)
    if not len(row):
        return None
    source = frame["source"].to_numpy().astype(np.int64)[row]
    told = frame["target"].to_numpy().astype(np.int64)[row]
    answer = frame["answer"].to_numpy().astype(np.int64)[row]
    group = number(
        frame["kind"].cat.codes.to_numpy()[row].astype(np.int64),
        frame["scope"].cat.codes.to_numpy()[row].astype(np.int64),
    )
    target = number(told, np.zeros_like(told))
    cell, said = number(target, answer), number(group, answer)
    voice = number(target, evidence.cluster[source])
    voices = np.bincount(target, 1.0 / np.bincount(voice)[voice])[target]
    room = (voices - 1.0) / (voices - 1.0 + DOUBT)
    gold = evidence.gold[told] if len(evidence.gold) else np.full(len(told), -1)
    _, first = np.unique(cell, return_index=True)
    known = np.where(gold >= 0, (gold == answer).astype(np.float64), np.nan)
    return Questions(
        row=row,
        source=source,
        cell=cell,
        share=1.0 / np.bincount(voice)[voice],
        room=np.where(gold >= 0, 1.0, np.maximum(room, 0.0)),
        cells=_cells(target[first], said[first], group[first], known[first], np.bincount(group)),
        sources=len(evidence.sources),
    )


def _cells(target: Ints, said: Ints, group: Ints, known: Floats, rows: Ints) -> Cells:
    """Count the options of each question: the group's closed set, or what was said there.

    A set is closed where each answer is given at least as often as there are answers.
    """
    here = np.bincount(target)[target]
    _, first = np.unique(said, return_index=True)
    distinct = np.bincount(group[first])
    open_ = (distinct**2 > rows)[group]
    options = np.maximum(np.where(open_, here, distinct[group]), _FEWEST)
    return Cells(target, said, group, open_, options.astype(np.float64), known)
