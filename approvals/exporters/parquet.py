"""Everything, as it stands in the release: one Parquet file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa

from approvals.fields import FILE
from approvals.ports import Exporter
from approvals.tables import write_parquet
from quarantine.envelope import kinds


@dataclass(frozen=True, slots=True)
class Parquet:
    """All columns of the release; fits every kind."""

    name: str = "parquet"

    @property
    def kinds(self) -> frozenset[str]:
        """Return every kind there is."""
        return frozenset(kind.name for kind in kinds().values())

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:
        """Write `train.parquet`; what the file is of (`about`) stands in its schema."""
        stream = iter(rows)
        first = next(stream)
        schema = first.schema.with_metadata(dict(about))
        write_parquet(chain([first], stream), schema, to / FILE)


EXPORTER: Exporter = Parquet()
