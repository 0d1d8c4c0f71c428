"""Who has an interest in what: owners of producers, sources, and whoever is linked with them."""

from __future__ import annotations

from collections.abc import Collection

from approvals.roster import Reviewer, Roster
from approvals.speakers import Speaker
from approvals.workflow import Question, request_id, requesters
from quarantine.errors import NotAuthorisedError
from quarantine.model import SourceKey
from quarantine.normal import normal
from quarantine.ports import Store


def own_clusters(store: Store, by: Reviewer) -> frozenset[str]:
    """Return the clusters, as linked today, of the sources that are this person."""
    owners = _names(by)
    mine = [key for key in store.sources() if _is_source(owners, key.source)]
    return frozenset(each.cluster for each in store.dossiers(mine))


def tie(
    speakers: Collection[Speaker],
    roster: Roster,
    by: Reviewer,
    clusters: frozenset[str] = frozenset(),
) -> str:
    """Say what interest a person has in rows of these speakers, empty where there is none.

    They own a producer, are a source, or are linked (`clusters`) with a source of these rows. Who
    is spelled otherwise and reads the same (another letter case, letters of another alphabet) is
    the same.
    """
    owners = _names(by)
    for name in sorted({each.producer for each in speakers}):
        producer = roster.producers.get(name)
        if producer is not None and normal(producer.owner) in owners:
            return f"{by.name} owns the producer {name}"
    for source in sorted({each.source for each in speakers}):
        if _is_source(owners, source):
            return f"{by.name} is the source {source}"
    linked = sorted(clusters.intersection(each.cluster for each in speakers))
    return f"{by.name} is linked with the cluster {linked[0]}" if linked else ""


def require_independence(
    store: Store,
    speakers: Collection[Speaker],
    request: Question,
    roster: Roster,
    by: Reviewer,
) -> None:
    """Refuse (`NotAuthorisedError`) who made a request, or has an interest in its `speakers`."""
    made_it = requesters(request, list(roster.reviewers.values()))
    if by.person in made_it or by.key == request.key:
        raise NotAuthorisedError(
            f"{by.name} is who made request {request_id(request)} and cannot approve it"
        )
    found = tie(speakers, roster, by, own_clusters(store, by))
    if found:
        raise NotAuthorisedError(f"{found} and cannot approve request {request_id(request)}")


def of_source(key: SourceKey, cluster: str = "") -> list[Speaker]:
    """Return a source as the only speaker, to ask for ties with it."""
    return [Speaker(cluster=cluster, producer=key.producer, source=key.source)]


def _names(by: Reviewer) -> frozenset[str]:
    """Return what this person is called, in normal form."""
    return frozenset({normal(by.person), normal(by.name)} - {""})


def _is_source(owners: Collection[str], source: str) -> bool:
    return normal(source) in owners or normal(source.rpartition("/")[2]) in owners
