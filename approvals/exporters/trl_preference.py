"""Preferences with an explicit prompt, as TRL's DPO, CPO and ORPO trainers read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from approvals.fields import renamed, write_columns
from approvals.ports import Exporter

_TEXT = pa.string()
_SCHEMA = pa.schema([("prompt", _TEXT), ("chosen", _TEXT), ("rejected", _TEXT)])


@dataclass(frozen=True, slots=True)
class TrlPreference:
    """`prompt`, `chosen`, `rejected` (TRL's preference type); of pseudo-labels the preferences."""

    name: str = "trl-preference"
    kinds: frozenset[str] = frozenset({"preference", "pseudo_label"})

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:  # noqa: ARG002  the columns are the trainer's
        """Write `train.parquet`."""
        columns = {name: name for name in _SCHEMA.names}
        write_columns(renamed(rows, columns, self.name), _SCHEMA, to)


EXPORTER: Exporter = TrlPreference()
