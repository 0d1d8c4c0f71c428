"""Pairs for reward models, the prompt inside each side, with the margin where all rows have one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from approvals.fields import require, write_columns
from approvals.ports import Exporter

_TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


@dataclass(frozen=True, slots=True)
class Reward:
    """`chosen`, `rejected` as conversations (TRL's implicit prompt), `margin` if all have one."""

    name: str = "reward"
    kinds: frozenset[str] = frozenset({"preference"})

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:  # noqa: ARG002  the columns are the trainer's
        """Write `train.parquet`; holds all rows in memory, since the last may lack a margin."""
        kept = list(rows)
        weighed = not any(batch.column("margin").null_count for batch in kept)
        margin = [("margin", pa.float64())] if weighed else []
        schema = pa.schema([("chosen", _TURNS), ("rejected", _TURNS), *margin])
        write_columns((self._pairs(batch, schema) for batch in kept), schema, to)

    def _pairs(self, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
        require(batch, ("prompt", "chosen", "rejected"), self.name)
        rows = batch.to_pylist()
        columns = [
            pa.array([_talk(row["prompt"], row[side]) for row in rows], type=_TURNS)
            for side in ("chosen", "rejected")
        ]
        if "margin" in schema.names:
            columns.append(batch.column("margin"))
        return pa.RecordBatch.from_arrays(columns, schema=schema)


def _talk(prompt: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]


EXPORTER: Exporter = Reward()
