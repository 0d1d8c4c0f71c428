"""Ratings as recommenders read them: who, what, how much, when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from approvals.fields import renamed, write_columns
from approvals.ports import Exporter
from quarantine.errors import UsageError

_SCHEMA = pa.schema(
    [
        ("user", pa.string()),
        ("item", pa.string()),
        ("rating", pa.float64()),
        ("timestamp", pa.int64()),
    ]
)
_COLUMNS = {"user": "source", "item": "target", "rating": "value", "timestamp": "time"}


@dataclass(frozen=True, slots=True)
class Ratings:
    """`user`, `item`, `rating`, `timestamp` (claimed, Unix seconds); one signal alone."""

    name: str = "ratings"
    kinds: frozenset[str] = frozenset({"rating", "signal"})

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:  # noqa: ARG002  the columns are the trainer's
        """Write `train.parquet`."""
        write_columns(map(_in_seconds, renamed(_of_one(rows), _COLUMNS, self.name)), _SCHEMA, to)


def _of_one(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Refuse signals of several names: one column cannot tell clicks from judges' scores."""
    names: set[str] = set()
    for batch in rows:
        if "name" in batch.schema.names:
            names.update(pc.unique(batch.column("name")).to_pylist())
        if len(names) > 1:
            raise UsageError("the release holds several signals, which ratings cannot tell apart")
        yield batch


def _in_seconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    micros = batch.column("timestamp").cast(pa.int64())
    arrays = [*batch.columns[:-1], pc.floor(pc.divide(micros.cast(pa.float64()), 1e6))]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


EXPORTER: Exporter = Ratings()
