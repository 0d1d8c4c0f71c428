"""Everything, as it stands in the release: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from approvals.llama_factory import CORRECTED, RANKED, describe
from approvals.ports import Exporter
from approvals.tables import write_lines
from quarantine.envelope import kinds

_FILE: Final = "train.jsonl"
_TRAINED: Final = {"preference": RANKED, "correction": CORRECTED}


@dataclass(frozen=True, slots=True)
class JsonLines:
    """All columns of the release, absent values as null, times in RFC 3339; fits every kind."""

    name: str = "jsonl"

    @property
    def kinds(self) -> frozenset[str]:
        """Return every kind there is."""
        return frozenset(kind.name for kind in kinds().values())

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:
        """Write `train.jsonl`, in ASCII with everything else escaped.

        Beside it what LLaMA-Factory must be told, where every row has what that trains on.
        """
        write_lines((row for batch in rows for row in batch.to_pylist()), to / _FILE)
        if about["kind"] in _TRAINED:
            describe(_FILE, _TRAINED[about["kind"]], about, to)


EXPORTER: Exporter = JsonLines()
