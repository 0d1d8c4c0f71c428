"""A reviewers' room in which scoring has doubts: a crowd, a ring in it, somebody odd."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from approvals.model import Request
from approvals.roster import Roster
from approvals.screen import showing
from approvals.screen.book import Book
from approvals.screen.model import Case, Sample, Shown
from approvals.screen.rights import rights
from approvals.screen.seat import Seat
from approvals.screen.sitting import Sitting
from approvals.screen.talk import Talk
from approvals.screen.waiting import waiting
from quarantine.model import Dossier, Finding, SourceKey, Verdict, to_micros
from tests.room import Room

SECOND = timedelta(seconds=1)
RING = tuple(f"ring/{n}" for n in range(6))
LONER = "odd/1"
PEOPLE = tuple(f"rater/{n}" for n in range(12))


def rating(source: str, id_: str, target: str, value: float, text: str = "") -> bytes:
    """Spell one rating, with what its source wrote."""
    said: dict[str, object] = {"value": value, "low": 1, "high": 5}
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "subject": target,
        "type": "feedback.rating.v1",
        "time": "2025-12-31T00:00:00Z",
        "scope": "helpful",
        "data": said | ({"text": text} if text else {}),
    }
    return json.dumps(event).encode()


def dossier(source: str, *, verdict: Verdict, score: float, cluster: str = "") -> Dossier:
    """Say what scoring thinks of a source."""
    finding = Finding(
        detector="lockstep" if cluster else "outsider",
        score=score,
        because=f"agrees with its company beyond chance, {score:.0%}",
        examples=("answer-1",),
    )
    return Dossier(
        producer="app",
        source=source,
        events=3,
        score=score,
        cluster=str(SourceKey("app", cluster or source)),
        verdict=verdict,
        findings=() if verdict is Verdict.CLEAR else (finding,),
    )


def doubted(folder: Path) -> Room:
    """Open a room: twelve people scored clear, a ring of six on hold, one odd source on watch."""
    room = Room(folder)
    fill(room)
    return room


def fill(room: Room) -> None:
    """Let them speak and be scored."""
    room.producer("app")
    for name in ("ana", "ben", "cleo"):
        room.add(name, roles=["reviewer"])
    spoken = [(name, 3.0) for name in PEOPLE] + [(name, 5.0) for name in RING] + [(LONER, 1.0)]
    room.hear(
        rating(name, f"{name}-{n}", f"answer-{n}", value, f"this is what {name} wrote")
        for name, value in spoken
        for n in range(3)
    )
    judged(room)


def judged(room: Room, extra: Iterable[Dossier] = ()) -> None:
    """Have everybody scored now."""
    people = [dossier(name, verdict=Verdict.CLEAR, score=0.1) for name in PEOPLE]
    ring = [dossier(name, verdict=Verdict.HOLD, score=0.9, cluster=RING[0]) for name in RING]
    odd = [dossier(LONER, verdict=Verdict.WATCH, score=0.6)]
    room.store.judge([*people, *ring, *odd, *extra], to_micros(room.later()))


def seat(room: Room, name: str = "ben") -> Seat:
    """Return a reviewer's seat; its clock is the room's."""
    roster = room.roster

    def newest() -> Roster:
        roster.follow(room.store.acts(roster.size))
        return roster

    return Seat(
        store=room.store,
        name=name,
        signer=room.signers[name],
        now=lambda: room.at,
        nonce=room.nonce,
        policy=lambda: room.policy,
        roster=newest,
    )


def talking(room: Room, name: str = "ben", cases: list[Case] | None = None) -> Talk:
    """Begin a review of all that waits for `name`."""
    at = seat(room, name)
    book = Book.read(room.store, room.roster.standings)

    def show(case: Case) -> Shown:
        return showing.show(book, case, rights(at, case))

    def more(case: Case, page: int) -> tuple[Sample, ...]:
        return showing.more(book, case, page)

    found = waiting(at).cases if cases is None else cases
    return Talk(Sitting(found, lambda: room.at, show, seed="5eed"), more)


def rulings(room: Room) -> Mapping[str, str]:
    """Return what people said of sources, by name."""
    return {
        str(key): standing.ruling
        for key, standing in room.roster.standings.items()
        if standing.ruling
    }


def asked(room: Room, by: str = "ana") -> Request:
    """Have somebody ask for the ratings."""
    request, _, _ = room.ask(by, at=room.later())
    return request
