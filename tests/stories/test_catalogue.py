"""The attacks on bus, consumers and parsers, each by its id in the catalogue, on a real bus."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quarantine.arrivals import Arrival, Taken
from quarantine.model import to_micros
from service import wiring
from service.breaker import Breaker, Limits
from service.intake import Intake
from service.reclaim import MOST
from tests.press import HOSTILE
from tests.producing import Site, batch_of, event, fields_of, until

IDS = ["b1", "c6", "c7", *(f"d{n}" for n in range(1, 10)), *(f"e{n}" for n in range(1, 8))]
TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("id_", IDS)
def test_every_attack_has_a_test_that_is_found_by_its_id(id_: str) -> None:
    named = re.compile(rf"^\s*(?:async )?def test_{id_}_", re.MULTILINE)
    assert any(named.search(file.read_text(encoding="utf-8")) for file in TESTS.rglob("test_*.py"))


def undisturbed(site: Site) -> Intake:
    """Make an intake that does not pause who sends rubbish, so that all of it is judged now."""
    intake = site.intake()
    intake.breaker = Breaker(Limits(least=10**9))
    return intake


def stored(site: Site, name: str) -> int:
    counts = site.store.counts()
    return counts[name].stored if name in counts else 0


async def test_b1_of_ten_thousand_forged_events_none_is_held_and_each_leaves_its_reason(
    site: Site,
) -> None:
    app, thief = site.register("app"), site.register("thief")
    batch = batch_of([event(1, source="rater/trusted")])
    own = fields_of(app.key, "app", 1, batch)
    forgeries: list[dict[str | bytes, Any]] = [
        {**fields_of(thief.key, "app", 1, batch)},
        {**fields_of(thief.key, "app", 1, batch), "key": app.key.key_id},
        {**fields_of(thief.key, "thief", 1, batch)},
        {**own, "batch": batch.replace(b'"value":4', b'"value":1')},
        {**own, "seq": "2"},
        {**own, "producer": "app"},
        {**own, "headers": '{"producer": "app", "correlation_id": "app"}'},
        {name: value for name, value in own.items() if name != "sig"},
        {**own, "sig": ""},
        {"batch": batch, "source": "app", "verified": "true"},
    ]
    for _ in range(10):
        pipe = site.client.pipeline(transaction=False)
        for number in range(1000):
            pipe.xadd(app.stream, forgeries[number % len(forgeries)])
        pipe.execute()
    async with site.taking_in(undisturbed(site)):
        await until(lambda: site.received("app") == 10_000)
    counts = site.store.counts()["app"]
    assert (counts.stored, counts.duplicates, counts.dead_lettered) == (0, 0, 10_000)
    reasons = site.reasons()
    assert {each: reasons.count(each) for each in set(reasons)} == {
        "unknown_key": 2000,
        "bad_signature": 4000,
        "bad_entry": 4000,
    }


async def test_c6_replays_are_counted_and_every_event_is_held_once(site: Site) -> None:
    app = site.register("app")
    rng = np.random.default_rng(6)
    entries = []
    for seq in range(1, 101):
        said = batch_of([event(f"{seq}-{number}") for number in range(20)])
        entries.append(fields_of(app.key, "app", seq, said))
    replayed = [*entries, *(entries[int(n)] for n in rng.integers(0, 100, 10))]
    for place in rng.permutation(len(replayed)):
        app.add(replayed[place])
    again = batch_of([event(f"7-{number}") for number in range(20)])
    app.add(fields_of(app.key, "app", 101, again))
    async with site.taking_in():
        await until(lambda: site.received("app") == 111)
    counts = site.store.counts()["app"]
    assert (counts.received, counts.stored, counts.duplicates) == (2220, 2000, 220)
    assert site.dead() == []


async def test_c7_no_clock_of_a_sender_and_no_id_of_an_entry_is_the_time(site: Site) -> None:
    app = site.register("app")
    ahead = (wiring.now() + timedelta(minutes=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = to_micros(wiring.now())
    async with site.taking_in():
        app.say(
            event("old", time="1970-01-01T00:00:00Z"),
            event("ahead", time=ahead),
            event("far", time="2100-01-01T00:00:00Z"),
            event("now"),
        )
        forged = fields_of(app.key, "app", 2, batch_of([event("by id")]))
        site.client.xadd(app.stream, {**forged}, id="4102444800000-0")
        await until(lambda: site.received("app") == 2)
    after = to_micros(wiring.now())
    held = list(site.store.held(list(range(20))))
    assert [each.id for each in held] == ["old", "now", "by id"]
    assert all(before <= each.arrived <= after for each in held)
    assert site.reasons() == ["time_ahead", "time_ahead"]


async def test_d5_one_bad_event_in_fifty_strands_none_of_its_neighbours(site: Site) -> None:
    app = site.register("app")
    async with site.taking_in():
        app.say(*[event(number) for number in range(49)], {"data": None})
        await until(lambda: stored(site, "app") == 49 and len(site.dead()) == 1)
        await until(lambda: site.waiting(app.stream) == 0)


async def test_d6_a_poison_pill_is_put_aside_after_five_deliveries(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = site.register("app")
    take, deaths = site.store.take, 0

    def dying(arrivals: Sequence[Arrival]) -> Taken:
        nonlocal deaths
        if any(each.id == "pill" for arrival in arrivals for each in arrival.events):
            deaths += 1
            raise ZeroDivisionError("a bug that one entry finds")
        return take(arrivals)

    monkeypatch.setattr(site.store, "take", dying)
    app.say(event("pill"))
    app.say(event("good"))
    async with site.taking_in():
        await until(lambda: site.received("app") == 2)
        await until(lambda: site.waiting(app.stream) == 0)
    assert site.reasons() == ["delivered_too_often"]
    assert deaths <= MOST
    assert stored(site, "app") == 1


async def test_d9_a_byte_that_the_operator_of_the_bus_changed_is_noticed(site: Site) -> None:
    app = site.register("app")
    rng = np.random.default_rng(9)
    async with site.taking_in():
        for number in range(1, 41):
            true = fields_of(app.key, "app", number, batch_of([event(number)]))
            name = ("batch", "seq", "key", "sig")[number % 4]
            value = true[name]
            changed = bytearray(value if isinstance(value, bytes) else str(value).encode())
            changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(7))
            app.add({**true, name: bytes(changed)})
        app.seq = 100
        app.say(event("true"))
        await until(lambda: site.received("app") == 41)
    assert stored(site, "app") == 1
    assert set(site.reasons()) <= {"bad_signature", "unknown_key", "bad_seq"}


async def test_e1_no_key_that_stands_twice_is_taken_at_any_depth(site: Site) -> None:
    app = site.register("app")
    rng = np.random.default_rng(1)
    plain = json.dumps(event("x", data={"value": 4, "low": 1, "high": 5}))
    keys = [match.end() for match in re.finditer(r'"\w+": ', plain)]
    doubled = []
    for number in range(2000):
        end = keys[int(rng.integers(len(keys)))]
        start = plain.rindex('"', 0, plain.rindex('"', 0, end) - 1)
        spelled = plain[start:end]
        if rng.random() < 0.5:
            spelled = '"' + "".join(f"\\u{ord(c):04x}" for c in spelled[1:-3]) + '": '
        doubled.append(f"{plain[:start]}{spelled}{number}, {plain[start:]}")
    for start_at in range(0, 2000, 100):
        app.send(("[" + ",".join(doubled[start_at : start_at + 100]) + "]").encode())
    async with site.taking_in(undisturbed(site)):
        await until(lambda: site.received("app") == 20)
    assert stored(site, "app") == 0
    assert set(site.reasons()) == {"duplicate_key"}
    assert len(site.reasons()) == 2000


DIFFERING = {
    "NaN": "not_finite",
    "Infinity": "not_finite",
    "-Infinity": "not_finite",
    "1e999": "number_out_of_range",
    "18446744073709551616": "number_out_of_range",
    "-9223372036854775809": "number_out_of_range",
    '"\\ud800"': "lone_surrogate",
    '"\\udc00\\ud800"': "lone_surrogate",
    "01": "bad_json",
    "1.": "bad_json",
    "'4'": "bad_json",
    "\ufeff4": "bad_json",
}


@pytest.mark.parametrize("other", [False, True], ids=["as it is", "another parser in the way"])
async def test_e2_what_parsers_disagree_on_is_refused_whatever_is_installed(
    site: Site, monkeypatch: pytest.MonkeyPatch, *, other: bool
) -> None:
    if other:

        def no(*_: object, **__: object) -> None:
            raise AssertionError("a body was read by a parser that came along")

        for module in ("faststream._internal._compat", "faststream.redis.parser.binary"):
            monkeypatch.setattr(f"{module}.json_loads", no, raising=False)
    app = site.register("app")
    for value in DIFFERING:
        spelled = json.dumps(event("x")).replace('"value": 4', f'"value": {value}')
        app.send(f"[{spelled}]".encode())
    async with site.taking_in():
        await until(lambda: site.received("app") == len(DIFFERING))
    assert [letter.reason for letter in site.dead()] == list(DIFFERING.values())


async def test_e3_the_deep_and_the_huge_are_refused_before_they_cost(site: Site) -> None:
    app, other = site.register("app"), site.register("other")
    good = json.dumps(event("good")).encode()
    deep = json.dumps(event("deep")).replace('"value": 4', '"value": ' + "[" * 40 + "]" * 40)
    huge = json.dumps(event("huge", subject="x" * 65_536)).encode()
    async with site.taking_in():
        app.send(b"[%b,%b,%b]" % (good, deep.encode(), huge))
        app.send(b"[" * 100_000 + b"]" * 100_000)
        app.send(b"[" * 500_000)
        app.send(b'["' + b"x" * 1_048_576 + b'"]')
        app.send(batch_of([event(number) for number in range(1001)]))
        other.say(event(1))
        await until(lambda: site.received("app") == 5 and site.received("other") == 1)
    assert (stored(site, "app"), stored(site, "other")) == (1, 1)
    reasons = [letter.reason for letter in site.dead()]
    assert reasons[:2] == ["too_deep", "event_too_large"]
    assert set(reasons[2:4]) <= {"too_deep", "unsplittable", "event_too_large"}
    assert reasons[4:] == ["batch_too_large", "too_many_events"]


class Bomb:
    """What a pickle can do to who opens it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.file,))


async def test_e5_a_pickle_is_never_opened(site: Site) -> None:
    app = site.register("app")
    file = site.keys / "exploded"
    bomb = pickle.dumps(Bomb(file))
    async with site.taking_in():
        app.send(bomb)
        app.send(b"[" + bomb + b"]")
        app.add({"batch": bomb, "seq": "1", "key": bomb, "sig": bomb})
        app.add({"__data__": bomb, "__headers__": bomb})
        app.seq = 10
        app.say(event("x", data={"value": 4, "low": 1, "high": 5, "text": repr(bomb)}))
        await until(lambda: site.received("app") == 5)
    assert not file.exists()
    assert stored(site, "app") == 1
    assert len(site.dead()) == 4


async def test_e6_a_hundred_hostile_values_are_held_byte_for_byte(site: Site) -> None:
    app = site.register("app")
    said = []
    for number in range(100):
        evil = HOSTILE[number % len(HOSTILE)] * (1 + number // len(HOSTILE))
        data = {"value": 4, "low": 1, "high": 5, "text": evil, "item": evil}
        said.append(json.dumps(event(number, data=data), ensure_ascii=number % 2 == 0).encode())
    async with site.taking_in():
        app.send(b"[" + b",".join(said) + b"]")
        await until(lambda: site.received("app") == 1)
    start = site.store.size() - 100
    assert [each.body for each in site.store.held(range(start, start + 100))] == said


async def test_e7_an_older_version_skips_no_check(site: Site) -> None:
    app = site.register("app")
    async with site.taking_in():
        app.say(
            event(1, specversion="0.3"),
            event(2, specversion="2.0"),
            event(3, type="feedback.rating.v0"),
            event(4, type="feedback.rating.v2"),
            event(5, type="feedback.applause.v1"),
            event(6),
        )
        await until(lambda: site.received("app") == 1)
    assert stored(site, "app") == 1
    assert [each.reason for each in site.dead()] == ["old_version"] * 4 + ["unknown_type"]
