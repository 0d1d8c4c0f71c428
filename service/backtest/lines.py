"""Native files: one CloudEvent a line, read exactly as a slice of a batch is."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

import pyarrow as pa

from quarantine.envelope import read, worded
from quarantine.errors import MalformedError
from quarantine.model import Event
from quarantine.wording import table_of
from service.backtest.model import TOLD_SCHEMA, Told, Wrong
from service.backtest.opening import opened

_NO_CLOCK: Final = 2**62
"""A backtest has no clock that an event could run ahead of: its time is when it arrived."""


def read_lines(path: Path, *, start: int) -> Told:
    """Read one file of CloudEvents; `start` is the number of its first line among all rows.

    Blank lines are no rows, nor is a byte order mark before the first one part of it. Raises
    `UsageError` when the file cannot be read.
    """
    events: list[tuple[int, Event]] = []
    bad: list[Wrong] = []
    rows = 0
    with opened(path) as stream:
        for number, line in enumerate(stream):
            mark = b"" if number else codecs.BOM_UTF8  # the file's own, not the event's
            body = line.removeprefix(mark).strip(b" \t\r\n")
            if not body:
                continue
            try:
                events.append((rows + start, read(body, position=rows, arrived=_NO_CLOCK)))
            except MalformedError as error:
                bad.append(Wrong(rows + start, error.reason, error.detail))
            rows += 1
    return Told(_table(events), rows, bad)


def _table(events: list[tuple[int, Event]]) -> pa.Table:
    columns: dict[str, list[object]] = {
        "producer": ["" for _ in events],
        "source": [event.source for _, event in events],
        "id": [event.id for _, event in events],
        "kind": [event.kind for _, event in events],
        "scope": [event.scope for _, event in events],
        "target": [event.target for _, event in events],
        "question": [event.said.question for _, event in events],
        "answer": [event.said.answer for _, event in events],
        "value": [event.said.value for _, event in events],
        "place": [event.said.place for _, event in events],
        "row": [row for row, _ in events],
        "time": [event.claimed for _, event in events],
        "content": [hash(event.body) for _, event in events],
    }
    said = table_of([worded(event.body) for _, event in events])
    arrays = [
        said.column(field.name)
        if field.name in said.column_names
        else pa.array(columns[field.name], field.type)
        for field in TOLD_SCHEMA
    ]
    return pa.table(arrays, schema=TOLD_SCHEMA)
