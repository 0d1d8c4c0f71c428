"""Events made ready to be held: a salt and a leaf each, in the columns of the table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Final, NamedTuple

from quarantine.arrivals import Alike, Arrival, Columns, columns_of
from quarantine.log import event_leaves
from quarantine.model import Event

SALT = 16
MANY: Final = 64
"""Rows for which it is worth while to have a statement of their own."""

Row = tuple[object, ...]

_BOUND: Final = "?"
_WORD = re.compile("[A-Za-z0-9_]{1,64}", re.ASCII)


class Sealed(NamedTuple):
    """Events with their leaves, of one or of several arrivals that came together.

    `by` is the producer, when they came (µs) and the key that vouched; `statement` takes the rows
    of `event`, and `columns` are what it is given from `id` on.
    """

    by: tuple[str, int, str]
    sources: Sequence[str]
    leaves: Sequence[bytes]
    statement: str
    columns: Sequence[Sequence[object]]

    def rows(self, start: int, numbers: Sequence[int]) -> Iterator[Row]:
        """Yield what the statement is given: from log index `start` on, by the sources' numbers."""
        places = range(start, start + len(self.leaves))
        return zip(places, numbers, *self.columns, strict=True)


def sealed(told: Iterable[tuple[Arrival, Sequence[Event]]]) -> list[Sealed]:
    """Give each event of each arrival, in this order, its salt and its leaf."""
    found = []
    for (by, _), some in groupby(told, key=_together):
        events = [each for _, each in some]
        only = events[0] if len(events) == 1 else [*chain.from_iterable(events)]
        if only:
            found.append(_sealed(by, columns_of(only)))
    return found


def _together(each: tuple[Arrival, Sequence[Event]]) -> tuple[tuple[str, int, str], int]:
    """Return by what an arrival's events can be sealed with its neighbours'."""
    arrival, events = each
    alone = id(events) if isinstance(events, Alike) else 0
    return (arrival.producer, arrival.arrived, arrival.key), alone


def _sealed(by: tuple[str, int, str], told: Columns) -> Sealed:
    many, (_, arrived, key) = len(told.id), by
    answers, values, questions, places = zip(*told.said, strict=True)
    chance = os.urandom(SALT * many)
    salts = [chance[at : at + SALT] for at in range(0, len(chance), SALT)]
    leaves = event_leaves(by, told.source, told.id, salts, told.body)
    vouched = ([arrived] * many, [key] * many)
    # Python's driver asks every `bytes` what else it would be; these it writes as they are.
    blobs = ([*map(bytearray, column)] for column in (salts, told.body, leaves))
    derived = (told.kind, told.scope, told.target, told.aspect, told.claimed)
    columns = (told.id, *vouched, *blobs, *derived, questions, answers, values, places)
    marks = [_mark(column) for column in columns]
    bound = [column for column, mark in zip(columns, marks, strict=True) if mark == _BOUND]
    statement = f"INSERT INTO event VALUES ({_BOUND}, {_BOUND}, {', '.join(marks)})"
    return Sealed(by, told.source, leaves, statement, bound)


def _mark(column: Sequence[object]) -> str:
    """Return how a statement says what stands in a column: bound for each row, or spelled once.

    Nothing and null are spelled wherever they stand in every row; where the rows are many, so is a
    number, and a word of plain letters and digits, which can be nothing but itself.
    """
    first = column[0]
    if column.count(first) != len(column):
        return _BOUND
    if first is None or first == "":
        return "NULL" if first is None else "''"
    if len(column) < MANY:
        return _BOUND
    if isinstance(first, str):
        return f"'{first}'" if _WORD.fullmatch(first) else _BOUND
    return f"{first:d}" if isinstance(first, int) else _BOUND
