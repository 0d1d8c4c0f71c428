"""Archives: what a store holds, in Parquet by day of arrival, with a signed manifest of digests.

The store is only read. Parts that are whole are never written twice: they are ranges of the log,
and the log only grows. Nothing is read that the manifest does not name, and the manifest is put
there last, so that an archive is always that of one moment, whoever dies when.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from approvals.frozen import released_indexes
from approvals.landing import write_whole
from approvals.ports import Signer
from quarantine.errors import TamperedError, UsageError
from quarantine.model import Held, from_micros
from quarantine.ports import Store
from service.holdings import (
    ACTS,
    FATES,
    NAME,
    RELEASED,
    REVOKED,
    Manifest,
    Part,
    read_manifest,
    seal_manifest,
)

ROWS: Final = 65_536
"""Log rows in a part; fewer only in the newest, and where a day ends."""
_UNSIGNED: Final = "manifest.json"
"""The manifest of an earlier version: its archive is written anew."""
_OURS: Final = frozenset({NAME, _UNSIGNED, "events", "beside"})
_ACT_SCHEMA: Final = pa.schema(
    [("index", pa.int64()), ("kind", pa.string()), ("at", pa.int64()), ("body", pa.binary())]
)
FATE_SCHEMA: Final = pa.schema([("index", pa.int64()), ("fate", pa.string())])
"""What became of events: `released` or `revoked`, by log index."""


def archive(store: Store, folder: Path, at: datetime, signer: Signer) -> Manifest:
    """Bring the archive in `folder` up to all that `store` holds now; made where there is none.

    Parts of events that were erased since are written anew without them. `signer` signs for the
    log, and signed the archive that is there. Raises `UsageError` where there is something else,
    `TamperedError` where the archive is that of another log or signed by nobody known.
    """
    before = _before(folder, signer)
    size = store.size()
    if before is not None:
        _require_same(store, before, size)
    manifest = Manifest(
        at=at,
        size=size,
        root=store.frontier(size).root().hex(),
        events=tuple(_parts(store, folder, size, before)),
        beside={
            ACTS: written(folder, "beside", _acts_of(store, size), (0, size)),
            FATES: written(folder, "beside", _fates_of(store, size), (0, size)),
        },
    )
    write_whole(folder / NAME, seal_manifest(manifest, signer))
    _sweep(folder, manifest)
    return manifest


def _before(folder: Path, signer: Signer) -> Manifest | None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not {each.name for each in folder.iterdir()} <= _OURS:
        raise UsageError(f"{folder} holds something else than an archive: name another --out")
    if not (folder / NAME).exists():
        return None
    return read_manifest(folder, lambda _: {signer.key_id: signer.public})


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
    fates = ((RELEASED, released_indexes(store)), (REVOKED, sorted(store.revoked())))
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
