"""Taking back: a source's rows are marked in the store, and told in the list that readers need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from approvals.attest import act_of, record_of
from approvals.landing import write_whole
from approvals.model import Revoked, SourceRuled
from approvals.ports import Signer
from approvals.releases import Left, touched
from approvals.revocations import ReleaseTouched, RevocationList, SourceTaken, seal_list
from approvals.trust import MAX_AGE
from quarantine.errors import UsageError
from quarantine.model import SourceKey, to_micros
from quarantine.ports import Store

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class TakingBack:
    """Take back what `source` said and the service heard from `since` until before `until`.

    Where a side is absent the window is open there; `by` is a reviewer's name.
    """

    source: SourceKey
    because: str
    by: str
    at: datetime
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What a revocation did: its act's log index, the rows it marked, the releases they are in."""

    index: int
    rows: int
    releases: tuple[tuple[Left, int], ...]


def revoke_source(store: Store, taking: TakingBack, signer: Signer) -> TakenBack:
    """Mark a source's rows as taken back; where the window has no end, hold the source as well.

    Raises `UsageError` when the quarantine has never heard of the source, or the window is empty.
    """
    if taking.source not in store.sources():
        raise UsageError(f"nothing was ever heard of {taking.source}")
    if taking.since and taking.until and taking.since >= taking.until:
        raise UsageError("the window ends before it starts")
    rows = _rows(store, taking)
    record = Revoked(
        at=taking.at,
        producer=taking.source.producer,
        source=taking.source.source,
        since=taking.since,
        until=taking.until,
        rows=len(rows),
        because=taking.because,
        by=taking.by,
    )
    if taking.until is None:
        store.record([act_of(_hold(taking), signer)])
    index = store.revoke(act_of(record, signer), rows)
    return TakenBack(index, len(rows), tuple(touched(store, rows)))


def revocation_list(store: Store, at: datetime) -> RevocationList:
    """Return the list of all that was ever taken back, as of the log's present size."""
    size = store.size()
    revoked = sorted(store.revoked())
    return RevocationList(
        sequence=size,
        issued_at=at,
        expires=at + MAX_AGE,
        sources=tuple(_sources(store)),
        releases=tuple(
            ReleaseTouched(
                name=left.record.name,
                scope=left.record.scope,
                manifest=left.record.manifest,
                rows=rows,
            )
            for left, rows in touched(store, revoked)
        ),
        events=tuple(sorted(held.leaf.hex() for held in store.held(revoked))),
    )


def publish(store: Store, path: Path, signer: Signer, at: datetime) -> RevocationList:
    """Write the signed list to `path`, whole; needed after each release and each revocation."""
    revocations = revocation_list(store, at)
    write_whole(path, seal_list(revocations, signer))
    return revocations


def _hold(taking: TakingBack) -> SourceRuled:
    return SourceRuled(
        at=taking.at,
        producer=taking.source.producer,
        source=taking.source.source,
        ruling="hold",
        because=f"taken back: {taking.because}",
        by=taking.by,
    )


def _rows(store: Store, taking: TakingBack) -> list[int]:
    import pyarrow.compute as pc  # noqa: PLC0415  who only lists revocations reads no frame

    frame = store.frame()
    found = pc.and_(
        pc.equal(frame["producer"].cast("string"), taking.source.producer),
        pc.equal(frame["source"].cast("string"), taking.source.source),
    )
    frame = frame.filter(found)
    arrived: np.ndarray[tuple[int], np.dtype[np.int64]] = frame["arrived"].to_numpy()
    start = to_micros(taking.since) if taking.since else None
    stop = to_micros(taking.until) if taking.until else None
    return [
        index
        for index, when in zip(frame["index"].to_pylist(), arrived.tolist(), strict=True)
        if (start is None or start <= when) and (stop is None or when < stop)
    ]


def _sources(store: Store) -> Iterator[SourceTaken]:
    for logged in store.acts():
        if logged.act.kind == Revoked.act:
            record = record_of(logged.act)
            assert isinstance(record, Revoked)  # noqa: S101  its kind says so
            yield SourceTaken(
                producer=record.producer,
                source=record.source,
                since=record.since,
                until=record.until,
            )
