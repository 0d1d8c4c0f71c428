"""Prompts with the answer they should get, as TRL's SFT trainer reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from approvals.fields import FILE, renamed, write_columns
from approvals.llama_factory import ANSWERED, describe
from approvals.ports import Exporter

_SCHEMA = pa.schema([("prompt", pa.string()), ("completion", pa.string())])


@dataclass(frozen=True, slots=True)
class TrlSft:
    """`prompt`, `completion` (TRL's prompt-completion type): what was corrected, or chosen."""

    name: str = "trl-sft"
    kinds: frozenset[str] = frozenset({"correction", "preference"})

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:
        """Write `train.parquet`, and what LLaMA-Factory must be told of it."""
        write_columns(self._pairs(rows), _SCHEMA, to)
        describe(FILE, ANSWERED, about, to)

    def _pairs(self, rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in rows:
            answer = "corrected" if "corrected" in batch.schema.names else "chosen"
            yield from renamed([batch], {"prompt": "prompt", "completion": answer}, self.name)


EXPORTER: Exporter = TrlSft()
