"""Files of feedback that a producer sends: JSONL of CloudEvents, or a CSV, its rows as events."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from quarantine.errors import MalformedError, UsageError
from quarantine.record import spell_time
from quarantine.strict_json import parse
from service.packed import unpacked

_SEPARATOR: Final = "|"
_KINDS: Final = {"rating": {"value"}, "label": {"label"}, "preference": {"chosen", "rejected"}}

Row = Mapping[str, str]


def digest_of(file: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes as they are kept."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def events_in(file: Path, *, scope: str, at: datetime) -> Iterator[bytes]:
    """Yield the exact bytes of each event in `file` (`.jsonl` or `.csv`, also with `.gz`).

    A JSONL line is an event as it stands. A CSV row becomes a rating, a label or a preference by
    its columns; it is for `scope` and said `at` where it says no other, its id is the row's number
    from 0, and scale and label set are as observed in the file. Raises `UsageError`.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    name = file.name.removesuffix(".gz")
    if name.endswith(".jsonl"):
        return _lines(file)
    if name.endswith(".csv"):
        return _rows(file, _kind(file), _Filling(scope, spell_time(at)))
    raise UsageError(f"{file} is neither .jsonl nor .csv (nor either with .gz)")


@dataclass(frozen=True, slots=True)
class _Filling:
    """What stands in where a row says nothing."""

    scope: str
    time: str
    low: float = 0.0
    high: float = 1.0
    labels: tuple[str, ...] = ()


def unnamed(file: Path) -> bool:
    """Say whether `file` is a CSV whose rows have no ids: another one's are then the same numbers.

    Raises `UsageError` for a file that cannot be read.
    """
    if not file.name.removesuffix(".gz").endswith(".csv"):
        return False
    with _opened(file) as lines:
        return "id" not in next(csv.reader(lines), [])


def _lines(file: Path) -> Iterator[bytes]:
    with _opened(file) as lines:
        for number, line in enumerate(lines, 1):
            event = line.strip(" \t\r\n")
            if not event:
                continue
            try:
                value = parse(event)
            except MalformedError as error:
                raise UsageError(f"{file}, line {number}: {error.detail}") from error
            if not isinstance(value, dict):
                raise UsageError(f"{file}, line {number}: an event is a JSON object")
            yield event.encode()


def _rows(file: Path, kind: str, filling: _Filling) -> Iterator[bytes]:
    seen = _observed(file, kind, filling)
    for number, row in _table(file):
        try:
            event = _event(row, number, kind, seen)
        except (ValueError, OverflowError) as error:
            raise UsageError(f"{file}, data row {number}: {error}") from error
        yield json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _kind(file: Path) -> str:
    with _opened(file) as lines:
        columns = set(next(csv.reader(lines), []))
    kinds = [kind for kind, needed in _KINDS.items() if needed <= columns]
    lacking = {"source", "target"} - columns
    if len(kinds) != 1 or lacking:
        raise UsageError(
            f"{file} needs the columns source, target, and value or label or chosen and rejected"
        )
    return kinds[0]


def _observed(file: Path, kind: str, filling: _Filling) -> _Filling:
    """Look through the file once for the scale or the labels that its rows may leave out."""
    if kind == "label":
        labels = sorted({row["label"] for _, row in _table(file)})
        return _Filling(filling.scope, filling.time, labels=tuple(labels))
    if kind == "preference":
        return filling
    low, high = math.inf, -math.inf
    for number, row in _table(file):
        try:
            value = _number(row["value"])
        except ValueError as error:
            raise UsageError(f"{file}, data row {number}: {error}") from error
        low, high = min(low, value), max(high, value)
    return _Filling(filling.scope, filling.time, low, high if high > low else low + 1)


def _table(file: Path) -> Iterator[tuple[int, Row]]:
    with _opened(file) as lines:
        reader = csv.DictReader(lines, strict=True, restval="")
        try:
            yield from enumerate(reader)
        except csv.Error as error:
            raise UsageError(f"{file}, line {reader.line_num}: {error}") from error


def _event(row: Row, number: int, kind: str, filling: _Filling) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": row.get("id") or str(number),
        "source": row["source"],
        "subject": row["target"],
        "type": f"feedback.{kind}.v1",
        "time": _time(row.get("time", "")) or filling.time,
        "scope": row.get("scope") or filling.scope,
        "data": {**_SAID[kind](row, filling), **_besides(row)},
    }


def _rating(row: Row, filling: _Filling) -> dict[str, object]:
    return {
        "value": _number(row["value"]),
        "low": _number(row["low"]) if row.get("low") else filling.low,
        "high": _number(row["high"]) if row.get("high") else filling.high,
    }


def _label(row: Row, filling: _Filling) -> dict[str, object]:
    return {"label": row["label"], "labels": list(filling.labels)}


def _preference(row: Row, _filling: _Filling) -> dict[str, object]:
    return {name: row.get(name, "") for name in ("prompt", "chosen", "rejected")}


_SAID: Final[Mapping[str, Callable[[Row, _Filling], dict[str, object]]]] = {
    "rating": _rating,
    "label": _label,
    "preference": _preference,
}


def _besides(row: Row) -> dict[str, object]:
    found: dict[str, object] = {name: row[name] for name in ("text", "item") if row.get(name)}
    if row.get("shown"):
        found["shown"] = row["shown"].split(_SEPARATOR)
    return found


def _number(spelled: str) -> float:
    value = float(spelled)
    if not math.isfinite(value):
        raise ValueError(f"{spelled[:40]!r} is no finite number")
    return value


def _time(spelled: str) -> str:
    """Return an RFC 3339 time as it is, Unix seconds spelled as one, nothing for nothing."""
    try:
        seconds = float(spelled)
    except ValueError:
        return spelled
    return spell_time(datetime.fromtimestamp(seconds, UTC))


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    """Open a file as text, unpacked where it is packed; the csv module minds the line ends."""
    with unpacked(file) as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as lines:
        try:
            yield lines
        except UnicodeDecodeError as error:
            raise UsageError(f"{file} is not UTF-8") from error
        except OSError as error:
            raise UsageError(f"{file} is not whole: {error}") from error
