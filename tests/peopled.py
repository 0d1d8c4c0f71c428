"""A store in which much has happened: a reference, some of it taken back, a ring, gold, rulings."""

from __future__ import annotations

import json

import numpy as np

from approvals.attest import act_of
from approvals.gold import GoldAdded
from approvals.model import SourceRuled
from tests.room import Room, body, release, take_back

TARGETS = 30


def peopled(room: Room, *, seed: int = 7) -> None:
    """Let a crowd speak of which most is released, then another, with a ring in it."""
    rng = np.random.default_rng(seed)
    room.hear(_crowd(rng, "old", 70))
    room.score([f"old/{n}" for n in range(70)])
    request, _, _ = room.ask()
    release(room, request)
    (gone, *_) = room.store.frame()["index"].to_pylist()
    take_back(room, [gone])
    room.hear(_crowd(rng, "new", 30))
    pushed = rng.choice(TARGETS, 12, replace=False).tolist()
    room.hear([_said(f"ring/{m}", t, 6 - _truth(t)) for t in pushed for m in range(6)])
    room.hear([_said("sage", t, _truth(t)) for t in range(TARGETS)], producer="bot")
    gold = {f"answer-{target}": str(_truth(target)) for target in range(5)}
    ruled = SourceRuled(
        at=room.later(), producer="app", source="new/3", ruling="hold", because="known", by="ana"
    )
    room.store.record(
        [
            act_of(GoldAdded(at=room.later(), answers=gold), room.operator),
            act_of(ruled, room.signers["ana"]),
        ]
    )


def _crowd(rng: np.random.Generator, name: str, people: int) -> list[bytes]:
    said = []
    for person in range(people):
        for target in rng.choice(TARGETS, 12, replace=False).tolist():
            off = int(rng.integers(-1, 2))
            said.append(_said(f"{name}/{person}", target, int(np.clip(_truth(target) + off, 1, 5))))
    return said


def _truth(target: int) -> int:
    return 1 + target * 7 % 5


def _said(source: str, target: int, value: int) -> bytes:
    made = json.loads(body(source, f"{source}-{target}", f"answer-{target}", value))
    made["data"] |= {"prompt": f"what of {target % 9}?", "completion": f"this, number {target}"}
    return json.dumps(made).encode()
