"""What was frozen and what left: members of requests, checked against all that is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from approvals.ledger import Ledger
from approvals.model import Request
from approvals.policy import Budget, Policy
from approvals.roster import Roster
from approvals.successor import left_before
from approvals.workflow import request_id
from quarantine.errors import StaleError
from quarantine.log import leaves_of, root_of
from quarantine.model import Held, Member, SourceKey, Verdict
from quarantine.ports import Store

_AT_ONCE: Final = 10_000


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


def recheck_members(
    store: Store, index: int, request: Request, policy: Policy | None = None
) -> list[Member]:
    """Return the members frozen with `request` (at log index `index`), checked against all we hold.

    As `recheck_frozen`, and every row as it stands must give the leaf that was frozen.
    """
    members = recheck_frozen(store, store.members(index), request, policy)
    for start in range(0, len(members), _AT_ONCE):
        same_rows(store, members[start : start + _AT_ONCE], request)
    return members


def recheck_frozen(
    store: Store, members: list[Member], request: Request, policy: Policy | None = None
) -> list[Member]:
    """Return the `members` frozen with `request`, their rows still to be compared (`same_rows`).

    Raises `StaleError` when they are not the bytes that the request names: members added, dropped
    or swapped, a row changed; or when what is known of them changed: rows taken back or released
    by another request, sources held since, and, where a `policy` is given, voices that are over
    their lifetime budget by what left since.
    """
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
    _require_still_good(store, members, request, policy)
    return members


def same_rows(store: Store, members: Sequence[Member], request: Request) -> list[Held]:
    """Return the rows of `members` as they stand; each must give the leaf that was frozen.

    Raises `StaleError` naming the first that does not.
    """
    rows = list(store.held([member.index for member in members]))
    frozen = {member.index: member.leaf for member in members}
    for row, leaf in zip(rows, leaves_of(rows), strict=True):
        if row.is_erased:
            name = request_id(request)
            raise StaleError(f"log row {row.index} of request {name} was erased: ask anew")
        if leaf != frozen.pop(row.index):
            name = request_id(request)
            raise StaleError(f"log row {row.index} changed after request {name} was made")
    if frozen:
        name = request_id(request)
        raise StaleError(f"log row {min(frozen)} of request {name} is not held any more")
    return rows


def _require_still_good(
    store: Store, members: Sequence[Member], request: Request, policy: Policy | None
) -> None:
    name, mine = request_id(request), {member.index for member in members}
    back = mine & store.revoked()
    if back:
        raise StaleError(f"{len(back)} rows of request {name} were taken back: ask anew")
    gone = left_before(store, request)
    twice = mine & {member.index for member in gone}
    if twice:
        raise StaleError(f"{len(twice)} rows of request {name} were released before")
    held = {SourceKey(member.producer, member.source) for member in members} & held_sources(store)
    if held:
        raise StaleError(f"{len(held)} sources of request {name} are on hold now: ask anew")
    over = 0 if policy is None else _over_lifetime(store, members, gone, policy.budget)
    if over:
        raise StaleError(f"{over} voices of request {name} left too often since: ask anew")


def _over_lifetime(
    store: Store, members: Sequence[Member], gone: Sequence[Member], budget: Budget
) -> int:
    """Count sources and clusters, as linked today, that these rows take over their lifetimes."""
    linked = {each.key: each.cluster for each in store.dossiers()}

    def voices(rows: Sequence[Member]) -> tuple[Counter[SourceKey], Counter[str]]:
        sources = Counter(SourceKey(row.producer, row.source) for row in rows)
        clusters: Counter[str] = Counter()
        for row in rows:
            clusters[linked.get(SourceKey(row.producer, row.source), row.cluster)] += 1
        return sources, clusters

    sources, clusters = voices(members)
    past_sources, past_clusters = voices(gone)
    return sum(
        count + past_sources[source] > budget.source.lifetime for source, count in sources.items()
    ) + sum(
        count + past_clusters[cluster] > budget.cluster.lifetime
        for cluster, count in clusters.items()
    )


def held_sources(store: Store) -> set[SourceKey]:
    """Return the sources on hold: by a person's word, else by what scoring thinks now."""
    roster = Roster()
    roster.follow(store.acts())
    standings = roster.standings
    thought = {each.key for each in store.dossiers() if each.verdict is Verdict.HOLD}
    ruled = {key: standing.ruling for key, standing in standings.items() if standing.ruling}
    return {key for key in thought | set(ruled) if ruled.get(key, "hold") == "hold"}
