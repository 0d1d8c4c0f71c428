"""A store full of people for the reviewers' screen: the demo's ratings and its ring, scored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from approvals import desk
from approvals.attest import act_of
from approvals.model import ProducerAdded, ProducerKey, Released, ReviewerAdded
from approvals.roster import Roster
from approvals.rules import Policy, load, shipped
from approvals.screen.seat import Seat
from approvals.signers.file import FileSigner, new_key
from quarantine.arrivals import Arrival
from quarantine.envelope import read
from quarantine.evidence import evidence_from
from quarantine.model import to_micros
from quarantine.scoring import score
from quarantine.stores.sqlite import SqliteStore
from service.demo import people
from service.scoring import split

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
BATCH = 500
RING = people.Ring(members=40, push=6, nuke=6, filler=15)
PRAISE = "simply the best\u200b"
WROTE = ("clear and well prepared", "too fast for me", "", "would take it again", "", "")


@dataclass
class Hall:
    """A store in `folder` with two reviewers' keys; its clock moves only when told."""

    folder: Path
    at: datetime = START
    text: str = shipped("demo")
    keys: dict[str, FileSigner] = field(default_factory=dict)
    _entries: int = 0

    def __post_init__(self) -> None:
        """Register one producer and three people."""
        self.store = SqliteStore(self.folder / "store.db")
        self.policy: Policy = load(self.text)
        operator = self.keys["operator"] = new_key(self.folder / "operator.pem")
        key = ProducerKey(id="k1", algorithm="hmac-sha256")
        acts = [act_of(ProducerAdded(at=self.at, name="app", key=key), operator)]
        for name in ("ana", "ben", "cam"):
            signer = self.keys[name] = new_key(self.folder / f"{name}.pem")
            seat = ReviewerAdded(
                at=self.at,
                name=name,
                person=f"{name}@example.org",
                key=signer.key_id,
                public=signer.public,
                roles=("reviewer",),
            )
            acts.append(act_of(seat, operator))
        self.store.record(acts)

    def hear(self, given: Sequence[people.Given], over: timedelta) -> None:
        """Take ratings in, as if they came evenly over some time."""
        step = over / max(len(given), 1)
        for start in range(0, len(given), BATCH):
            some = given[start : start + BATCH]
            self.at += step * len(some)
            self._entries += 1
            arrived = to_micros(self.at)
            bodies = list(_bodies(some, self._entries))
            events = [read(body, position=n, arrived=arrived) for n, body in enumerate(bodies)]
            arrival = Arrival(
                producer="app",
                stream="feedback:in:app",
                entry=f"{self._entries}-0",
                arrived=arrived,
                seq=self._entries,
                key="k1",
                digest=self._entries.to_bytes(32, "big"),
                events=events,
            )
            self.store.take([arrival])

    def judge(self) -> None:
        """Have everything scored, as the scoring loop does."""
        left = desk.released_indexes(self.store)
        released, held = split(self.store.frame(), left, self.store.revoked())
        dossiers = score(evidence_from(held, released), self.roster().standings).dossiers
        self.store.judge(dossiers, to_micros(self.at), self.store.size())

    def release(self) -> None:
        """Let leave what policy and budgets allow, as if two people had approved it."""
        request, _, _ = self.ask()
        left = Released(
            at=self.at,
            request=request.digest,
            scope=request.scope,
            kind=request.kind,
            name="lectures-1",
            manifest="00",
            rows=request.rows,
            log_size=self.store.size(),
        )
        self.store.record([act_of(left, self.keys["operator"])])

    def ask(self) -> tuple[desk.Request, int, object]:
        """Have ana ask for the ratings."""
        roster = self.roster()
        return desk.make_request(
            self.store,
            scope=people.SCOPE,
            kind="rating",
            until=self.at,
            by=roster.reviewers["ana"],
            signer=self.keys["ana"],
            at=self.at,
            nonce=f"{self._entries:032x}",
            policy=self.policy,
            roster=roster,
        )

    def roster(self) -> Roster:
        """Return who may decide."""
        roster = Roster()
        roster.follow(self.store.acts())
        return roster

    def seat(self, name: str, now: Callable[[], datetime] | None = None) -> Seat:
        """Return a reviewer's seat, by the hall's clock unless another is given."""
        roster = self.roster()
        return Seat(
            store=self.store,
            name=name,
            signer=self.keys[name],
            now=now or (lambda: self.at),
            nonce=lambda: "5eed",
            policy=lambda: self.policy,
            roster=lambda: roster,
        )


def rounds(share: float, seed: int) -> tuple[Sequence[people.Given], Sequence[people.Given]]:
    """Return what a share of the demo's people say in two rounds; in the second a ring joins."""
    rng = np.random.default_rng(seed)
    crowd = people.some(people.ratings(), share, rng)
    order = [crowd[n] for n in rng.permutation(len(crowd))]
    cut = len(crowd) // 2
    return order[:cut], people.mixed(order[cut:], people.ring_of(RING, crowd, rng), rng)


def _bodies(given: Sequence[people.Given], entry: int) -> Iterator[bytes]:
    """Spell ratings with a few words, as the demo's producer does."""
    for number, each in enumerate(given):
        said: dict[str, object] = {"value": each.value, "low": people.LOW, "high": people.HIGH}
        text = PRAISE if each.poison else WROTE[(entry * 31 + number) % len(WROTE)]
        event = {
            "specversion": "1.0",
            "id": f"r{entry:05}{number:03}",
            "source": each.source,
            "subject": each.target,
            "type": "feedback.rating.v1",
            "time": "2026-01-01T00:00:00Z",
            "scope": people.SCOPE,
            "data": said | ({"text": text} if text else {}),
        }
        yield json.dumps(event).encode()
