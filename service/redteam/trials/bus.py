"""Class D: what a producer, or the operator of the bus, can do to the bus and its consumers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final, cast

import redis

from approvals.attest import record_of
from approvals.mishaps import LossReported
from quarantine.arrivals import Arrival, Taken
from quarantine.ports import Store
from service import health
from service.bus import connect
from service.flaws import FLAWS, flaws_of
from service.passage import LAST_ID
from service.reclaim import MOST
from service.redteam.ground import Ground
from service.redteam.model import Outcome, Trial, at_most, every
from service.redteam.speech import batch, rating
from service.redteam.wirework import Fields, Sender, Wire, lived, until
from service.redteam.yard import Yard
from service.rights import producers_rights

# ruff: noqa: PLR2004  the numbers are the catalogue's

_CENTURY: Final = "4102444800000-0"
_RIGHTS: Final = ("resetkeys", "resetchannels", "-@all", "+xadd")


def _wire(stack: ExitStack, yard: Yard) -> Wire:
    ground = stack.enter_context(yard.ground())
    return Wire(ground, yard.bus, ground.folder.name)


def _stored(wire: Wire, sender: Sender) -> int:
    return wire.counts(sender).stored


def _rating(number: object) -> bytes:
    return rating("rater/1", f"{number}", f"answer-{number}")


def eviction(yard: Yard) -> Outcome:
    """D1: a producer trims its own stream while 100 entries wait there unread."""
    with ExitStack() as stack:
        wire = _wire(stack, yard)
        app, other = wire.sender("app"), wire.sender("other")
        for number in range(100):
            wire.say(app, _rating(number))
            wire.say(other, _rating(number))
        entry = app.entry(_rating("last"))
        wire.add(app, entry, most=1)
        took = time.monotonic()
        lost: list[int] = []

        async def play() -> None:
            async with wire.taking_in():
                await until(lambda: wire.counts(app).entries_lost >= 100)
                lost.append(wire.counts(app).entries_lost)
                await until(lambda: _stored(wire, other) == 100)

        lived(play())
        took = time.monotonic() - took
        told = [record_of(each.act) for each in wire.ground.store.acts()]
        spans = [(each.first, each.last) for each in told if isinstance(each, LossReported)]
        facts = [
            ("the loss is told with its size", lost == [100] and spans == [(1, 100)]),
            ("the other lost nothing", _stored(wire, other) == 100),
            ("within 10 s", took <= 10),
        ]
    return every(
        facts,
        f"{lost[0]} of 100 told as lost in {took:.0f} s; the other's 100 are held",
        "own stream, signed counters, what Redis says was ever added",
    )


def forged_id(yard: Yard) -> Outcome:
    """D2: a producer writes the last id there is, and one of the year 2100."""
    started = time.monotonic()
    ended = [_goes_on(yard, forged) for forged in (LAST_ID, _CENTURY)]
    took = time.monotonic() - started
    facts = [
        ("its stream goes on", all(own for own, _ in ended)),
        ("the other noticed nothing", all(others for _, others in ended)),
        ("within 60 s", took <= 60),
    ]
    return every(
        facts,
        f"{sum(own for own, _ in ended)} of 2 repaired, both together in {took:.0f} s",
        "own stream; the intake finds forged ids and sets the stream back",
    )


def _goes_on(yard: Yard, forged: str) -> tuple[bool, bool]:
    """Forge an id; say whether its stream is read again, and another one is as before."""
    ended: list[bool] = []
    with ExitStack() as stack:
        wire = _wire(stack, yard)
        app, other = wire.sender("app"), wire.sender("other")

        async def play() -> None:
            wire.say(app, _rating(1))
            async with wire.taking_in():
                await until(lambda: wire.received(app) == 1)
                wire.client.xadd(app.stream, {"junk": "1"}, id=forged)
                await until(lambda: _is_repaired(wire, app))
                wire.say(app, _rating(2))
                wire.say(other, _rating(1))
                ended.append(await until(lambda: _stored(wire, app) == 2))
                ended.append(await until(lambda: _stored(wire, other) == 1))

        lived(play())
    return ended[0], ended[1]


def _is_repaired(wire: Wire, sender: Sender) -> bool:
    info = wire.client.xinfo_stream(sender.stream)
    last = info["last-generated-id"].decode()
    return int(last.partition("-")[0]) < int(_CENTURY.partition("-")[0])


def reply_reflection(yard: Yard) -> Outcome:
    """D3: messages name a channel to reply to, in four shapes."""
    reply = b'{"data": "42", "headers": {"reply_to": "approvals.decisions"}}'
    shapes: list[Fields] = [
        {b"data": b"42", b"headers": b'{"reply_to": "approvals.decisions"}'},
        {b"__data__": reply},
        {b"batch": reply},
    ]
    with ExitStack() as stack:
        wire = _wire(stack, yard)
        app = wire.sender("app")
        listener = wire.client.pubsub(  # type: ignore[no-untyped-call]
            ignore_subscribe_messages=True
        )
        stack.callback(listener.close)
        listener.psubscribe("*")

        async def play() -> None:
            async with wire.taking_in():
                for fields in (*shapes, app.sealed(reply)):
                    wire.add(app, fields)
                wire.say(app, _rating(1))
                await until(lambda: _stored(wire, app) == 1)

        lived(play())
        heard = 0
        while listener.get_message(timeout=0.05) is not None:
            heard += 1
        keys = len(list(wire.client.scan_iter("approvals*")))
        aside = len(wire.dead())
    facts = [("all four are put aside", aside == len(shapes) + 1)]
    if heard or keys:
        facts.append(("nothing was published", False))
    return every(facts, f"{heard + keys} publishes", "handlers return nothing and never reply")


def envelopes(yard: Yard) -> Outcome:
    """D4: valid events wrapped so that a framework would unwrap them."""
    tries = yard.some(500, 200)
    inner = batch(_rating(1)).decode()
    with ExitStack() as stack:
        wire = _wire(stack, yard)
        app = wire.sender("app")

        async def play() -> None:
            async with wire.taking_in():
                for number in range(tries):
                    if number % 2:
                        wire.add(app, {b"__data__": inner.encode(), b"data": inner.encode()})
                    else:
                        shape = f'{{"data": {inner}, "headers": {{"n": {number}}}}}'
                        wire.add(app, app.sealed(shape.encode()))
                await until(lambda: len(wire.dead()) >= tries)

        lived(play())
        stored, aside = _stored(wire, app), len(wire.dead())
    return every(
        [("none is handled", stored == 0), ("each leaves its reason", aside == tries)],
        f"{stored} of {tries} handled, {aside} put aside with a reason",
        "an own parser of the entry's four fields",
    )


def poison_message(yard: Yard) -> Outcome:
    """D5: one event among fifty that nobody can read."""
    with ExitStack() as stack:
        wire = _wire(stack, yard)
        app = wire.sender("app")
        good = [_rating(number) for number in range(49)]

        async def play() -> None:
            async with wire.taking_in():
                wire.say(app, *good[:20], b'{"data":null}', *good[20:])
                await until(lambda: _stored(wire, app) == len(good) and wire.waiting(app) == 0)

        lived(play())
        stored, aside, waiting = _stored(wire, app), len(wire.dead()), wire.waiting(app)
    facts = [
        ("49 are held", stored == len(good)),
        ("one is put aside", aside == 1),
        ("nothing is stranded", waiting == 0),
    ]
    return every(facts, f"{stored} held, {aside} put aside", "each event is judged by itself")


def poison_pill(yard: Yard) -> Outcome:
    """D6: an entry that makes every consumer fail, beside a good one."""
    with ExitStack() as stack:
        wire = _wire(stack, yard)
        app = wire.sender("app")
        pill = _Failing(wire.ground)
        wire.door.store = cast("Store", pill)
        wire.say(app, _rating("pill"))
        wire.say(app, _rating("good"))

        async def play() -> None:
            async with wire.taking_in():
                await until(lambda: wire.received(app) == 2 and wire.waiting(app) == 0)

        lived(play())
        reasons = [letter.reason for letter in wire.dead()]
        stored = _stored(wire, app)
    facts = [
        ("it is put aside", reasons == ["delivered_too_often"]),
        ("at most 5 deliveries", 0 < pill.deaths <= MOST),
        ("the good one is held", stored == 1),
    ]
    return every(facts, f"{pill.deaths} deliveries, then put aside", "deliveries are counted")


class _Failing:
    """The ground's store, which has a bug that one entry finds."""

    def __init__(self, ground: Ground) -> None:
        self._store = ground.store
        self.deaths = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def take(self, arrivals: Sequence[Arrival]) -> Taken:
        if any(event.id == "pill" for arrival in arrivals for event in arrival.events):
            self.deaths += 1
            raise ZeroDivisionError("a bug that one entry finds")
        return self._store.take(arrivals)


def start_up_gap(yard: Yard) -> Outcome:
    """D7: events before the first start, and between three starts."""
    with ExitStack() as stack:
        wire = _wire(stack, yard)
        app = wire.sender("app")

        async def play() -> None:
            for number in range(3):
                wire.say(app, _rating(number))
                async with wire.taking_in():
                    await until(lambda wanted=number + 1: _stored(wire, app) == wanted)  # type: ignore[misc]

        lived(play())
        stored = _stored(wire, app)
    return at_most(
        3 - stored,
        0,
        f"{3 - stored} of 3 missed over three starts",
        "the group is made at the stream's beginning, before reading",
    )


def takeover(yard: Yard) -> Outcome:
    """D8: servers with known holes, and producers' users with too many rights."""
    old = [("redis", (7, 0, 15)), ("redis", (7, 2, 4)), ("valkey", (8, 0, 1))]
    seen = [bool(list(flaws_of(*each))) for each in old]
    with connect(yard.bus) as client:
        for name, more in (
            ("weak-1", "+@scripting"),
            ("weak-2", "+@dangerous"),
            ("weak-3", "+xtrim"),
        ):
            rights = (*_RIGHTS, more, f"%W~feedback:in:{name}")
            client.execute_command("ACL", "SETUSER", name, "on", ">x", *rights)
        strict = (*_RIGHTS, "%W~feedback:in:right")
        client.execute_command("ACL", "SETUSER", "right", "on", ">x", *strict)
        excess = dict(producers_rights(client, ["weak-1", "weak-2", "weak-3", "right"]))
        denied = _denied(yard.bus.replace("unix://", "unix://right:x@"))
        for name in (*excess, "right"):
            client.acl_deluser(name)
    doubts = len(health.preflight(yard.bus))
    facts = [
        (f"versions with one of {len(FLAWS)} known holes are refused", all(seen)),
        ("too many rights are named", set(excess) == {"weak-1", "weak-2", "weak-3"}),
        ("the server itself denies the rest", denied),
        ("the embedded bus is safe", doubts == 0),
    ]
    return every(
        facts,
        f"{sum(seen)} of {len(old)} versions and {len(excess)} of 3 users named",
        "version floor, rights asked of the server, the store is not Redis",
    )


def _denied(url: str) -> bool:
    """Say whether a user with a producer's rights is refused all but its own stream."""
    commands = (("EVAL", "return 1", "0"), ("XRANGE", "feedback:in:right", "-", "+"), ("FLUSHALL",))
    with connect(url) as client:
        for words in commands:
            try:
                client.execute_command(*words)
            except redis.exceptions.NoPermissionError:
                continue
            return False
    return True


def rewritten_history(yard: Yard) -> Outcome:
    """D9: the operator of the bus changes one bit of each of 40 entries before they are read."""
    chance = yard.chance()
    with ExitStack() as stack:
        wire = _wire(stack, yard)
        app = wire.sender("app")
        for number in range(40):
            fields = app.entry(_rating(number))
            name = list(fields)[number % len(fields)]
            changed = bytearray(fields[name])
            changed[int(chance.integers(len(changed)))] ^= 1 << int(chance.integers(7))
            wire.add(app, {**fields, name: bytes(changed)})

        async def play() -> None:
            async with wire.taking_in():
                await until(lambda: wire.received(app) == 40)

        lived(play())
        stored = _stored(wire, app)
    return at_most(stored, 0, f"{stored} of 40 taken", "the producer's signature over exact bytes")


TRIALS: Final = (
    Trial(
        id="D1", tried="XADD MAXLEN 1 while 100 entries wait, beside another producer", run=eviction
    ),
    Trial(id="D2", tried="the last id there is, and one of the year 2100", run=forged_id),
    Trial(id="D3", tried="four shapes of reply_to, somebody listening", run=reply_reflection),
    Trial(id="D4", tried="500 envelopes round valid events", run=envelopes),
    Trial(id="D5", tried="1 bad event among 49 good ones", run=poison_message),
    Trial(id="D6", tried="an entry on which every consumer fails", run=poison_pill),
    Trial(id="D7", tried="events before each of three starts", run=start_up_gap),
    Trial(id="D8", tried="3 flawed versions, 3 users with too many rights", run=takeover),
    Trial(id="D9", tried="one bit of 40 entries changed on the bus", run=rewritten_history),
)
