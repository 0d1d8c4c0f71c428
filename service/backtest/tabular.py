"""CSV files as cells: the kind follows from the columns, every row is kept or named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final

import pyarrow as pa

from quarantine.errors import UsageError
from quarantine.safe import safe
from service.backtest.model import Wrong
from service.backtest.opening import Sheet, is_text, opened

ALWAYS: Final = ("source", "target", "time")
OPTIONAL: Final = ("text", "item", "shown", "scope", "id")
SIGNS: Final[Mapping[str, tuple[str, ...]]] = {
    "rating": ("value",),
    "label": ("label",),
    "preference": ("chosen", "rejected"),
}
"""The columns that tell a kind."""
CELLS: Final[Mapping[str, tuple[str, ...]]] = {
    "rating": ("value", "low", "high"),
    "label": ("label",),
    "preference": ("prompt", "chosen", "rejected"),
}
"""The columns that hold a kind's answer."""
MAY_LACK: Final = frozenset({"low", "high"})
CHUNK: Final = 50_000


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of CSV files of one kind as text; a cell that is empty or absent is ''."""

    kind: str
    table: pa.Table
    rows: int
    bad: Sequence[Wrong]
    ignored: Sequence[str]


def kind_of(header: Sequence[str], file: str) -> str:
    """Return the kind that the columns tell; none or several is `UsageError`."""
    found = [kind for kind, signs in SIGNS.items() if set(signs) <= set(header)]
    if len(found) == 1:
        return found[0]
    told = f"tell several kinds ({', '.join(found)})" if found else "tell no kind of feedback"
    raise UsageError(
        f"the columns of {safe(file)} {told}: one of value, label, or chosen and rejected is needed"
    )


def read_cells(path: Path, *, start: int) -> Cells:
    """Read one CSV file; `start` is the number of its first data row among all files."""
    with opened(path) as stream:
        sheet = Sheet(path, stream)
        kind = kind_of(sheet.header, path.name)
        sheet.need([*ALWAYS, *(name for name in CELLS[kind] if name not in MAY_LACK)])
        wanted = (*ALWAYS, *OPTIONAL, *CELLS[kind])
        place = [(name, sheet.header.index(name)) for name in wanted if name in sheet.header]
        rows = sheet.rows()
        chunks = []
        while some := list(islice(rows, CHUNK)):
            chunks.append(_columns(_utf8(sheet, some), place, wanted, start=start))
    table = pa.concat_tables([_columns([], place, wanted, start=start), *chunks])
    bad = [Wrong(number + start, *why) for number, *why in sheet.bad]
    ignored = [name for name in sheet.header if name not in wanted]
    return Cells(kind, table, sheet.count, bad, ignored)


def _utf8(sheet: Sheet, rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    if is_text(list(chain.from_iterable(row for _, row in rows))):
        return rows
    sheet.bad += [
        (number, "not_utf8", "a cell is not UTF-8") for number, row in rows if not is_text(row)
    ]
    return [(number, row) for number, row in rows if is_text(row)]


def _columns(
    rows: list[tuple[int, list[str]]],
    place: Sequence[tuple[str, int]],
    wanted: Sequence[str],
    *,
    start: int,
) -> pa.Table:
    stands = dict(place)
    columns = {
        name: pa.array([row[stands[name]] for _, row in rows], pa.string())
        if name in stands
        else pa.array([""] * len(rows), pa.string())
        for name in wanted
    }
    columns["row"] = pa.array([number + start for number, _ in rows], pa.int64())
    columns["content"] = pa.array([hash(tuple(row)) for _, row in rows], pa.int64())
    return pa.table(columns)


def joined(parts: Sequence[Cells]) -> Cells:
    """Return the cells of several files of one kind as those of one."""
    return Cells(
        parts[0].kind,
        pa.concat_tables([part.table for part in parts]),
        sum(part.rows for part in parts),
        [bad for part in parts for bad in part.bad],
        list(dict.fromkeys(name for part in parts for name in part.ignored)),
    )
