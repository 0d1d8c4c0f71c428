"""Cells as events: every distinct answer goes through its kind, once.

A file of a million ratings holds a handful of distinct answers. Each distinct one is read by the
same code as an event from the bus (`quarantine.envelope.understand`); the rest is codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from quarantine.envelope import Name, kind_named, understand
from quarantine.errors import MalformedError
from quarantine.model import Said
from service.backtest.model import TOLD_SCHEMA, Floats, Ints, Told, Wrong
from service.backtest.opening import read_number, read_time
from service.backtest.tabular import CELLS, Cells
from service.backtest.words import words_of

T = TypeVar("T")
K = TypeVar("K")

_NAME: Final = TypeAdapter[str](Name)
_SILENT: Final = Said("")
_ENVELOPE: Final[Mapping[str, object]] = {
    "specversion": "1.0",
    "id": "0",
    "source": "0",
    "subject": "0",
    "scope": "0",
    "time": "1970-01-01T00:00:00Z",
}
_NO_TIME: Final = np.iinfo(np.int64).min


@dataclass(slots=True)
class _Account:
    """Which rows of a table are no events, each with the first reason found."""

    why: dict[int, MalformedError] = field(default_factory=dict)

    def blame(self, codes: Ints, wrong: Mapping[int, MalformedError]) -> None:
        """Put aside every row whose code is wrong."""
        if wrong:
            for position in np.flatnonzero(np.isin(codes, list(wrong))).tolist():
                self.why.setdefault(position, wrong[int(codes[position])])


def told_by(cells: Cells, *, scope: str) -> Told:
    """Understand the cells of one kind; events that name no scope are of `scope`."""
    account = _Account()
    table = cells.table
    names = {
        "source": _names(table, "source", account),
        "target": _names(table, "target", account),
        "scope": _names(_or(table, "scope", scope), "scope", account),
    }
    ids = _or(table, "id", table.column("row").cast(pa.string()))
    _names(ids, "id", account)
    times, moments = _coded(table.column("time"))
    micros = np.array(_meanings(times, moments, _time, account, otherwise=_NO_TIME), np.int64)[
        times
    ]
    said, answers = _answers(cells, names["scope"][0], account)
    columns: dict[str, object] = {
        name: pa.DictionaryArray.from_arrays(codes.astype(np.int32), words)
        for name, (codes, words) in {**names, **_shared(said, answers, cells.kind)}.items()
    }
    columns |= {
        "id": ids.column("id"),
        "value": pa.array([each.value for each in answers], pa.float64()).take(said),
        "place": pa.array([each.place for each in answers], pa.int32()).take(said),
        "row": table.column("row"),
        "time": pa.array(micros, mask=micros == _NO_TIME),
        "content": table.column("content"),
        **words_of(cells.kind, table),
    }
    events = pa.table([columns[name] for name in TOLD_SCHEMA.names], schema=TOLD_SCHEMA)
    good = np.ones(len(said), bool)
    good[list(account.why)] = False
    return Told(events.filter(good), cells.rows, _bad(cells, account), cells.ignored)


def _shared(
    said: Ints, answers: Sequence[Said], kind: str
) -> Mapping[str, tuple[Ints, Sequence[str]]]:
    once = np.zeros(len(said), np.int64)
    return {
        "producer": (once, [""]),
        "kind": (once, [kind]),
        "question": _recoded(said, [each.question for each in answers]),
        "answer": _recoded(said, [each.answer for each in answers]),
    }


def _recoded(codes: Ints, words: Sequence[str]) -> tuple[Ints, Sequence[str]]:
    """Give equal words one code: a dictionary holds a word once."""
    again, unique = pd.factorize(np.array([*words], dtype=object))
    return again.astype(np.int64)[codes], unique.tolist()


def _bad(cells: Cells, account: _Account) -> list[Wrong]:
    rows = cells.table.column("row")
    found = [
        Wrong(rows[position].as_py(), why.reason, why.detail)
        for position, why in account.why.items()
    ]
    return [*cells.bad, *found]


def _or(table: pa.Table, name: str, otherwise: str | pa.ChunkedArray) -> pa.Table:
    """Return the table of one column in which `otherwise` fills the empty cells."""
    column = table.column(name)
    empty = pa.compute.equal(column, "")
    return pa.table({name: pa.compute.if_else(empty, otherwise, column)})


def _names(table: pa.Table, name: str, account: _Account) -> tuple[Ints, list[str]]:
    codes, words = _coded(table.column(name))
    return codes, _meanings(codes, words, lambda word: _name(name, word), account, otherwise="")


def _name(column: str, word: str) -> str:
    if not word:
        raise MalformedError("missing_field", f"{column}: the cell is empty")
    try:
        return _NAME.validate_python(word)
    except ValidationError as error:
        message = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise MalformedError("bad_value", f"{column}: {message}") from None


def _time(spelled: str) -> int:
    return read_time(spelled.strip()) if spelled.strip() else _NO_TIME


def _answers(cells: Cells, scope: Ints, account: _Account) -> tuple[Ints, list[Said]]:
    """Return a code for every row and what each code says."""
    named = CELLS[cells.kind]
    if cells.kind == "rating":
        columns = _scaled(cells.table, scope, account)
    else:
        columns = {name: _coded(cells.table.column(name)) for name in named}
    columns["shown"] = _coded(cells.table.column("shown"))
    codes, first = _combined([codes for codes, _ in columns.values()])
    answers = [
        {name: words[codes[at]] for name, (codes, words) in columns.items()}
        for at in first.tolist()
    ]
    return codes, _meanings(
        codes, answers, lambda cell: _said(cells.kind, cell), account, otherwise=_SILENT
    )


def _said(kind: str, cells: Mapping[str, str | float]) -> Said:
    """Let the kind speak, as it does for an event from the bus; an empty cell is absent."""
    data: dict[str, object] = {
        name: cell for name, cell in cells.items() if cell != "" and name != "shown"
    }
    if kind == "label":
        # The set as observed holds every label by its making; the kind asks no more of it.
        data["labels"] = [cells["label"]]
    if cells["shown"]:
        data["shown"] = str(cells["shown"]).split("|")
    return understand(
        {**_ENVELOPE, "type": kind_named(kind).event_type, "data": data}, b"", position=0, arrived=0
    ).said


def _scaled(
    table: pa.Table, scope: Ints, account: _Account
) -> dict[str, tuple[Ints, Sequence[str | float]]]:
    """Return the ratings' numbers; where the ends of the scale are missing, as observed in scope.

    Where all that was observed is one value, the scale reaches from it one point up.
    """
    value, low, high = (_numbers(table, name, account) for name in CELLS["rating"])
    seen = pd.DataFrame({"low": np.fmin(value, low), "high": np.fmax(value, high)})
    within = seen.groupby(scope)
    bottom = np.where(np.isnan(low), within["low"].transform("min"), low)
    top = np.where(np.isnan(high), within["high"].transform("max"), high)
    flat = bottom == top
    top = np.where(flat & np.isnan(high), top + 1, top)
    numbers = zip(CELLS["rating"], (value, bottom, top), strict=True)
    return {name: _coded_numbers(column) for name, column in numbers}


def _numbers(table: pa.Table, name: str, account: _Account) -> Floats:
    codes, words = _coded(table.column(name))

    def number(word: str) -> float:
        return read_number(name, word.strip()) if word.strip() else np.nan

    return np.array(_meanings(codes, words, number, account, otherwise=np.nan))[codes]


def _coded_numbers(column: Floats) -> tuple[Ints, Sequence[str | float]]:
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    return codes.astype(np.int64), ["" if np.isnan(each) else float(each) for each in distinct]


def _combined(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Code the distinct combinations of codes; return them and where each stands first."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        codes, _ = pd.factorize(codes * (int(column.max(initial=0)) + 1) + column)
    _, first = np.unique(codes, return_index=True)
    return codes.astype(np.int64), first


def _meanings(
    codes: Ints,
    cells: Sequence[K],
    mean: Callable[[K], T],
    account: _Account,
    *,
    otherwise: T,
) -> list[T]:
    """Find what every distinct cell means, once; put rows of a cell without meaning aside."""
    means: list[T] = []
    wrong: dict[int, MalformedError] = {}
    for code, cell in enumerate(cells):
        try:
            means.append(mean(cell))
        except MalformedError as error:
            wrong[code] = error
            means.append(otherwise)
    account.blame(codes, wrong)
    return means


def _coded(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()
