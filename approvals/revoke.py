"""Taking back: rows are marked in the store, and told in the list that readers need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from approvals.attest import act_of, record_of
from approvals.landing import write_whole
from approvals.model import ReleaseYanked, Revoked, SourceRuled
from approvals.ports import Signer
from approvals.releases import Left, touched, yanked
from approvals.revocations import ReleaseTouched, RevocationList, SourceTaken, seal_list
from approvals.trust import MAX_AGE
from quarantine.errors import UsageError
from quarantine.model import Named, SourceKey, to_micros
from quarantine.ports import Store

_NOBODY = SourceKey("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class TakingBack:
    """Take back what `source` said and the service heard from `since` until before `until`.

    Where a side is absent the window is open there. A source without a name is all of its
    producer's, without a producer everybody's; `key` (what arrived under it), `event` (an id),
    `scope` and `target` narrow it where they are given. `by` is a reviewer's name.
    """

    source: SourceKey = _NOBODY
    because: str
    by: str
    at: datetime
    since: datetime | None = None
    until: datetime | None = None
    key: str = ""
    event: str = ""
    scope: str = ""
    target: str = ""

    @property
    def is_whole(self) -> bool:
        """Say whether it takes back all that somebody says from some time on, for good."""
        narrowed = self.key or self.event or self.scope or self.target or self.until
        return bool(self.source.producer) and not narrowed


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What a revocation did: its act's log index, the rows it marked, the releases they are in."""

    index: int
    rows: int
    releases: tuple[tuple[Left, int], ...]


def take_back(store: Store, taking: TakingBack, signer: Signer) -> TakenBack:
    """Mark the rows as taken back; where all of somebody is, hold the sources as well.

    Raises `UsageError` when the quarantine has never heard of whom it names, nothing fits, or the
    window is empty.
    """
    indexes = concerned(store, taking)
    record = Revoked(
        at=taking.at,
        producer=taking.source.producer,
        source=taking.source.source,
        since=taking.since,
        until=taking.until,
        key=taking.key or None,
        event=taking.event or None,
        scope=taking.scope or None,
        target=taking.target or None,
        rows=len(indexes),
        because=taking.because,
        by=taking.by,
    )
    if taking.is_whole:
        store.record([act_of(_hold(key, taking), signer) for key in _named(store, taking)])
    index = store.revoke(act_of(record, signer), indexes)
    return TakenBack(index, len(indexes), tuple(touched(store, indexes)))


def yank(store: Store, left: Left, record: ReleaseYanked, signer: Signer) -> int:
    """Take back a release as a whole, whatever is thought of its rows; return the act's index.

    Raises `UsageError` when it was taken back before.
    """
    if left.record.manifest in yanked(store):
        raise UsageError(f"{left.record.name} was taken back before")
    (index,) = store.record([act_of(record, signer)])
    return index


def concerned(store: Store, taking: TakingBack) -> list[int]:
    """Return the log indexes of what would be taken back; see `take_back`."""
    if taking.since and taking.until and taking.since >= taking.until:
        raise UsageError("the window ends before it starts")
    if taking.source != _NOBODY and not _named(store, taking):
        raise UsageError(f"nothing was ever heard of {taking.source}")
    found = store.find(
        Named(
            producer=taking.source.producer,
            source=taking.source.source,
            key=taking.key,
            event=taking.event,
            scope=taking.scope,
            target=taking.target,
            since=to_micros(taking.since) if taking.since else None,
            until=to_micros(taking.until) if taking.until else None,
        )
    )
    if taking.event and not found:
        raise UsageError(f"there is no event {taking.event} to take back")
    if taking.key and not found:
        raise UsageError(f"nothing arrived under key {taking.key} to take back")
    return found


def named_by(record: Revoked) -> Named:
    """Return what a revocation names; of what that finds, what was held then was taken back."""
    return Named(
        producer=record.producer,
        source=record.source,
        key=record.key or "",
        event=record.event or "",
        scope=record.scope or "",
        target=record.target or "",
        since=to_micros(record.since) if record.since else None,
        until=to_micros(record.until) if record.until else None,
    )


def revocation_list(store: Store, at: datetime) -> RevocationList:
    """Return the list of all that was ever taken back, as of the log's present size."""
    size = store.size()
    revoked = sorted(store.revoked())
    whole = yanked(store)
    held_in = {left.record.manifest: (left, rows) for left, rows in touched(store, revoked)}
    held_in = {**{manifest: (left, 0) for manifest, left in whole.items()}, **held_in}
    return RevocationList(
        sequence=size,
        issued_at=at,
        expires=at + MAX_AGE,
        sources=tuple(_sources(store)),
        releases=tuple(
            ReleaseTouched(
                name=left.record.name,
                scope=left.record.scope,
                manifest=manifest,
                rows=rows,
                whole=True if manifest in whole else None,
            )
            for manifest, (left, rows) in sorted(held_in.items(), key=lambda each: each[1][0].index)
        ),
        events=tuple(sorted(held.leaf.hex() for held in store.held(revoked))),
    )


def publish(store: Store, path: Path, signer: Signer, at: datetime) -> RevocationList:
    """Write the signed list to `path`, whole; needed after each release and each revocation."""
    revocations = revocation_list(store, at)
    write_whole(path, seal_list(revocations, signer))
    return revocations


def _hold(key: SourceKey, taking: TakingBack) -> SourceRuled:
    return SourceRuled(
        at=taking.at,
        producer=key.producer,
        source=key.source,
        ruling="hold",
        because=f"taken back: {taking.because}",
        by=taking.by,
    )


def _named(store: Store, taking: TakingBack) -> Sequence[SourceKey]:
    """Return the sources that are named: one, or all of a producer's."""
    known = store.sources()
    if taking.source.source:
        return [taking.source] if taking.source in known else []
    return [key for key in known if key.producer == taking.source.producer]


def _sources(store: Store) -> Iterator[SourceTaken]:
    for logged in store.acts():
        if logged.act.kind == Revoked.act:
            record = record_of(logged.act)
            assert isinstance(record, Revoked)  # noqa: S101  its kind says so
            narrowed = record.key or record.event or record.scope or record.target
            if record.source and not narrowed:
                yield SourceTaken(
                    producer=record.producer,
                    source=record.source,
                    since=record.since,
                    until=record.until,
                )
