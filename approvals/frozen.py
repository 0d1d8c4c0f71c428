"""What was frozen and what left: members of requests, checked against all that is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Final, NoReturn

from approvals.ledger import Ledger
from approvals.model import Request
from approvals.policy import Budget, Policy
from approvals.roster import Roster
from approvals.speakers import Speaker, speakers
from approvals.successor import left_before
from approvals.workflow import request_id
from quarantine.errors import StaleError
from quarantine.log import leaves_of, root_of
from quarantine.model import Held, Member, SourceKey, Verdict
from quarantine.ports import Store

_AT_ONCE: Final = 1_000
"""Rows that are read and hashed together: few enough to stay in a processor's cache meanwhile."""
_INDEX, _LEAF = itemgetter(0), itemgetter(Member._fields.index("leaf"))
_SALT: Final = itemgetter(Held._fields.index("salt"))
"""A million times a field by its name is a second."""


class Frozen:
    """The members frozen with the request at a log index, and who speaks there, each read once."""

    def __init__(self, store: Store) -> None:
        """Have read nothing yet."""
        self._store = store
        self._members: dict[int, list[Member]] = {}
        self._speakers: dict[int, Counter[Speaker]] = {}

    def members(self, index: int) -> list[Member]:
        """Return the members, by index, as they were when they were first asked for."""
        if index not in self._members:
            self._members[index] = self._store.members(index)
        return self._members[index]

    def speakers(self, index: int) -> Counter[Speaker]:
        """Return who speaks in them, each with the number of its rows."""
        if index not in self._speakers:
            self._speakers[index] = speakers(self.members(index))
        return self._speakers[index]


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
    """Return the members frozen with `request`, at log index `index`; see `recheck_rows`."""
    return recheck_rows(store, Frozen(store), index, request, policy)


def recheck_rows(
    store: Store, frozen: Frozen, index: int, request: Request, policy: Policy | None = None
) -> list[Member]:
    """Return the members `frozen` with `request`, at log `index`, checked against all we hold.

    As `recheck_frozen`, and every row as it stands must give the leaf that was frozen.
    """
    members = recheck_frozen(store, frozen, index, request, policy)
    for start in range(0, len(members), _AT_ONCE):
        same_rows(store, members[start : start + _AT_ONCE], request)
    return members


def recheck_frozen(
    store: Store, frozen: Frozen, index: int, request: Request, policy: Policy | None = None
) -> list[Member]:
    """Return the members `frozen` with `request`, their rows still to be compared (`same_rows`).

    Raises `StaleError` when they are not the bytes that the request names: members added, dropped
    or swapped, a row changed; or when what is known of them changed: rows taken back or released
    by another request, sources held since, and, where a `policy` is given, voices that are over
    their lifetime budget by what left since.
    """
    name, members = request_id(request), frozen.members(index)
    if root_of(map(_LEAF, members)).hex() != request.root:
        raise StaleError(f"the rows frozen with request {name} are not the ones it names")
    spoken = frozen.speakers(index)
    sources = {each.key for each in spoken}
    counts = len(members), len(sources), len({each.cluster for each in spoken})
    if counts != (request.rows, request.sources, request.clusters):
        raise StaleError(f"request {name} names other rows, sources or clusters than are frozen")
    gone = left_before(store, request)
    _require_unspent(store, members, gone, name)
    held = sources & held_sources(store)
    if held:
        raise StaleError(f"{len(held)} sources of request {name} are on hold now: ask anew")
    over = 0 if policy is None else _over_lifetime(store, spoken, speakers(gone), policy.budget)
    if over:
        raise StaleError(f"{over} voices of request {name} left too often since: ask anew")
    return members


def same_rows(store: Store, members: Sequence[Member], request: Request) -> list[Held]:
    """Return the rows of `members` as they stand; each must give the leaf that was frozen.

    Raises `StaleError` naming the first that does not.
    """
    starts = range(0, len(members), _AT_ONCE)
    some = (_same_rows(store, members[at : at + _AT_ONCE], request) for at in starts)
    return [*chain.from_iterable(some)]


def _same_rows(store: Store, members: Sequence[Member], request: Request) -> list[Held]:
    rows = list(store.held([*map(_INDEX, members)]))
    leaves = leaves_of(rows)
    same = (
        [*map(_INDEX, rows)] == [*map(_INDEX, members)]
        and leaves == [*map(_LEAF, members)]
        and all(map(_SALT, rows))
    )
    if not same:
        _name_changed(rows, leaves, members, request)
    return rows


def _name_changed(
    rows: Sequence[Held], leaves: Sequence[bytes], members: Sequence[Member], request: Request
) -> NoReturn:
    """Raise `StaleError` naming the first row that is erased, changed or not held any more."""
    name = request_id(request)
    frozen = {member.index: member.leaf for member in members}
    for row, leaf in zip(rows, leaves, strict=True):
        if row.is_erased:
            raise StaleError(f"log row {row.index} of request {name} was erased: ask anew")
        if leaf != frozen.pop(row.index):
            raise StaleError(f"log row {row.index} changed after request {name} was made")
    raise StaleError(f"log row {min(frozen)} of request {name} is not held any more")


def _require_unspent(
    store: Store, members: Sequence[Member], gone: Sequence[Member], name: str
) -> None:
    """Refuse rows that were taken back, or that left with another request."""
    back = _among(members, store.revoked())
    if back:
        raise StaleError(f"{back} rows of request {name} were taken back: ask anew")
    twice = _among(members, {member.index for member in gone})
    if twice:
        raise StaleError(f"{twice} rows of request {name} were released before")


def _among(members: Sequence[Member], indexes: set[int]) -> int:
    return sum(member.index in indexes for member in members) if indexes else 0


def _over_lifetime(
    store: Store, spoken: Counter[Speaker], gone: Counter[Speaker], budget: Budget
) -> int:
    """Count sources and clusters, as linked today, that these rows take over their lifetimes."""
    linked = store.linked()

    def voices(rows: Counter[Speaker]) -> tuple[Counter[SourceKey], Counter[str]]:
        sources: Counter[SourceKey] = Counter()
        clusters: Counter[str] = Counter()
        for each, count in rows.items():
            sources[each.key] += count
            clusters[linked.get(each.key, each.cluster)] += count
        return sources, clusters

    sources, clusters = voices(spoken)
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
