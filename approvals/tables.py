"""Parquet and JSON lines with every option pinned: the same rows give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from quarantine.errors import TamperedError
from quarantine.record import spell_time

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

GROUP: Final = 65_536
"""Rows in one row group of a Parquet file, however the rows came."""

_READ: Final = 8_192
"""Rows that are read at once: few enough that what is made of them stays in a processor's cache."""


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that fix the bytes of what is written."""
    return {"pyarrow": pa.__version__}


class ParquetFile:
    """One Parquet file that is written batch by batch (zstd, format 2.6), in row groups of `GROUP`.

    The bytes depend on the rows alone, never on how they came; used in a `with` block.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """Begin the file at `path`."""
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._waits = 0
        self.rows = 0
        self._writer = pq.ParquetWriter(
            path,
            schema,
            version="2.6",
            compression="zstd",
            compression_level=3,
            data_page_version="1.0",
            use_dictionary=True,
            write_statistics=True,
        )

    def add(self, batch: pa.RecordBatch) -> None:
        """Write rows; what is no whole group waits for more."""
        self._waiting.append(batch)
        self._waits += batch.num_rows
        self.rows += batch.num_rows
        while self._waits >= GROUP:
            table = pa.Table.from_batches(self._waiting, schema=self._schema)
            self._write(table.slice(0, GROUP))
            self._waiting = table.slice(GROUP).to_batches()
            self._waits -= GROUP

    def _write(self, group: pa.Table) -> None:
        self._writer.write_table(group.combine_chunks(), row_group_size=GROUP)

    def __enter__(self) -> Self:
        """Write in a `with` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the file: at least one group, the last one shorter."""
        if error is None and (self._waits or not self.rows):
            self._write(pa.Table.from_batches(self._waiting, schema=self._schema))
        self._writer.close()


def write_parquet(rows: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path) -> int:
    """Write `rows` to one Parquet file; return how many there were."""
    with ParquetFile(path, schema) as file:
        for batch in rows:
            file.add(batch)
    return file.rows


def read_parquet(content: bytes, name: str) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a Parquet file's bytes; `TamperedError` names it when it is none."""
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        yield from file.iter_batches(batch_size=_READ)
    except (pa.ArrowException, OSError) as error:
        raise TamperedError(f"{name} cannot be read as Parquet") from error


def write_lines(rows: Iterable[Mapping[str, object]], path: Path) -> None:
    """Write one JSON object a line, in ASCII: no value can end its line or act on a screen."""
    with path.open("w", encoding="ascii", newline="\n") as out:
        for row in rows:
            line = json.dumps(row, ensure_ascii=True, allow_nan=False, default=_spell)
            out.write(line + "\n")


def _spell(value: datetime) -> str:
    return spell_time(value)
