"""Rows of a file as records: JSON Lines, CSV, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from quarantine.errors import UsageError
from service.adapting.words import bytes_of
from service.packed import unpacked

_ROWS_AT_ONCE: Final = 4
"""Rows of Parquet that are unpacked together: a kilobyte can hold many of ten megabytes each."""


def records_in(file: Path) -> Iterator[bytes]:
    """Yield the bytes of each record in `file`: `.jsonl`, `.csv` (both also `.gz`), `.parquet`.

    A line of JSON is taken as it stands, whatever it holds; a row of a table becomes an object of
    its columns. Raises `UsageError` for another ending, or a file that is not whole.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    name = file.name.removesuffix(".gz")
    try:
        if name.endswith(".jsonl"):
            yield from _lines(file)
        elif name.endswith(".csv"):
            yield from _table(file)
        elif name.endswith(".parquet"):
            yield from _columns(file)
        else:
            raise UsageError(f"{file} is neither .jsonl nor .csv nor .parquet")
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def _lines(file: Path) -> Iterator[bytes]:
    with unpacked(file) as lines:
        for line in lines:
            if record := line.strip():
                yield record


def _table(file: Path) -> Iterator[bytes]:
    with unpacked(file) as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines, strict=True):
            yield bytes_of({key: value for key, value in row.items() if key is not None})


def _columns(file: Path) -> Iterator[bytes]:
    import pyarrow as pa  # noqa: PLC0415  only a Parquet file needs it
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with pq.ParquetFile(file) as table:
            for batch in table.iter_batches(_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    yield bytes_of({name: _plain(value) for name, value in row.items()})
    except pa.ArrowInvalid as error:
        raise UsageError(f"{file} is no Parquet: {error}") from error


def _plain(value: object) -> object:
    """Return a value as JSON has it; times and the like as they are spelled."""
    if value is None or isinstance(value, str | int | float | bool | list | dict):
        return value
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if isoformat is not None else str(value)
