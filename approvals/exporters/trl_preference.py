"""Preferences with an explicit prompt, as TRL's DPO, CPO and ORPO trainers read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from approvals.fields import FILE, renamed, write_columns
from approvals.llama_factory import RANKED, describe
from approvals.ports import Exporter

_TEXT = pa.string()
_SCHEMA = pa.schema([("prompt", _TEXT), ("chosen", _TEXT), ("rejected", _TEXT)])


@dataclass(frozen=True, slots=True)
class TrlPreference:
    """`prompt`, `chosen`, `rejected` (TRL's preference type); of pseudo-labels the preferences."""

    name: str = "trl-preference"
    kinds: frozenset[str] = frozenset({"preference", "pseudo_label"})

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:
        """Write `train.parquet`, and what LLaMA-Factory must be told of it."""
        columns = {name: name for name in _SCHEMA.names}
        write_columns(renamed(rows, columns, self.name), _SCHEMA, to)
        describe(FILE, RANKED, about, to)


EXPORTER: Exporter = TrlPreference()
