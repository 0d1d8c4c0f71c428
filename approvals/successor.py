"""A clean successor: what still stands of a release that was taken back may leave once more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from approvals.ledger import Ledger
from approvals.model import Request
from approvals.releases import Left, releases, yanked
from approvals.workflow import request_id
from quarantine.errors import RefusedError, StaleError, UsageError
from quarantine.model import Member
from quarantine.ports import Store
from quarantine.safe import safe


class Successor(NamedTuple):
    """The release that is replaced, its rows, and those of all rows that no release needs any more.

    `free` (log indexes) left with it alone, or with others that fell too, and were not taken back:
    they may leave once more. They were counted to every lifetime when they first left.
    """

    left: Left
    rows: frozenset[int]
    free: frozenset[int]


def fallen(store: Store, left: Left) -> bool:
    """Say whether a release may be used no more: taken back as a whole, or rows of it were."""
    return left.record.manifest in yanked(store) or not store.revoked().isdisjoint(left.rows(store))


def successor_of(store: Store, name: str, request: str = "") -> Successor:
    """Return what could follow the release `name`.

    `request` is the digest of one that asks for it, whose own release does not stand in its way.
    Raises `UsageError` when there is no such release, `RefusedError` when it still stands.
    """
    every = releases(store)
    left = next((each for each in every if each.record.name == name), None)
    if left is None:
        raise UsageError(f"there is no release {safe(name)}: quarantine release list")
    if not fallen(store, left):
        raise RefusedError(f"{safe(name)} still stands: there is nothing to replace")
    rows = frozenset(left.rows(store))
    others = (each for each in every if each.record.request != request)
    standing = _rows_of(store, (each for each in others if not fallen(store, each)))
    return Successor(left, rows, rows - standing - store.revoked())


def left_before(store: Store, request: Request) -> list[Member]:
    """Return the rows that left with other requests than this one.

    What the release that it replaces held is not among them where it is asked for here again: the
    same row leaves in its place, and no lifetime counts it twice. Raises `StaleError` where that
    release stands, or another now holds such a row.
    """
    ledger = Ledger.read(store.acts())
    known = {
        index: other
        for index, other in ledger.requests
        if other.digest in ledger.released and other.digest != request.digest
    }
    free = _again(store, request)
    gone = [member for index in known for member in store.members(index)]
    return [member for member in gone if member.index not in free]


def _again(store: Store, request: Request) -> frozenset[int]:
    if request.replaces is None:
        return frozenset()
    try:
        return successor_of(store, request.replaces, request.digest).free
    except RefusedError as error:
        raise StaleError(f"request {request_id(request)}: {error}") from error


def _rows_of(store: Store, every: Iterable[Left]) -> frozenset[int]:
    found: list[Sequence[int]] = [left.rows(store) for left in every]
    return frozenset(row for rows in found for row in rows)
