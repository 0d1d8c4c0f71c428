"""Who may speak and who may decide, and what people said of sources: folded from the acts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeVar

from approvals.attest import record_of, require_signed
from approvals.mishaps import ProducerPaused
from approvals.model import (
    ActRecord,
    Assurance,
    ProducerAdded,
    ProducerKey,
    ProducerRevoked,
    ReviewerAdded,
    ReviewerRevoked,
    SourceRuled,
    SourceTiered,
)
from quarantine.errors import TamperedError
from quarantine.model import Logged, Origin, SourceKey, Standing
from quarantine.safe import safe

Registered = TypeVar("Registered")


@dataclass(frozen=True, slots=True)
class Tenure:
    """From when to when something counts; open where `until` is absent."""

    since: datetime
    until: datetime | None = None

    def covers(self, at: datetime) -> bool:
        """Say whether `at` lies inside."""
        return self.since <= at and (self.until is None or at < self.until)

    def ended(self, at: datetime) -> Tenure:
        """Return the tenure as it ends at `at`, unless it ends before that already."""
        return replace(self, until=at if self.until is None else min(self.until, at))


@dataclass(frozen=True, slots=True)
class Producer:
    """A producer as it stands: its keys with their tenure, and what it may send.

    `budget` is how many events an hour are taken in at full speed, absent where nobody set one;
    `assurance` how sure it is who its sources are.
    """

    name: str
    origin: Origin
    kinds: tuple[str, ...]
    scopes: tuple[str, ...]
    owner: str
    purpose: str
    keys: dict[str, tuple[ProducerKey, Tenure]]
    budget: int | None = None
    assurance: Assurance = Assurance.SELF_DECLARED


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
    """The registry as the log has it up to now.

    Where `operator` (a public key, PEM) is given, whoever the operator did not register is nobody:
    `follow` raises `TamperedError` for a registration that is not signed with that key.
    """

    producers: dict[str, Producer] = field(default_factory=dict)
    reviewers: dict[str, Reviewer] = field(default_factory=dict)
    standings: dict[SourceKey, Standing] = field(default_factory=dict)
    pauses: dict[str, ProducerPaused] = field(default_factory=dict)
    size: int = 0
    operator: str = ""

    def paused(self, at: datetime) -> dict[str, ProducerPaused]:
        """Return the newest pause of each producer whose stream is not read at `at`."""
        return {name: pause for name, pause in self.pauses.items() if at < pause.until}

    def follow(self, acts: Iterable[Logged]) -> None:
        """Take in acts that came since `size`; others than the registry's are passed over."""
        for logged in acts:
            if logged.act.kind in FOLLOWED:
                if self.operator and logged.act.kind in _REGISTERED:
                    require_signed(logged, self.operator, "the operator")
                self._take(record_of(logged.act))
            self.size = logged.index + 1

    def _take(self, record: ActRecord) -> None:
        match record:
            case ProducerAdded():
                self._add_producer(record)
            case ProducerRevoked():
                self._revoke_producer(record)
            case ProducerPaused():
                self.pauses[record.producer] = record
            case ReviewerAdded():
                self.reviewers[record.name] = Reviewer(
                    record.name,
                    record.person,
                    record.key,
                    record.public,
                    record.roles,
                    Tenure(record.at),
                )
            case ReviewerRevoked():
                before = _known(self.reviewers, record.name, record)
                tenure = replace(before.tenure, until=record.since)
                self.reviewers[record.name] = replace(before, tenure=tenure)
            case _:
                self._stand(record)

    def _add_producer(self, act: ProducerAdded) -> None:
        before = self.producers.get(act.name)
        tenure = Tenure(act.since or act.at, act.until)
        self.producers[act.name] = Producer(
            name=act.name,
            origin=act.origin,
            kinds=act.kinds,
            scopes=act.scopes,
            owner=act.owner,
            purpose=act.purpose,
            keys={**(before.keys if before else {}), act.key.id: (act.key, tenure)},
            budget=act.budget,
            assurance=act.assurance or Assurance.SELF_DECLARED,
        )

    def _revoke_producer(self, act: ProducerRevoked) -> None:
        producer = _known(self.producers, act.name, act)
        keys = {
            id_: (key, tenure.ended(act.since) if act.key in (None, id_) else tenure)
            for id_, (key, tenure) in producer.keys.items()
        }
        self.producers[act.name] = replace(producer, keys=keys)

    def _stand(self, act: ActRecord) -> None:
        if isinstance(act, SourceRuled | SourceTiered):
            key = SourceKey(act.producer, act.source)
            before = self.standings.get(key, Standing())
            if isinstance(act, SourceRuled):
                before = before._replace(ruling=act.ruling, because=act.because)
            else:
                before = before._replace(tier=act.tier)
            self.standings[key] = before


def _known(registered: Mapping[str, Registered], name: str, act: ActRecord) -> Registered:
    """Return whom an act names; `TamperedError` for an act that no command of ours can make."""
    if name not in registered:
        raise TamperedError(f"{act.act} names {safe(name, 100)}, who was never registered")
    return registered[name]


FOLLOWED: Final = frozenset(
    each.act
    for each in (
        ProducerAdded,
        ProducerRevoked,
        ProducerPaused,
        ReviewerAdded,
        ReviewerRevoked,
        SourceRuled,
        SourceTiered,
    )
)

_REGISTERED: Final = frozenset(
    each.act for each in (ProducerAdded, ProducerRevoked, ReviewerAdded, ReviewerRevoked)
)
"""What the operator alone says; a pause is intake's, a ruling a reviewer's."""
