"""What has left: the releases that the log knows, what was taken back of them, which is current."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from approvals.attest import record_of
from approvals.model import Released, ReleaseYanked, Request
from quarantine.errors import TamperedError
from quarantine.ports import Store


@dataclass(frozen=True, slots=True)
class Left:
    """A release as the log has it: its act at `index`, and where the act of its request is."""

    index: int
    record: Released
    request: int

    def rows(self, store: Store) -> list[int]:
        """Return the log indexes of its rows."""
        return [member.index for member in store.members(self.request)]


def releases(store: Store, scope: str | None = None) -> list[Left]:
    """Return the releases of `scope` (of all where absent), oldest first.

    Raises `TamperedError` when one names a request that the log does not have.
    """
    requests: dict[str, int] = {}
    found = []
    for logged in store.acts():
        if logged.act.kind == Request.act:
            requests[record_of(logged.act).digest] = logged.index
        elif logged.act.kind == Released.act:
            record = record_of(logged.act)
            if not isinstance(record, Released) or record.request not in requests:
                raise TamperedError(f"log row {logged.index} releases what nobody requested")
            if scope in (None, record.scope):
                found.append(Left(logged.index, record, requests[record.request]))
    return found


def current(store: Store, scope: str) -> Left | None:
    """Return the newest release of `scope` of which nothing was taken back; absent without one."""
    revoked, whole = store.revoked(), yanked(store)
    for left in reversed(releases(store, scope)):
        if left.record.manifest not in whole and revoked.isdisjoint(left.rows(store)):
            return left
    return None


def yanked(store: Store) -> dict[str, Left]:
    """Return the releases that were taken back as a whole, by their manifest's digest."""
    taken = {
        getattr(record_of(logged.act), "manifest", "")
        for logged in store.acts()
        if logged.act.kind == ReleaseYanked.act
    }
    if not taken:
        return {}
    found = {left.record.manifest: left for left in releases(store)}
    return {manifest: left for manifest, left in found.items() if manifest in taken}


def touched(store: Store, indexes: Sequence[int]) -> list[tuple[Left, int]]:
    """Return the releases that hold events at these log `indexes`, and how many of them each."""
    frozen = store.frozen_with(indexes)
    return [(left, frozen[left.request]) for left in releases(store) if left.request in frozen]
