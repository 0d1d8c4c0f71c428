"""How a training job opens a release: verified first, then streamed, each byte checked again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from approvals.directory import read
from approvals.rows import schema_of
from approvals.tables import read_parquet
from approvals.trust import load_trust
from approvals.verify import Report, verify
from quarantine.envelope import kind_named
from quarantine.errors import TamperedError
from quarantine.safe import safe


@dataclass(frozen=True, slots=True)
class Release:
    """A release that verified; its files are read again, and compared again, when they are used."""

    directory: Path
    report: Report

    @property
    def name(self) -> str:
        """Return the release's name."""
        return self.report.release.name

    @property
    def kind(self) -> str:
        """Return the kind of feedback of its rows."""
        return self.report.release.kind

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return self.report.release.rows

    @property
    def schema(self) -> pa.Schema:
        """Return the rows' columns."""
        return schema_of(kind_named(self.kind))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in log order; `TamperedError` when a file changed since it was opened."""
        for name, digest in sorted(self.report.statement.files.items()):
            if name.startswith("data/"):
                yield from read_parquet(read(self.directory, name, digest), name)

    def about(self) -> dict[str, str]:
        """Return what identifies the release, for those who keep track of what they trained on."""
        release = self.report.release
        return {
            "release": release.name,
            "manifest": self.report.manifest,
            "scope": release.scope,
            "kind": release.kind,
            "policy": release.policy,
        }


def open_release(
    directory: Path, *, trust: Path, at: datetime, seen: Path | None = None, scope: str = ""
) -> Release:
    """Open the release in `directory` for training, or refuse it.

    `trust` is the trust file, got from people and not from the directory; `at` is now (aware);
    `seen` is a file of the job's own that remembers the newest revocation list, so that an older
    one is not taken. `scope` is what the job trains for: a genuine release of another is refused.
    Raises `TamperedError` when anything does not hold, `UsageError` when the trust file or the
    directory cannot be read.
    """
    report = verify(directory, load_trust(trust), at, seen=seen)
    found = report.release.scope
    if scope and found != scope:
        raise TamperedError(f"{report.release.name} is for {safe(found)}, not for {safe(scope)}")
    return Release(directory, report)
