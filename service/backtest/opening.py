"""Files as a backtest is given them: plain or gzip, and the cells and rows of CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from quarantine.envelope import LARGEST, moment
from quarantine.errors import MalformedError, UsageError
from quarantine.model import to_micros
from quarantine.safe import safe
from service.packed import unpacked

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SECONDS: Final = re.compile(r"(-?)(\d{1,12})(?:\.(\d*))?", re.ASCII)
_LATEST: Final = 253_402_300_800
"""The first second of the year 10000, which RFC 3339 cannot spell."""
_UNICODE_WIDTH: Final = 4


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open `path` for reading bytes, through gzip where its name says so.

    What cannot be read, then or later in the block, is `UsageError`.
    """
    try:
        with unpacked(path) as stream:
            yield stream
    except OSError as error:
        raise UsageError(f"{safe(str(path))} cannot be read: {safe(str(error))}") from error


def read_time(spelled: str) -> int:
    """Return the µs since 1970 of an RFC 3339 time or of Unix seconds; `MalformedError` else."""
    seconds = _SECONDS.fullmatch(spelled)
    if seconds is None:
        return to_micros(moment(spelled))
    sign, whole, fraction = seconds.groups()
    if int(whole) >= _LATEST:
        raise MalformedError("bad_value", f"time: {spelled[:40]!r} lies beyond the year 9999")
    micros = int(whole) * 1_000_000 + int((fraction or "")[:6].ljust(6, "0"))
    return -micros if sign else micros


def read_number(name: str, spelled: str) -> float:
    """Return the finite number a cell holds, never -0; `MalformedError` else."""
    if not _NUMBER.fullmatch(spelled):
        reason = "not_finite" if spelled.lower().strip("+-") in _NOT_FINITE else "bad_value"
        raise MalformedError(reason, f"{name}: {spelled[:40]!r} is not a number")
    number = float(spelled) + 0.0
    if number in {float("inf"), float("-inf")}:
        raise MalformedError("number_out_of_range", f"{name}: {spelled[:40]!r} does not fit")
    return number


_NOT_FINITE: Final = frozenset({"nan", "inf", "infinity"})


@dataclass(slots=True)
class Sheet:
    """The rows of one CSV file, checked for width, size and encoding, each with its number.

    After `rows` has ended, `count` is how many data rows the file has and `bad` holds those that
    were not yielded as (number, reason, detail).
    """

    path: Path
    stream: IO[bytes]
    header: Sequence[str] = ()
    count: int = 0
    bad: list[tuple[int, str, str]] = field(default_factory=list)
    _reader: Iterator[list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._reader = csv.reader(_lines(self.stream), strict=True)
        try:
            self.header = tuple(name.strip() for name in next(self._reader, []))
        except csv.Error as error:
            raise UsageError(f"{safe(self.path.name)} has no header: {error}") from error
        if len(set(self.header)) != len(self.header):
            raise UsageError(f"{safe(self.path.name)} names a column twice in its header")

    def need(self, columns: Sequence[str]) -> None:
        """Raise `UsageError` when the header lacks one of `columns`."""
        missing = [column for column in columns if column not in self.header]
        if missing:
            raise UsageError(f"{safe(self.path.name)} has no column {', '.join(missing)}")

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the sound rows with their numbers from 0; blank lines are no rows."""
        while True:
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._put_aside("bad_value", f"not CSV: {error}")
                continue
            if row and self._is_sound(row):
                yield self.count, row
                self.count += 1

    def _is_sound(self, row: list[str]) -> bool:
        if len(row) != len(self.header):
            self._put_aside("bad_value", f"{len(row)} fields, the header has {len(self.header)}")
            return False
        if sum(map(len, row)) * _UNICODE_WIDTH > LARGEST:
            size = sum(len(cell.encode("utf-8", "surrogateescape")) for cell in row)
            if size > LARGEST:
                self._put_aside("event_too_large", f"{size} bytes, {LARGEST} is the most")
                return False
        return True

    def _put_aside(self, reason: str, detail: str) -> None:
        self.bad.append((self.count, reason, detail))
        self.count += 1


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield lines as text; bytes that are no UTF-8 stand as lone surrogates, to be found later."""
    first = True
    for line in stream:
        text = line.decode("utf-8", "surrogateescape")
        yield text.removeprefix("\ufeff") if first else text
        first = False


def is_text(cells: Sequence[str]) -> bool:
    """Say whether no cell holds bytes that were not UTF-8."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True
