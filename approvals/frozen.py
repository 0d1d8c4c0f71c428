"""What was frozen and what left: members of requests, checked against all that is held."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.ledger import Ledger
from approvals.model import Request
from approvals.roster import Roster
from approvals.workflow import request_id
from quarantine.errors import StaleError
from quarantine.log import commit, event_leaf, root_of
from quarantine.model import Held, Member, SourceKey, Verdict
from quarantine.ports import Store


def released_indexes(store: Store, *, revoked: bool = False) -> list[int]:
    """Return the log indexes of rows that left, rising; without those taken back since, or with."""
    ledger = Ledger.read(store.acts())
    left = {
        member.index
        for index, request in ledger.requests
        if request.digest in ledger.released
        for member in store.members(index)
    }
    return sorted(left if revoked else left - store.revoked())


def recheck_members(store: Store, index: int, request: Request) -> list[Member]:
    """Return the members frozen with `request` (at log index `index`), checked against all we hold.

    Raises `StaleError` when they are not the bytes that the request names: members added, dropped
    or swapped, a row changed; or when what is known of them changed: rows taken back or released
    by another request, sources held since.
    """
    members = store.members(index)
    name = request_id(request)
    if root_of(member.leaf for member in members).hex() != request.root:
        raise StaleError(f"the rows frozen with request {name} are not the ones it names")
    counts = (
        len(members),
        len({(member.producer, member.source) for member in members}),
        len({member.cluster for member in members}),
    )
    if counts != (request.rows, request.sources, request.clusters):
        raise StaleError(f"request {name} names other rows, sources or clusters than are frozen")
    rows = {held.index: held for held in store.held([member.index for member in members])}
    for member in members:
        if member.index not in rows or _leaf_of(rows[member.index]) != member.leaf:
            raise StaleError(f"log row {member.index} changed after request {name} was made")
    _require_still_good(store, members, request)
    return members


def _require_still_good(store: Store, members: Sequence[Member], request: Request) -> None:
    name, mine = request_id(request), {member.index for member in members}
    back = mine & store.revoked()
    if back:
        raise StaleError(f"{len(back)} rows of request {name} were taken back: ask anew")
    ledger = Ledger.read(store.acts())
    for index, other in ledger.requests:
        if other.digest in ledger.released and other.digest != request.digest:
            twice = mine & {member.index for member in store.members(index)}
            if twice:
                raise StaleError(f"{len(twice)} rows of request {name} were released before")
    keys = {SourceKey(member.producer, member.source) for member in members}
    held = keys & held_sources(store)
    if held:
        raise StaleError(f"{len(held)} sources of request {name} are on hold now: ask anew")


def held_sources(store: Store) -> set[SourceKey]:
    """Return the sources on hold: by a person's word, else by what scoring thinks now."""
    roster = Roster()
    roster.follow(store.acts())
    standings = roster.standings
    thought = {each.key for each in store.dossiers() if each.verdict is Verdict.HOLD}
    ruled = {key: standing.ruling for key, standing in standings.items() if standing.ruling}
    return {key for key in thought | set(ruled) if ruled.get(key, "hold") == "hold"}


def _leaf_of(row: Held) -> bytes:
    identity = (row.producer, row.source, row.id)
    return event_leaf(identity, row.arrived, row.key, commit(row.salt, row.body))
