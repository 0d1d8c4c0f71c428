"""A reviewers' room for tests: a real store, real keys, people, and a crowd that has spoken."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from approvals import desk
from approvals.attest import act_of
from approvals.budget import Choice
from approvals.model import (
    Decision,
    ProducerAdded,
    ProducerKey,
    Released,
    Request,
    ReviewerAdded,
    Revoked,
    Vote,
)
from approvals.policy import Policy
from approvals.roster import Reviewer, Roster
from approvals.rules import load, shipped
from approvals.signers.file import FileSigner, new_key
from approvals.workflow import Outcome, request_id
from quarantine.arrivals import Arrival
from quarantine.envelope import read
from quarantine.model import Dossier, Origin, SourceKey, Verdict, to_micros
from service.stores import opened

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

LOOSE = shipped("demo").replace("share = 0.05", "share = 1.0")
"""The demonstration's policy without the shares of one voice: a small crowd can fill a release."""


def body(source: str, id_: str, target: str, value: float = 4, **rest: object) -> bytes:
    """Spell one rating as its producer would."""
    data = {"value": value, "low": 1, "high": 5} | {
        name: rest.pop(name) for name in ("supersedes",) if name in rest
    }
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "subject": target,
        "type": "feedback.rating.v1",
        "time": "2025-12-31T00:00:00Z",
        "scope": "helpful",
        "data": data,
    }
    return json.dumps(event | rest).encode()


@dataclass
class Room:
    """Everything a decision needs, on a clock that only moves when told."""

    folder: Path
    policy: Policy = field(default_factory=lambda: load(LOOSE))
    at: datetime = START
    signers: dict[str, FileSigner] = field(default_factory=dict)
    seq: int = 0
    place: str = ""

    def __post_init__(self) -> None:
        """Open the store, a file of the folder or the one at `place`; the operator's key signs."""
        self.store = opened(self.place or str(self.folder / "store.db"))
        self.operator = new_key(self.folder / "operator.pem")

    @property
    def roster(self) -> Roster:
        """Who may act, from the log."""
        roster = Roster()
        roster.follow(self.store.acts())
        return roster

    def later(self, by: timedelta = MINUTE) -> datetime:
        """Let time pass."""
        self.at += by
        return self.at

    def add(self, name: str, *, person: str = "", key: str = "", roles: Iterable[str] = ()) -> None:
        """Register a reviewer; a new key unless `key` names somebody's."""
        if name not in self.signers:
            self.signers[name] = self.signers[key] if key else new_key(self.folder / f"{name}.pem")
        signer = self.signers[name]
        record = ReviewerAdded(
            at=self.later(),
            name=name,
            person=person or name,
            key=signer.key_id,
            public=signer.public,
            roles=tuple(roles),
        )
        self.store.record([act_of(record, self.operator)])

    def reviewer(self, name: str) -> Reviewer:
        """Return the roster's entry of a name."""
        return self.roster.reviewers[name]

    def producer(self, name: str, *, origin: Origin = Origin.HUMAN, owner: str = "") -> None:
        """Register a producer, its key named k1."""
        key = ProducerKey(id="k1", algorithm="hmac-sha256")
        record = ProducerAdded(at=self.later(), name=name, key=key, origin=origin, owner=owner)
        self.store.record([act_of(record, self.operator)])

    def hear(self, bodies: Iterable[bytes], *, producer: str = "app", key: str = "k1") -> None:
        """Take one batch in, now."""
        self.seq += 1
        arrived = to_micros(self.later())
        events = [read(each, position=n, arrived=arrived) for n, each in enumerate(bodies)]
        arrival = Arrival(
            producer=producer,
            stream=f"feedback:in:{producer}",
            entry=f"{self.seq}-0",
            arrived=arrived,
            seq=self.seq,
            key=key,
            digest=self.seq.to_bytes(32, "big"),
            events=events,
        )
        assert self.store.take([arrival]).stored == len(events)

    def crowd(self, sources: int, targets: int, *, first: int = 0, producer: str = "app") -> None:
        """Let `sources` people rate each of `targets` things, and have them scored clear."""
        names = [f"rater/{first + n}" for n in range(sources)]
        self.hear(
            [
                body(name, f"{name}-{target}", f"answer-{target}")
                for name in names
                for target in range(targets)
            ],
            producer=producer,
        )
        self.score(names, producer=producer)

    def score(
        self,
        names: Iterable[str],
        *,
        producer: str = "app",
        verdict: Verdict = Verdict.CLEAR,
        cluster: str = "",
    ) -> None:
        """Say what scoring thinks of some sources, now."""
        dossiers = [
            Dossier(
                producer=producer,
                source=name,
                events=1,
                score=0.1,
                cluster=cluster or str(SourceKey(producer, name)),
                verdict=verdict,
            )
            for name in names
        ]
        self.store.judge(dossiers, to_micros(self.later()))

    def ask(self, by: str = "ana", *, at: datetime | None = None) -> tuple[Request, int, Choice]:
        """Make a request for the ratings."""
        return desk.make_request(
            self.store,
            scope="helpful",
            kind="rating",
            until=at or self.at,
            by=self.reviewer(by),
            signer=self.signers[by],
            policy=self.policy,
            roster=self.roster,
            at=at or self.at,
            nonce=self.nonce(),
        )

    def vote(
        self, request: Request, by: str, decision: Decision = Decision.APPROVE, *, sign: str = ""
    ) -> Vote:
        """Cast a vote through the desk."""
        return desk.cast(
            self.store,
            request,
            decision,
            because="read the samples",
            by=self.reviewer(by),
            signer=self.signers[sign or by],
            policy=self.policy,
            roster=self.roster,
            at=self.later(),
            nonce=self.nonce(),
        )

    def slip_in(self, vote: Vote, by: str) -> None:
        """Put a signed vote straight into the log, past the desk."""
        self.store.record([act_of(vote, self.signers[by])])

    def stands(self, request: Request) -> Outcome:
        """Say where a request stands now."""
        return desk.outcome(self.store, request.digest, self.policy, self.roster, self.at)

    def nonce(self) -> str:
        """Return a nonce that was not used."""
        self.seq += 1
        return f"{self.seq:032x}"


def crowded(folder: Path, place: str = "") -> Room:
    """Open a room with four reviewers, one producer, and twelve people scored clear."""
    room = Room(folder, place=place)
    room.producer("app")
    for name in ("ana", "ben", "cleo", "dov"):
        room.add(name, roles=["reviewer"])
    room.crowd(12, 3)
    return room


def release(room: Room, request: Request) -> None:
    """Record that a request was released, as the releasing role does."""
    record = Released(
        at=room.later(),
        request=request.digest,
        scope=request.scope,
        kind=request.kind,
        name=request_id(request),
        manifest="00",
        rows=request.rows,
        log_size=room.store.size(),
    )
    room.store.record([act_of(record, room.operator)])


def take_back(room: Room, indexes: list[int]) -> None:
    """Record that some rows are taken back."""
    record = Revoked(
        at=room.later(), producer="app", source="rater/0", rows=1, because="poison", by="ana"
    )
    room.store.revoke(act_of(record, room.operator), indexes)


def alter(room: Room, *statements: str) -> None:
    """Change rows past the store, as an administrator of the machine could."""
    with sqlite3.connect(room.folder / "store.db") as raw:
        for table in ("event", "member", "act", "revoked"):
            for guard in ("update", "delete", "insert"):
                raw.execute(f"DROP TRIGGER IF EXISTS {table}_{guard}")
        for statement in statements:
            assert raw.execute(statement).rowcount > 0
    raw.close()


def hand_of(room: Room, name: str) -> desk.Hand:
    """Return who acts, with their own key, a little later."""
    return {"by": room.reviewer(name), "signer": room.signers[name], "at": room.later()}


def asked(
    room: Room, *, scope: str = "helpful", kind: str = "rating", until: datetime | None = None
) -> desk.Asked:
    """Return what a request for the crowd's ratings asks for."""
    return {
        "scope": scope,
        "kind": kind,
        "until": until or room.at,
        "by": room.reviewer("ana"),
        "signer": room.signers["ana"],
        "policy": room.policy,
        "roster": room.roster,
        "at": room.at,
        "nonce": room.nonce(),
    }


def terms_of(room: Room, name: str) -> desk.Terms:
    """Return the terms on which somebody votes, a little later."""
    return {
        "by": room.reviewer(name),
        "signer": room.signers[name],
        "policy": room.policy,
        "roster": room.roster,
        "at": room.later(),
        "nonce": room.nonce(),
    }
