"""What another policy would have let leave: the requests of the past chosen again, and one now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import pandas as pd

from approvals.budget import choose
from approvals.candidates import Known, candidates, prior
from approvals.ledger import Ledger
from approvals.policy import Policy
from approvals.releases import releases
from approvals.roster import Roster
from approvals.workflow import request_id
from quarantine.model import to_micros
from quarantine.ports import Store

NOW = "now"
"""What stands for a request's name where nobody asked: what could leave at this moment."""


class Moment(NamedTuple):
    """A request that was made, or could be made now: what for, up to when, on which log."""

    name: str
    scope: str
    kind: str
    until: datetime
    at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What two policies let leave at one moment; sources are spelled `producer/source`."""

    moment: Moment
    rows: int
    rows_after: int
    rows_gained: int
    rows_lost: int
    sources_gained: tuple[str, ...]
    sources_lost: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The stretch of history to replay, both ends aware; `at` is also when "now" is."""

    since: datetime
    at: datetime


def simulate(
    store: Store, roster: Roster, before: Policy, after: Policy, *, span: Span
) -> list[Replayed]:
    """Choose again under both policies, for each request since then and for what is held now.

    Rows, releases and waits are those of the time. Verdicts, clusters and tiers are today's: the
    store keeps the newest of each, so a source that was held meanwhile is held in the past too.
    """
    found = []
    for moment in _moments(store, span):
        known = _then(store, roster, moment.size)
        rows = candidates(known, moment.scope, moment.kind, moment.until)
        left = prior(known)
        old, new = (
            choose(rows, policy, prior=left, at=moment.at).members for policy in (before, after)
        )
        found.append(_compared(moment, old, new))
    return found


def _moments(store: Store, span: Span) -> Iterator[Moment]:
    for _, request in Ledger.read(store.acts()).requests:
        if span.since <= request.at <= span.at:
            yield Moment(
                request_id(request),
                request.scope,
                request.kind,
                request.until,
                request.at,
                request.log_size,
            )
    frame = store.frame().select(["scope", "kind", "arrived"]).to_pandas()
    lately = frame[frame["arrived"] >= to_micros(span.since)]
    pairs = lately[["scope", "kind"]].astype(str).drop_duplicates().sort_values(["scope", "kind"])
    for scope, kind in pairs.itertuples(index=False):
        yield Moment(NOW, scope, kind, span.at, span.at, store.size())


def _then(store: Store, roster: Roster, size: int) -> Known:
    """Look at the store as far as the log went then: what was released later had not left yet."""
    left = {index for each in releases(store) if each.index < size for index in each.rows(store)}
    return replace(Known.read(store, roster, size), released=frozenset(left))


def _compared(moment: Moment, old: pd.DataFrame, new: pd.DataFrame) -> Replayed:
    before, after = set(old["index"]), set(new["index"])
    gone, come = _sources(old), _sources(new)
    return Replayed(
        moment=moment,
        rows=len(before),
        rows_after=len(after),
        rows_gained=len(after - before),
        rows_lost=len(before - after),
        sources_gained=tuple(sorted(come - gone)),
        sources_lost=tuple(sorted(gone - come)),
    )


def _sources(members: pd.DataFrame) -> set[str]:
    pairs = members[["producer", "source"]].drop_duplicates()
    return {f"{producer}/{source}" for producer, source in pairs.itertuples(index=False)}
