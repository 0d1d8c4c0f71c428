"""What the store keeps beside the log must follow from it: frozen rows, marks, who was first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from approvals.attest import record_of
from approvals.model import Request, Revoked
from approvals.retirements import EventsRetired
from approvals.revoke import named_by
from approvals.workflow import request_id
from quarantine.log import root_of
from quarantine.model import Member, SourceKey
from quarantine.ports import Store

_AT_ONCE: Final = 10_000


def strays(store: Store) -> Iterator[str]:
    """Say of each frozen set, mark of taking back and first time that the log does not say so.

    None of these is a leaf of its own. Each follows from acts and events, and is computed again.
    """
    yield from _frozen(store)
    yield from _marks(store)
    yield from _first(store)


def _frozen(store: Store) -> Iterator[str]:
    for logged in store.acts():
        if logged.act.kind == Request.act:
            record = record_of(logged.act)
            assert isinstance(record, Request)  # noqa: S101  its kind says so
            members = store.members(logged.index)
            if root_of(member.leaf for member in members).hex() != record.root:
                yield f"the rows frozen with request {request_id(record)} are not the ones it names"
            yield from _misplaced(store, record, members)


def _misplaced(store: Store, record: Request, members: list[Member]) -> Iterator[str]:
    size = store.size()
    for start in range(0, len(members), _AT_ONCE):
        some = [each for each in members[start : start + _AT_ONCE] if 0 <= each.index < size]
        first = some[0].index if some else 0
        leaves = store.leaves(first, some[-1].index + 1) if some else []
        for each in some:
            if leaves[each.index - first] != each.leaf:
                yield f"log row {each.index} is not what request {request_id(record)} froze there"


def _marks(store: Store) -> Iterator[str]:
    """Find again what each revocation took back, and compare it with what is marked."""
    wanted, unknown = _taken(store)
    marked, gone = store.revoked(), _let_go(store)
    for index in sorted(wanted - marked):
        yield f"log row {index} was taken back, and is not marked"
    for index in sorted(marked - wanted - unknown):
        if index >= gone:
            yield f"log row {index} is marked as taken back, and nobody did that"


def _taken(store: Store) -> tuple[set[int], set[int]]:
    """Return the rows that were taken back, and those of which nobody knows it any more.

    What was erased since says no more of which target it spoke, where a revocation names one.
    """
    wanted: set[int] = set()
    unknown: set[int] = set()
    erased = store.erased().keys()
    for logged in store.acts():
        if logged.act.kind == Revoked.act:
            record = record_of(logged.act)
            assert isinstance(record, Revoked)  # noqa: S101  its kind says so
            named = named_by(record)
            wanted.update(index for index in store.find(named) if index < logged.index)
            if named.target:
                unknown.update(erased & store.find(replace(named, target="")))
    return wanted, unknown


def _first(store: Store) -> Iterator[str]:
    """Compare when each source was first heard with the first of its events in the log.

    Where old events were let go, nobody can tell any more.
    """
    if _let_go(store):
        return
    rows = store.frame(only=("index", "producer", "source", "arrived")).to_pandas()
    first = rows.astype({"producer": str, "source": str}).drop_duplicates(["producer", "source"])
    known = {
        SourceKey(row.producer, row.source): (int(row.place), int(row.arrived))
        for row in first.rename(columns={"index": "place"}).itertuples(index=False)
    }
    for held in store.held(sorted(store.erased())):
        key, here = SourceKey(held.producer, held.source), (held.index, held.arrived)
        known[key] = min(here, known.get(key, here))
    for key, seen in store.sources().items():
        if key not in known or known[key][1] != seen:
            yield f"{key} was not first heard when the store says"


def _let_go(store: Store) -> int:
    """Return up to which log index events were let go (retention), 0 where none were."""
    found = 0
    for logged in store.acts():
        if logged.act.kind == EventsRetired.act:
            record = record_of(logged.act)
            assert isinstance(record, EventsRetired)  # noqa: S101  its kind says so
            found = max(found, record.until)
    return found
