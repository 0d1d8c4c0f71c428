"""Labels as classifiers read them: what it is, which label, who said so and what they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from approvals.fields import renamed, write_columns
from approvals.ports import Exporter

_TEXT = pa.string()
_SCHEMA = pa.schema([("item", _TEXT), ("label", _TEXT), ("source", _TEXT), ("origin", _TEXT)])
_COLUMNS = {"item": "target", "label": "label", "source": "source", "origin": "origin"}


@dataclass(frozen=True, slots=True)
class Labels:
    """`item` (the target's id), `label`, `source`, `origin`; a pseudo-label must be a label."""

    name: str = "labels"
    kinds: frozenset[str] = frozenset({"label", "pseudo_label"})

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:  # noqa: ARG002  the columns are the trainer's
        """Write `train.parquet`."""
        write_columns(renamed(rows, _COLUMNS, self.name), _SCHEMA, to)


EXPORTER: Exporter = Labels()
