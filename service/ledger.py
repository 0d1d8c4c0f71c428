"""A producer's ledger: what was sent under which `seq`, and what the bus acknowledged."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from quarantine.closing import Closing
from quarantine.errors import RefusedError, TamperedError

COMPACT: Final = 256 * 1024 * 1024
"""A ledger longer than this lets go of the acknowledged batches' bytes when it is opened."""


@dataclass(frozen=True, slots=True)
class Signed:
    """One entry, ready to be sent: `batch` is its exact text, `digest` the SHA-256 of that (hex).

    `file` is the SHA-256 of the file its events come from (empty: none), `upto` how many of the
    file's events are sent once it is.
    """

    seq: int
    digest: str
    key: str
    sig: str
    events: int
    file: str
    upto: int
    batch: str


@dataclass(slots=True)
class Ledger(Closing):
    """An append-only file of one JSON object a line; one process at a time.

    A line is on disk before its entry is on the bus. So after a crash the same `seq` goes out
    with the same bytes: a repeated entry does no harm, a `seq` used twice or left out would.
    """

    path: Path
    last: int = 0
    unacknowledged: dict[int, Signed] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    _out: BinaryIO = field(init=False)

    def __post_init__(self) -> None:
        """Open or make the file; raises `RefusedError` when another process has it open."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._out = os.fdopen(handle, "r+b")
        try:
            fcntl.flock(self._out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._out.close()
            raise RefusedError(f"{self.path} is in use by another publisher") from None
        try:
            self._recall()
        except TamperedError:
            self._out.close()
            raise
        if self.path.stat().st_size > COMPACT:
            self._compact()

    def send(self, entries: Iterable[Signed]) -> None:
        """Write down what is about to be sent; it is on disk when this returns."""
        for entry in entries:
            self._write(asdict(entry))
            self._sent(entry)
        self._out.flush()
        os.fsync(self._out.fileno())

    def acknowledge(self, acknowledged: Iterable[tuple[int, str]]) -> None:
        """Write down which `seq` the bus took, and the id that it gave; to disk with the next."""
        for seq, entry in acknowledged:
            self._write({"acknowledged": seq, "entry": entry})
            self.unacknowledged.pop(seq, None)
        self._out.flush()

    def close(self) -> None:
        """Put all of it on disk and let others open it."""
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()

    def _write(self, line: dict[str, object]) -> None:
        spelled = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        self._out.write(spelled.encode() + b"\n")

    def _sent(self, entry: Signed) -> None:
        self.last = max(self.last, entry.seq)
        self.unacknowledged[entry.seq] = entry
        if entry.file:
            self.files[entry.file] = max(self.files.get(entry.file, 0), entry.upto)

    def _recall(self) -> None:
        """Read what was written; a last line that was cut off was never sent and is taken away."""
        whole = 0
        for number, line in enumerate(self._out, 1):
            if not line.endswith(b"\n"):
                self._out.truncate(whole)
                break
            whole += len(line)
            self._recall_line(number, line)
        self._out.seek(0, os.SEEK_END)

    def _recall_line(self, number: int, line: bytes) -> None:
        try:
            said = json.loads(line)
            if "acknowledged" in said:
                self.unacknowledged.pop(said["acknowledged"], None)
            else:
                self._sent(Signed(**{"batch": "", **said}))
        except (ValueError, TypeError) as error:
            raise TamperedError(f"{self.path}: line {number} is none that was written") from error

    def _compact(self) -> None:
        """Write the file anew without the bytes of batches that the bus has."""
        shorter = self.path.with_name(self.path.name + ".shorter")
        with shorter.open("wb") as out:
            for line in _shortened(self.path, frozenset(self.unacknowledged)):
                out.write(line)
            out.flush()
            os.fsync(out.fileno())
        shorter.chmod(0o600)
        shorter.replace(self.path)
        replaced = self.path.open("r+b")
        replaced.seek(0, os.SEEK_END)
        fcntl.flock(replaced, fcntl.LOCK_EX)
        self._out.close()
        self._out = replaced


def _shortened(path: Path, kept: frozenset[int]) -> Iterator[bytes]:
    with path.open("rb") as lines:
        for line in lines:
            said = json.loads(line)
            if "batch" in said and said["seq"] not in kept:
                del said["batch"]
            yield json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
