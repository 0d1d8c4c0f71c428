"""Archives: what a store holds, in Parquet by day of arrival, with a manifest of digests.

The store is only read. Parts that are whole are never written twice: they are ranges of the log,
and the log only grows. Nothing is read that the manifest does not name, and the manifest is put
there last, so that an archive is always that of one moment, whoever dies when.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from approvals.frozen import released_indexes
from approvals.landing import write_whole
from quarantine.errors import TamperedError, UsageError
from quarantine.evidence import EVENT_SCHEMA
from quarantine.model import Act, Held, Logged, from_micros
from quarantine.ports import Store
from quarantine.record import Moment, Record

ROWS: Final = 65_536
"""Log rows in a part; fewer only in the newest, and where a day ends."""
COLUMNS: Final = EVENT_SCHEMA.names
"""The columns of a part that scoring reads; `key`, `salt` and `body` stand beside them."""
NAME: Final = "manifest.json"
_OURS: Final = frozenset({NAME, "events", "beside"})
_ACTS: Final = "acts"
_FATES: Final = "fates"
_RELEASED: Final = "released"
_REVOKED: Final = "revoked"
_ACT_SCHEMA: Final = pa.schema(
    [("index", pa.int64()), ("kind", pa.string()), ("at", pa.int64()), ("body", pa.binary())]
)
FATE_SCHEMA: Final = pa.schema([("index", pa.int64()), ("fate", pa.string())])
"""What became of events: `released` or `revoked`, by log index."""


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


def archive(store: Store, folder: Path, at: datetime) -> Manifest:
    """Bring the archive in `folder` up to all that `store` holds now; made where there is none.

    Parts of events that were erased since are written anew without them. Raises `UsageError` where
    there is something else, `TamperedError` where the archive is that of another log.
    """
    before = _before(folder)
    size = store.size()
    if before is not None:
        _require_same(store, before, size)
    manifest = Manifest(
        at=at,
        size=size,
        root=store.frontier(size).root().hex(),
        events=tuple(_parts(store, folder, size, before)),
        beside={
            _ACTS: written(folder, "beside", _acts_of(store, size), (0, size)),
            _FATES: written(folder, "beside", _fates_of(store, size), (0, size)),
        },
    )
    write_whole(folder / NAME, manifest.canonical())
    _sweep(folder, manifest)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of the archive in `folder`; raises `UsageError` where there is none."""
    try:
        return Manifest.parse((folder / NAME).read_bytes())
    except OSError as error:
        raise UsageError(f"{folder} is no archive: {error.strerror}") from error


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
    for row in read_part(folder, manifest.beside[_ACTS]).to_pylist():
        yield Logged(row["index"], Act(row["kind"], row["at"], row["body"]))


def read_fates(folder: Path, manifest: Manifest) -> Fates:
    """Return what became of the events of an archive."""
    rows = read_part(folder, manifest.beside[_FATES])

    def of(fate: str) -> list[int]:
        found: list[int] = rows.filter(pc.equal(rows["fate"], fate))["index"].to_pylist()
        return found

    return Fates(of(_RELEASED), set(of(_REVOKED)))


def _before(folder: Path) -> Manifest | None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not {each.name for each in folder.iterdir()} <= _OURS:
        raise UsageError(f"{folder} holds something else than an archive: name another --out")
    return read_manifest(folder) if (folder / NAME).exists() else None


def _require_same(store: Store, before: Manifest, size: int) -> None:
    if before.size > size or store.frontier(before.size).root().hex() != before.root:
        raise TamperedError("the archive is that of another log, or the log lost its end")


def _parts(store: Store, folder: Path, size: int, before: Manifest | None) -> Iterator[Part]:
    """Yield the parts of the log: those that are there and whole, and the others as written."""
    known: dict[tuple[int, int], list[Part]] = {}
    for part in before.events if before is not None else ():
        known.setdefault((part.first, part.until), []).append(part)
    since = before.size if before is not None else 0
    emptied = {index // ROWS for index, act in store.erased().items() if act >= since}
    for first in range(0, size, ROWS):
        span = (first, min(first + ROWS, size))
        if span in known and first // ROWS not in emptied:
            yield from known[span]
        else:
            yield from _by_day(store, folder, span)


def _by_day(store: Store, folder: Path, span: tuple[int, int]) -> Iterator[Part]:
    rows = _rows(store, span)
    days = [f"{from_micros(arrived):%Y-%m-%d}" for arrived in rows["arrived"].to_pylist()]
    for day in sorted(set(days)):
        some = rows.filter(pa.array([each == day for each in days]))
        yield written(folder, f"events/day={day}", some, span)


def _rows(store: Store, span: tuple[int, int]) -> pa.Table:
    """Return events as scoring reads them, with all that their leaves cover."""
    frame = store.frame(*span)
    held: list[Held] = [*store.held(frame["index"].to_pylist())]
    if [each.index for each in held] != frame["index"].to_pylist():
        raise TamperedError("what is held changed while it was read: archive it again")
    return (
        frame.append_column("key", pa.array([each.key for each in held], pa.string()))
        .append_column("salt", pa.array([each.salt for each in held], pa.binary()))
        .append_column("body", pa.array([each.body for each in held], pa.binary()))
    )


def _acts_of(store: Store, size: int) -> pa.Table:
    acts = [logged for logged in store.acts() if logged.index < size]
    rows = [
        {"index": each.index, "kind": each.act.kind, "at": each.act.at, "body": each.act.body}
        for each in acts
    ]
    return pa.Table.from_pylist(rows, schema=_ACT_SCHEMA)


def _fates_of(store: Store, size: int) -> pa.Table:
    fates = ((_RELEASED, released_indexes(store)), (_REVOKED, sorted(store.revoked())))
    rows = [
        {"index": index, "fate": fate}
        for fate, indexes in fates
        for index in indexes
        if index < size
    ]
    return pa.Table.from_pylist(rows, schema=FATE_SCHEMA)


def written(folder: Path, place: str, rows: pa.Table, span: tuple[int, int]) -> Part:
    """Write rows to a file that is named after its bytes, whole or not at all."""
    out = io.BytesIO()
    pq.write_table(rows, out, compression="zstd")
    content = out.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    file = f"{place}/{span[0]:012d}-{span[1]:012d}-{digest[:12]}.parquet"
    (folder / place).mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(folder / file, content)
    return Part(file=file, sha256=digest, first=span[0], until=span[1], rows=rows.num_rows)


def _sweep(folder: Path, manifest: Manifest) -> None:
    """Remove what the manifest does not name: older ends, and parts with what was erased."""
    named = {part.file for part in (*manifest.events, *manifest.beside.values())}
    for file in folder.rglob("*"):
        if file.is_file() and file.name != NAME and str(file.relative_to(folder)) not in named:
            file.unlink()
