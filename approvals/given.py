"""A release whose every file is what its manifest says: where the parts of a verification look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from approvals.directory import read
from approvals.manifest import Predicate, Statement
from approvals.trust import Trust
from quarantine.errors import TamperedError

EVENTS: Final = "proofs/events.parquet"
NODES: Final = "proofs/nodes.parquet"
NOTE: Final = "proofs/checkpoint"
POLICY: Final = "policy.toml"
CERTIFICATE: Final = "certificate.json"


@dataclass(frozen=True, slots=True)
class Given:
    """A directory whose every file is what its manifest says."""

    root: Path
    statement: Statement
    trust: Trust

    @property
    def release(self) -> Predicate:
        """Return what the release says of itself."""
        return self.statement.predicate

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; `TamperedError` when it is missing or changed."""
        if name not in self.statement.files:
            raise TamperedError(f"{name} is missing")
        return read(self.root, name, self.statement.files[name])

    def under(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, in order."""
        return [name for name in sorted(self.statement.files) if name.startswith(f"{folder}/")]
