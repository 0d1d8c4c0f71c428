"""Who has an interest in what: owners of producers, sources, and whoever is linked with them."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.roster import Reviewer, Roster
from approvals.workflow import Question, request_id, requesters
from quarantine.errors import NotAuthorisedError
from quarantine.model import Member, SourceKey
from quarantine.ports import Store


def own_clusters(store: Store, by: Reviewer) -> frozenset[str]:
    """Return the clusters, as linked today, of the sources that are this person."""
    mine = [key for key in store.sources() if _is_source(by, key.source)]
    return frozenset(each.cluster for each in store.dossiers(mine))


def tie(
    members: Sequence[Member], roster: Roster, by: Reviewer, clusters: frozenset[str] = frozenset()
) -> str:
    """Say what interest a person has in these rows, empty where there is none.

    They own a producer, are a source, or are linked (`clusters`) with a source of these rows.
    """
    owners = {by.person, by.name} - {""}
    for name in sorted({member.producer for member in members}):
        producer = roster.producers.get(name)
        if producer is not None and producer.owner in owners:
            return f"{by.name} owns the producer {name}"
    for source in sorted({member.source for member in members}):
        if _is_source(by, source):
            return f"{by.name} is the source {source}"
    linked = sorted(clusters.intersection(member.cluster for member in members))
    return f"{by.name} is linked with the cluster {linked[0]}" if linked else ""


def require_independence(
    store: Store, index: int, request: Question, roster: Roster, by: Reviewer
) -> None:
    """Refuse (`NotAuthorisedError`) who made a request, or has an interest in its rows."""
    made_it = requesters(request, list(roster.reviewers.values()))
    if by.person in made_it or by.key == request.key:
        raise NotAuthorisedError(
            f"{by.name} is who made request {request_id(request)} and cannot approve it"
        )
    found = tie(store.members(index), roster, by, own_clusters(store, by))
    if found:
        raise NotAuthorisedError(f"{found} and cannot approve request {request_id(request)}")


def of_source(key: SourceKey, cluster: str = "") -> list[Member]:
    """Return one row as a source's only member, to ask for ties with it."""
    return [Member(index=-1, leaf=b"", cluster=cluster, producer=key.producer, source=key.source)]


def _is_source(by: Reviewer, source: str) -> bool:
    owners = {by.person, by.name} - {""}
    return source in owners or source.rpartition("/")[2] in owners
