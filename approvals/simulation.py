"""What another policy would have let leave: the requests of the past chosen again, and one now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import pandas as pd

from approvals.attest import record_of
from approvals.budget import choose
from approvals.candidates import Known, candidates, prior
from approvals.ledger import Ledger
from approvals.model import VerdictChanged
from approvals.policy import Policy
from approvals.releases import releases
from approvals.roster import Roster
from approvals.sayings import held_sayings
from approvals.workflow import request_id
from quarantine.envelope import kind_named
from quarantine.model import Logged, SourceKey, Verdict, to_micros
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


def simulate(store: Store, before: Policy, after: Policy, *, span: Span) -> list[Replayed]:
    """Choose again under both policies, for each request since then and for what is held now.

    Rows, releases, waits, verdicts, tiers and what people ruled are those of the time, from the
    log. Clusters are today's: the store keeps the newest alone, so a ring that was found since
    counts as one voice in the past too.
    """
    found = []
    acts = list(store.acts())
    for moment in _moments(store, span):
        known = _then(store, acts, moment.size)
        rows = candidates(known, moment.scope, moment.kind, moment.until)
        left = prior(known)
        sayings = held_sayings(store, kind_named(moment.kind))
        old, new = (
            choose(rows, policy, prior=left, at=moment.at, sayings=sayings).members
            for policy in (before, after)
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
    frame = store.frame(only=("scope", "kind", "arrived")).to_pandas()
    lately = frame[frame["arrived"] >= to_micros(span.since)]
    pairs = lately[["scope", "kind"]].astype(str).drop_duplicates().sort_values(["scope", "kind"])
    for scope, kind in pairs.itertuples(index=False):
        yield Moment(NOW, scope, kind, span.at, span.at, store.size())


def _then(store: Store, acts: Sequence[Logged], size: int) -> Known:
    """Look at the store as far as the log went then: what was released later had not left yet."""
    left = {index for each in releases(store) if each.index < size for index in each.rows(store)}
    before = [logged for logged in acts if logged.index < size]
    roster = Roster()
    roster.follow(before)
    known = Known.read(store, roster, size)
    verdicts = _verdicts(before)
    dossiers = {
        key: each.model_copy(update={"verdict": verdicts.get(key, Verdict.CLEAR)})
        for key, each in known.dossiers.items()
    }
    return replace(known, dossiers=dossiers, released=frozenset(left))


def _verdicts(acts: Iterable[Logged]) -> dict[SourceKey, Verdict]:
    """Return what scoring last thought of each source; of whom it never said so, nothing bad."""
    changed = (record_of(logged.act) for logged in acts if logged.act.kind == VerdictChanged.act)
    return {
        SourceKey(record.producer, record.source): record.after
        for record in changed
        if isinstance(record, VerdictChanged)
    }


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
