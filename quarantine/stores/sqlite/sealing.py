"""Sealed events as SQLite takes them in fastest: what is the same in every row is spelled once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from quarantine.rows.sealing import Sealed

MANY: Final = 64
"""Rows for which it is worth while to have a statement of their own."""

Row = tuple[object, ...]

_BOUND: Final = "?"
_WORD = re.compile("[A-Za-z0-9_]{1,64}", re.ASCII)


class Spelled(NamedTuple):
    """Sealed events, the statement that takes their rows, and what it is given from `id` on."""

    sealed: Sealed
    statement: str
    columns: Sequence[Sequence[object]]

    def rows(self, start: int, numbers: Sequence[int]) -> Iterator[Row]:
        """Yield what the statement is given: from log index `start` on, by the sources' numbers."""
        places = range(start, start + len(self.sealed.leaves))
        return zip(places, numbers, *self.columns, strict=True)


def spelled(some: Sealed) -> Spelled:
    """Return sealed events with their statement."""
    # Python's driver asks every `bytes` what else it would be; these it writes as they are.
    columns = [
        [*map(bytearray, column)] if isinstance(column[0], bytes) else column  # type: ignore[arg-type]  # a column has one type
        for column in some.columns
    ]
    marks = [_mark(column) for column in columns]
    bound = [column for column, mark in zip(columns, marks, strict=True) if mark == _BOUND]
    statement = f"INSERT INTO event VALUES ({_BOUND}, {_BOUND}, {', '.join(marks)})"
    return Spelled(some, statement, bound)


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
