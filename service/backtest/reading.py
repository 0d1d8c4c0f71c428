"""Files into feedback: every row is an event, a duplicate, of another scope, or named as bad."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from quarantine.errors import UsageError
from quarantine.evidence import EVENT_SCHEMA
from quarantine.safe import safe
from quarantine.wording import WORDS_SCHEMA
from service.backtest.lines import read_lines
from service.backtest.model import (
    HERE,
    TOLD_SCHEMA,
    BadRow,
    Feedback,
    Flags,
    Ints,
    Told,
    Wrong,
)
from service.backtest.saying import told_by
from service.backtest.tabular import Cells, joined, read_cells

SPOKEN: Final = 20
"""How many bad rows are spoken of while reading; all of them stand in the summary."""
_TABLES: Final = (".csv", ".csv.gz")
_LINES: Final = (".jsonl", ".jsonl.gz")
_SECOND: Final = 1_000_000


def read_feedback(
    files: Sequence[Path], *, scope: str | None, progress: Callable[[str], None]
) -> Feedback:
    """Read all `files`; with a `scope`, only its events and those of CSV rows that name none.

    Raises `UsageError` for files that cannot be read, whose columns tell no one kind, or that
    hold no event at all.
    """
    told, starts = _read_all(files, scope=scope or HERE)
    events, twice, conflicts = _once(_sorted(told.events))
    here = _of_scope(events, scope)
    feedback = _arrived(
        Told(events.filter(here), told.rows, [*told.bad, *conflicts], told.ignored),
        files=list(zip(starts, (path.name for path in files), strict=True)),
        duplicates=twice,
        elsewhere=len(here) - int(here.sum()),
    )
    _speak(feedback, progress)
    if not feedback.events.num_rows:
        raise UsageError(
            f"no event could be read: of {feedback.rows} rows {len(feedback.bad)} are bad"
            f" and {feedback.elsewhere} are of another scope"
        )
    return feedback


def _read_all(files: Sequence[Path], *, scope: str) -> tuple[Told, list[int]]:
    """Return what all files say, and the number of each file's first data row."""
    if not files:
        raise UsageError("a backtest needs at least one file")
    parts: list[Told] = []
    tables: dict[str, list[Cells]] = {}
    starts = [0]
    for path in files:
        read = _read(path, start=starts[-1])
        if isinstance(read, Cells):
            tables.setdefault(read.kind, []).append(read)
        else:
            parts.append(read)
        starts.append(starts[-1] + read.rows)
    parts += [told_by(joined(cells), scope=scope) for cells in tables.values()]
    events = pa.concat_tables([part.events for part in parts])
    bad = [wrong for part in parts for wrong in part.bad]
    ignored = list(dict.fromkeys(name for part in parts for name in part.ignored))
    return Told(events, starts.pop(), bad, ignored), starts


def _read(path: Path, *, start: int) -> Cells | Told:
    if path.name.endswith(_TABLES):
        return read_cells(path, start=start)
    if path.name.endswith(_LINES):
        return read_lines(path, start=start)
    raise UsageError(f"{safe(path.name)} is neither .csv, .csv.gz, .jsonl nor .jsonl.gz")


def _sorted(events: pa.Table) -> pa.Table:
    """Return the events in the order of their rows, each column in one piece."""
    order = pa.compute.sort_indices(events.column("row"))
    return events.unify_dictionaries().combine_chunks().take(order)


def _once(events: pa.Table) -> tuple[pa.Table, int, list[Wrong]]:
    """Keep the first event of each (source, id); count the duplicates, name the conflicts."""
    identity = pd.DataFrame(
        {
            "source": _codes(events, "source"),
            "id": events.column("id").to_pandas(),
            "content": events.column("content").to_numpy(),
        }
    )
    again = identity.duplicated(["source", "id"]).to_numpy()
    if not again.any():
        return events, 0, []
    same = again & identity.duplicated().to_numpy()
    row = events.column("row").to_numpy()
    detail = "the source said something else under this id in an earlier row"
    conflicts = [Wrong(number, "conflict", detail) for number in row[again & ~same].tolist()]
    return events.filter(~again), int(same.sum()), conflicts


def _codes(events: pa.Table, name: str) -> Ints:
    codes: Ints = events.column(name).combine_chunks().indices.to_numpy().astype(np.int64)
    return codes


def _of_scope(events: pa.Table, scope: str | None) -> Flags:
    if scope is None:
        return np.ones(events.num_rows, bool)
    named = events.column("scope").combine_chunks().dictionary.to_pylist()
    return np.isin(_codes(events, "scope"), [i for i, name in enumerate(named) if name == scope])


def _arrived(
    told: Told, *, files: Sequence[tuple[int, str]], duplicates: int, elsewhere: int
) -> Feedback:
    """Put events in order of arrival; where a row has no time it came with the row before it."""
    row = told.events.column("row").to_numpy()
    claimed = told.events.column("time").to_pandas().astype("Int64")
    dated = claimed.notna().to_numpy(bool)
    at = claimed.ffill().bfill().to_numpy(np.int64) if dated.any() else row * _SECOND
    order = np.argsort(at, kind="stable")
    events = told.events.take(order)
    columns = {name: events.column(name) for name in TOLD_SCHEMA.names}
    columns["index"] = pa.array(np.arange(len(order)))
    columns["arrived"] = columns["claimed"] = pa.array(at[order])
    bad = [_named(wrong, files) for wrong in sorted(told.bad)]
    return Feedback(
        events=pa.table([columns[name] for name in EVENT_SCHEMA.names], schema=EVENT_SCHEMA),
        row=row[order],
        dated=dated[order],
        rows=told.rows,
        bad=bad,
        ignored=told.ignored,
        duplicates=duplicates,
        elsewhere=elsewhere,
        words=events.select(WORDS_SCHEMA.names),
    )


def _named(wrong: Wrong, files: Sequence[tuple[int, str]]) -> BadRow:
    start, file = max(each for each in files if each[0] <= wrong.row)
    return BadRow(file, wrong.row - start, wrong.reason, wrong.detail)


def _speak(feedback: Feedback, progress: Callable[[str], None]) -> None:
    if feedback.ignored:
        progress("columns ignored: " + ", ".join(safe(name, 64) for name in feedback.ignored))
    for bad in feedback.bad[:SPOKEN]:
        progress(f"{safe(bad.file)} row {bad.row}: {bad.reason}: {safe(bad.detail, 200)}")
    if len(feedback.bad) > SPOKEN:
        progress(f"and {len(feedback.bad) - SPOKEN} more bad rows, all named in summary.json")
