"""What exporters ask of release rows: the columns that a format needs, present in every row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from approvals.tables import write_parquet
from quarantine.errors import UsageError

FILE = "train.parquet"
"""The file of a columnar format; `datasets.load_dataset(DIR)` finds it as split `train`."""


def require(batch: pa.RecordBatch, names: Sequence[str], format: str) -> None:
    """Refuse a batch in which a row lacks one of `names`; `UsageError` names the row."""
    for name in names:
        if batch.column(name).null_count:
            first = pc.index(batch.column(name).is_null(), value=True).as_py()
            row = batch.column("log_index")[first].as_py()
            raise UsageError(f"log row {row} has no {name}, which {format} needs: export jsonl")


def renamed(
    rows: Iterable[pa.RecordBatch], columns: dict[str, str], format: str
) -> Iterator[pa.RecordBatch]:
    """Yield batches of some columns (new name to the release's), present in every row."""
    for batch in rows:
        require(batch, list(columns.values()), format)
        arrays = [batch.column(name) for name in columns.values()]
        yield pa.RecordBatch.from_arrays(arrays, names=list(columns))


def write_columns(rows: Iterable[pa.RecordBatch], schema: pa.Schema, to: Path) -> None:
    """Write batches, their columns cast to `schema`, as the directory's one Parquet file."""
    write_parquet((batch.cast(schema) for batch in rows), schema, to / FILE)
