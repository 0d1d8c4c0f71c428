"""Preferences as OpenAI's format for direct preference optimisation, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from approvals.fields import require
from approvals.ports import Exporter
from approvals.tables import write_lines

_NEEDED = ("prompt", "chosen", "rejected")


@dataclass(frozen=True, slots=True)
class OpenAiDpo:
    """`input.messages`, `preferred_output`, `non_preferred_output`: one assistant turn a side."""

    name: str = "openai-dpo"
    kinds: frozenset[str] = frozenset({"preference"})

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:  # noqa: ARG002  the fields are the trainer's
        """Write `train.jsonl`."""
        write_lines(
            (_line(row) for batch in rows for row in self._texts(batch)), to / "train.jsonl"
        )

    def _texts(self, batch: pa.RecordBatch) -> list[dict[str, str]]:
        require(batch, _NEEDED, self.name)
        rows: list[dict[str, str]] = batch.select(_NEEDED).to_pylist()
        return rows


def _line(row: Mapping[str, str]) -> dict[str, object]:
    return {
        "input": {"messages": [{"role": "user", "content": row["prompt"]}]},
        "preferred_output": [{"role": "assistant", "content": row["chosen"]}],
        "non_preferred_output": [{"role": "assistant", "content": row["rejected"]}],
    }


EXPORTER: Exporter = OpenAiDpo()
