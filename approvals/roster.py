"""Who may speak and who may decide, and what people said of sources: folded from the acts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from approvals.attest import record_of
from approvals.model import (
    ProducerAdded,
    ProducerKey,
    ProducerRevoked,
    ReviewerAdded,
    ReviewerRevoked,
    SourceRuled,
    SourceTiered,
)
from quarantine.model import Logged, Origin, SourceKey, Standing


@dataclass(frozen=True, slots=True)
class Tenure:
    """From when to when something counts; open where `until` is absent."""

    since: datetime
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Say whether `at` lies inside."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Producer:
    """A producer as it stands: its keys with their tenure, and what it may send."""

    name: str
    origin: Origin
    kinds: tuple[str, ...]
    scopes: tuple[str, ...]
    owner: str
    purpose: str
    keys: dict[str, tuple[ProducerKey, Tenure]]


@dataclass(frozen=True, slots=True)
class Reviewer:
    """One name of a person: a key, its roles, and from when to when it counts."""

    name: str
    person: str
    key: str
    public: str
    roles: tuple[str, ...]
    tenure: Tenure


@dataclass(slots=True)
class Roster:
    """The registry as the log has it up to now."""

    producers: dict[str, Producer] = field(default_factory=dict)
    reviewers: dict[str, Reviewer] = field(default_factory=dict)
    standings: dict[SourceKey, Standing] = field(default_factory=dict)
    size: int = 0

    def follow(self, acts: Iterable[Logged]) -> None:
        """Take in acts that came since `size`; others than the registry's are passed over."""
        for logged in acts:
            if logged.act.kind in _FOLLOWED:
                record = record_of(logged.act)
                _FOLLOWED[logged.act.kind](self, record)  # type: ignore[arg-type]
            self.size = logged.index + 1


def _producer_added(roster: Roster, act: ProducerAdded) -> None:
    before = roster.producers.get(act.name)
    keys = {**(before.keys if before else {}), act.key.id: (act.key, Tenure(act.at))}
    roster.producers[act.name] = Producer(
        act.name, act.origin, act.kinds, act.scopes, act.owner, act.purpose, keys
    )


def _producer_revoked(roster: Roster, act: ProducerRevoked) -> None:
    producer = roster.producers[act.name]
    keys = {
        id_: (key, replace(tenure, until=act.since) if act.key in (None, id_) else tenure)
        for id_, (key, tenure) in producer.keys.items()
    }
    roster.producers[act.name] = replace(producer, keys=keys)


def _reviewer_added(roster: Roster, act: ReviewerAdded) -> None:
    roster.reviewers[act.name] = Reviewer(
        act.name, act.person, act.key, act.public, act.roles, Tenure(act.at)
    )


def _reviewer_revoked(roster: Roster, act: ReviewerRevoked) -> None:
    before = roster.reviewers[act.name]
    roster.reviewers[act.name] = replace(before, tenure=replace(before.tenure, until=act.since))


def _source_ruled(roster: Roster, act: SourceRuled) -> None:
    key = SourceKey(act.producer, act.source)
    before = roster.standings.get(key, Standing())
    roster.standings[key] = before._replace(ruling=act.ruling, because=act.because)


def _source_tiered(roster: Roster, act: SourceTiered) -> None:
    key = SourceKey(act.producer, act.source)
    before = roster.standings.get(key, Standing())
    roster.standings[key] = before._replace(tier=act.tier)


_FOLLOWED = {
    ProducerAdded.act: _producer_added,
    ProducerRevoked.act: _producer_revoked,
    ReviewerAdded.act: _reviewer_added,
    ReviewerRevoked.act: _reviewer_revoked,
    SourceRuled.act: _source_ruled,
    SourceTiered.act: _source_tiered,
}
