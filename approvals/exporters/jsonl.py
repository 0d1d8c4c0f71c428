"""Everything, as it stands in the release: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from approvals.ports import Exporter
from approvals.tables import write_lines
from quarantine.envelope import kinds


@dataclass(frozen=True, slots=True)
class JsonLines:
    """All columns of the release, absent values as null, times in RFC 3339; fits every kind."""

    name: str = "jsonl"

    @property
    def kinds(self) -> frozenset[str]:
        """Return every kind there is."""
        return frozenset(kind.name for kind in kinds().values())

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:  # noqa: ARG002  the lines say all there is
        """Write `train.jsonl`, in ASCII with everything else escaped."""
        write_lines((row for batch in rows for row in batch.to_pylist()), to / "train.jsonl")


EXPORTER: Exporter = JsonLines()
