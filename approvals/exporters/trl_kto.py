"""Answers that were liked or not, one a row, as TRL's KTO and BCO trainers read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from approvals.fields import FILE, require, write_columns
from approvals.llama_factory import TAGGED, describe
from approvals.ports import Exporter

_SCHEMA = pa.schema([("prompt", pa.string()), ("completion", pa.string()), ("label", pa.bool_())])


@dataclass(frozen=True, slots=True)
class TrlKto:
    """`prompt`, `completion`, `label` (TRL's unpaired type): two rows a preference, chosen first.

    A correction gives its corrected and its first completion; a rating is liked above the middle
    of its scale.
    """

    name: str = "trl-kto"
    kinds: frozenset[str] = frozenset({"preference", "correction", "rating"})

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:
        """Write `train.parquet`, and what LLaMA-Factory must be told of it."""
        write_columns(self._unpaired(rows), _SCHEMA, to)
        describe(FILE, TAGGED, about, to)

    def _unpaired(self, rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in rows:
            names = set(batch.schema.names)
            if "value" in names:
                require(batch, ("prompt", "completion"), self.name)
                answers = [_rated(row) for row in batch.to_pylist()]
            else:
                good, bad = (
                    ("corrected", "completion") if "corrected" in names else ("chosen", "rejected")
                )
                require(batch, ("prompt", good, bad), self.name)
                answers = [
                    (row["prompt"], row[column], column == good)
                    for row in batch.to_pylist()
                    for column in (good, bad)
                ]
            columns = [list(column) for column in zip(*answers, strict=True)]
            yield pa.RecordBatch.from_arrays(
                [pa.array(c, type=f.type) for c, f in zip(columns, _SCHEMA, strict=True)],
                schema=_SCHEMA,
            )


def _rated(row: Mapping[str, object]) -> tuple[object, object, bool]:
    value, low, high = (float(str(row[name])) for name in ("value", "low", "high"))
    return row["prompt"], row["completion"], value > (low + high) / 2


EXPORTER: Exporter = TrlKto()
