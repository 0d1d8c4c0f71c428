"""A state directory in which everybody's name, word and reason is hostile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from approvals import desk
from approvals.attest import act_of
from approvals.model import Decision, ProducerAdded, ProducerKey
from quarantine.arrivals import Arrival, put_aside
from quarantine.model import Dossier, Finding, SourceKey, Verdict, to_micros
from service import wiring
from service.settings import State
from tests.hostile import hostile, named
from tests.room import LOOSE, Room

NAMES: Final = named()
EACH: Final = 5
"""Events a doubted source has; all of the corpus is among their texts."""


@dataclass(frozen=True, slots=True)
class Rogues:
    """The room, and the sources that wait for review."""

    room: Room
    doubted: Sequence[SourceKey]


def rogues(folder: Path) -> Rogues:
    """Fill a state directory: names, targets, texts, findings, reasons, dead letters."""
    state = State(folder)
    wiring.prepare(state)
    state.policy.write_text(LOOSE, encoding="utf-8")
    (folder / "operator.pem").unlink(missing_ok=True)
    room = Room(folder, at=wiring.now() - timedelta(minutes=40))
    room.operator = wiring.role_signer(state, "operator")  # type: ignore[assignment]  a file's
    room.producer("app")
    for name in ("ana", "ben", "cleo"):
        room.add(name, roles=["reviewer"])
    for number, text in enumerate(NAMES[:12]):
        room.add(f"n{number}{text}"[:200], person=text, roles=[text])
    room.store.record([act_of(_stranger(room), room.operator)])
    doubted = _speak(room)
    _judge(room, doubted)
    _dead(room)
    _decide(room)
    room.at = wiring.now()
    return Rogues(room, doubted)


def _stranger(room: Room) -> ProducerAdded:
    key = ProducerKey(id=NAMES[5], algorithm="hmac-sha256")
    return ProducerAdded(
        at=room.later(timedelta(seconds=1)),
        name="rogue",
        key=key,
        owner=hostile()[0],
        purpose=hostile()[30],
        kinds=(NAMES[7], "rating"),
        scopes=(NAMES[8], "helpful"),
    )


def _speak(room: Room) -> list[SourceKey]:
    """Have each source say a few hostile things of hostile targets, beside a plain crowd."""
    texts = hostile()
    count = -(-len(texts) // EACH)
    sources = [f"rater/{n} {NAMES[n % len(NAMES)]}" for n in range(count)]
    bodies = [
        _event(source, f"e{n}-{m}", NAMES[(n * EACH + m) % len(NAMES)], texts[n * EACH + m])
        for n, source in enumerate(sources)
        for m in range(EACH)
        if n * EACH + m < len(texts)
    ]
    crowd = [_event(f"plain/{n}", f"p{n}", NAMES[n], "good") for n in range(20)]
    for start in range(0, len(bodies), 100):
        room.hear(bodies[start : start + 100])
    room.hear(crowd)
    return [SourceKey("app", source) for source in sources]


def _event(source: str, id_: str, target: str, text: str) -> bytes:
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "subject": target,
        "type": "feedback.rating.v1",
        "time": "2025-12-31T00:00:00Z",
        "scope": "helpful",
        "data": {"value": 4, "low": 1, "high": 5, "text": text, "model": text[:90]},
    }
    return json.dumps(event).encode()


def _judge(room: Room, doubted: Sequence[SourceKey]) -> None:
    texts = hostile()
    dossiers = [
        Dossier(
            producer="app",
            source=key.source,
            events=EACH,
            score=0.9,
            cluster=f"app/{NAMES[number % 7]}",
            verdict=Verdict.HOLD,
            findings=(
                Finding(detector="lockstep", score=0.9, because=texts[number % len(texts)]),
                Finding(detector=NAMES[number % len(NAMES)], score=0.5, because=texts[-number]),
            ),
        )
        for number, key in enumerate(doubted)
    ]
    clear = [
        Dossier(
            producer="app",
            source=f"plain/{n}",
            events=1,
            score=0.1,
            cluster=f"app/plain/{n}",
            verdict=Verdict.CLEAR,
        )
        for n in range(20)
    ]
    room.store.judge([*dossiers, *clear], to_micros(room.at), room.store.size())


def _dead(room: Room) -> None:
    arrival = Arrival(
        producer="app", stream="feedback:in:app", entry="9-0", arrived=to_micros(room.later())
    )
    letters = [
        put_aside(arrival, number, "bad_value", text, text.encode("utf-8", "replace"))
        for number, text in enumerate(hostile())
    ]
    room.store.take([Arrival(**{**_fields(arrival), "dead": letters})])


def _fields(arrival: Arrival) -> dict[str, object]:
    return {name: getattr(arrival, name) for name in ("producer", "stream", "entry", "arrived")}


def _decide(room: Room) -> None:
    """Ask for a hostile purpose, and vote and rule with hostile reasons."""
    request, _, _ = desk.make_request(
        room.store,
        scope="helpful",
        kind="rating",
        until=room.at,
        by=room.reviewer("ana"),
        signer=room.signers["ana"],
        policy=room.policy,
        roster=room.roster,
        at=room.later(timedelta(seconds=1)),
        nonce=room.nonce(),
        purpose=hostile()[1],
    )
    for name, because in (("cleo", hostile()[2]),):
        desk.cast(
            room.store,
            request,
            Decision.APPROVE,
            because=because,
            by=room.reviewer(name),
            signer=room.signers[name],
            policy=room.policy,
            roster=room.roster,
            at=room.later(timedelta(seconds=1)),
            nonce=room.nonce(),
        )
    desk.rule_source(
        room.store,
        SourceKey("app", "plain/0"),
        "clear",
        because=hostile()[3],
        by=room.reviewer("cleo"),
        signer=room.signers["cleo"],
        at=room.later(timedelta(seconds=1)),
    )
