"""Parquet and JSON lines with every option pinned: the same rows give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from quarantine.errors import TamperedError
from quarantine.record import spell_time

if TYPE_CHECKING:
    from datetime import datetime

GROUP: Final = 65_536
"""Rows in one row group of a Parquet file, however the rows came."""


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that fix the bytes of what is written."""
    return {"pyarrow": pa.__version__}


def write_parquet(rows: Iterable[pa.RecordBatch], schema: pa.Schema, path: Path) -> int:
    """Write `rows` to one Parquet file (zstd, format 2.6); return how many there were."""
    count = 0
    with pq.ParquetWriter(
        path,
        schema,
        version="2.6",
        compression="zstd",
        compression_level=3,
        data_page_version="1.0",
        use_dictionary=True,
        write_statistics=True,
    ) as writer:
        for group in regrouped(rows, schema, GROUP):
            writer.write_table(group, row_group_size=GROUP)
            count += group.num_rows
    return count


def regrouped(rows: Iterable[pa.RecordBatch], schema: pa.Schema, size: int) -> Iterator[pa.Table]:
    """Yield `rows` in tables of exactly `size` rows, the last one shorter; at least one table."""
    waiting: list[pa.RecordBatch] = []
    count, given = 0, False
    for batch in rows:
        waiting.append(batch)
        count += batch.num_rows
        while count >= size:
            table = pa.Table.from_batches(waiting, schema=schema)
            yield table.slice(0, size).combine_chunks()
            waiting, count, given = table.slice(size).to_batches(), count - size, True
    if count or not given:
        yield pa.Table.from_batches(waiting, schema=schema).combine_chunks()


def read_parquet(content: bytes, name: str) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a Parquet file's bytes; `TamperedError` names it when it is none."""
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        yield from file.iter_batches(batch_size=GROUP)
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
