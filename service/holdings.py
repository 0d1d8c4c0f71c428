"""What an archive has: a signed manifest of digests, and parts that are checked when they are read.

Nothing is read that the manifest does not name, and no manifest counts but one that is signed with
a key which may sign checkpoints of the log: it too says how large the log was, and its root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from approvals.attest import payload_type, seal, unseal, wholly_signed
from approvals.ports import Signer
from quarantine.errors import QuarantineError, TamperedError, UsageError
from quarantine.evidence import EVENT_SCHEMA
from quarantine.model import Act, Logged
from quarantine.record import Moment, Record

COLUMNS: Final = EVENT_SCHEMA.names
"""The columns of a part that scoring reads; `key`, `salt` and `body` stand beside them."""
NAME: Final = "manifest.dsse.json"
TYPE: Final = payload_type("archive")
ACTS: Final = "acts"
FATES: Final = "fates"
RELEASED: Final = "released"
REVOKED: Final = "revoked"

Keys = Callable[[datetime], Mapping[str, str]]
"""Returns whose signature counts for what was made at a time: public keys (PEM) by key id."""


class Part(Record):
    """One file of events that arrived on one day; they stand in the log in [first, until)."""

    file: str
    sha256: str
    first: int
    until: int
    rows: int


class Manifest(Record):
    """What an archive has: the log's first `size` leaves, their `root`, and every file by digest.

    `beside` are the acts, and which events were released or taken back.
    """

    version: int = 1
    at: Moment
    size: int
    root: str
    events: tuple[Part, ...]
    beside: Mapping[str, Part]


class Fates(NamedTuple):
    """What became of events: the log indexes of those that left, and of those taken back."""

    released: Sequence[int]
    revoked: set[int]


def seal_manifest(manifest: Manifest, signer: Signer) -> bytes:
    """Return the signed envelope (DSSE) of a manifest."""
    return seal(manifest.canonical(), TYPE, [signer])


def read_manifest(folder: Path, keys: Keys) -> Manifest:
    """Return the manifest of the archive in `folder`, which one of `keys` must have signed.

    Raises `UsageError` where there is none, `TamperedError` where it is not what was signed.
    """
    try:
        spelled = (folder / NAME).read_bytes()
    except OSError as error:
        raise UsageError(f"{folder} is no archive: {NAME}: {error.strerror}") from error
    try:
        return _opened(spelled, keys)
    except QuarantineError as error:
        raise TamperedError(f"{NAME} of the archive: {error}") from error


def _opened(spelled: bytes, keys: Keys) -> Manifest:
    envelope = unseal(spelled)
    if envelope.payload_type != TYPE:
        raise TamperedError("this is no manifest of an archive")
    manifest = Manifest.parse(envelope.payload)
    if not wholly_signed(envelope, keys(manifest.at)):
        raise TamperedError("it is not signed with a key that may sign for the log")
    return manifest


def read_part(folder: Path, part: Part) -> pa.Table:
    """Return the rows of one part; `TamperedError` where it is not what the manifest names."""
    try:
        content = (folder / part.file).read_bytes()
    except OSError as error:
        raise TamperedError(f"{part.file} of the archive cannot be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise TamperedError(f"{part.file} of the archive is not what its manifest names")
    return pq.read_table(pa.BufferReader(content))


def read_acts(folder: Path, manifest: Manifest) -> Iterator[Logged]:
    """Yield the acts of an archive, in log order."""
    for row in read_part(folder, manifest.beside[ACTS]).to_pylist():
        yield Logged(row["index"], Act(row["kind"], row["at"], row["body"]))


def read_fates(folder: Path, manifest: Manifest) -> Fates:
    """Return what became of the events of an archive."""
    rows = read_part(folder, manifest.beside[FATES])

    def of(fate: str) -> list[int]:
        found: list[int] = rows.filter(pc.equal(rows["fate"], fate))["index"].to_pylist()
        return found

    return Fates(of(RELEASED), set(of(REVOKED)))
