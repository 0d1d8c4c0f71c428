"""From the bus to the store: what is good is held once, what is not leaves its reason."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from quarantine.arrivals import Arrival, Taken
from quarantine.errors import UnavailableError
from service import intake
from service.bus import DEAD, GROUP
from tests.producing import Site, batch_of, event, fields_of, until


async def test_a_malformed_event_among_fifty_does_not_spoil_the_others(site: Site) -> None:
    app = site.register("app")
    said = [event(number) for number in range(50)]
    said[17]["data"] = {"value": "four", "low": 1, "high": 5}
    async with site.taking_in():
        app.say(*said)
        await until(lambda: site.received("app") == 1)
    counts = site.store.counts()["app"]
    assert (counts.received, counts.stored, counts.dead_lettered) == (50, 49, 1)
    (letter,) = site.dead()
    assert (letter.reason, letter.position) == ("bad_value", 17)
    assert letter.content == json.dumps(said[17], separators=(",", ":")).encode()


async def test_each_bad_entry_leaves_its_reason_and_the_consumer_goes_on(site: Site) -> None:
    app = site.register("app")
    stranger = site.register("other")
    stranger.name = "stranger"
    async with site.taking_in():
        app.add({**fields_of(app.key, "app", 1, batch_of([event(1)])), "sig": "Zm9yZ2Vk"})
        app.add(fields_of(app.key, "elsewhere", 1, batch_of([event(1)])))
        stranger.say(event(1))
        app.send(b"[" + b" " * 10_000_000 + b"1]")
        app.send(b"\xff\xfe not a batch")
        app.say(event("after all"))
        await until(lambda: site.received("app") == 5 and site.received("stranger") == 1)
        await until(lambda: site.client.xlen(DEAD) == 5)
    assert site.reasons() == sorted(
        ["bad_signature", "bad_signature", "unknown_producer", "batch_too_large", "not_utf8"]
    )
    assert site.store.counts()["app"].stored == 1
    copies = site.client.xrange(DEAD)
    assert sorted(fields[b"reason"].decode() for _, fields in copies) == site.reasons()
    large = next(letter for letter in site.dead() if letter.reason == "batch_too_large")
    assert large.size == 10_000_003
    assert len(large.content) == 4096


async def test_an_hmac_secret_vouches_as_a_key_pair_does(site: Site) -> None:
    clicks = site.register_hmac("clicks", b"a secret that nobody knows")
    async with site.taking_in():
        clicks.say(event(1))
        clicks.add({**fields_of(clicks.key, "clicks", 2, batch_of([event(2)])), "batch": "[]"})
        await until(lambda: site.received("clicks") == 2)
    assert site.store.counts()["clicks"].stored == 1
    assert site.reasons() == ["bad_signature"]


async def test_a_missing_secret_makes_entries_wait_and_loses_none(site: Site) -> None:
    clicks = site.register_hmac("clicks", b"a secret that nobody knows")
    secret = site.state.secrets / clicks.key.key_id
    kept = secret.read_bytes()
    secret.unlink()
    async with site.taking_in():
        clicks.say(event(1))
        await until(lambda: site.waiting(clicks.stream) == 1)
        assert site.received("clicks") == 0
        secret.write_bytes(kept)
        await until(lambda: site.received("clicks") == 1)
    assert site.store.counts()["clicks"].stored == 1


async def test_a_producer_that_is_added_while_intake_runs_is_heard(site: Site) -> None:
    async with site.taking_in():
        late = site.register("late")
        late.say(event(1))
        await until(lambda: site.received("late") == 1)
    assert site.store.counts()["late"].stored == 1
    assert site.dead() == []


async def test_a_revoked_producer_is_heard_no_more(site: Site) -> None:
    app = site.register("app")
    async with site.taking_in():
        app.say(event(1))
        await until(lambda: site.received("app") == 1)
        site.revoke("app")
        app.say(event(2))
        await until(lambda: site.received("app") == 2)
    assert site.reasons() == ["key_not_valid"]


async def test_entries_said_again_and_numbers_used_again_are_told_apart(site: Site) -> None:
    app = site.register("app")
    first = fields_of(app.key, "app", 1, batch_of([event(1), event(2)]))
    async with site.taking_in():
        app.add(first)
        app.add(first)
        app.add(fields_of(app.key, "app", 1, batch_of([event(3)])))
        app.seq = 1
        app.say(event(1), event(2, scope="other"))
        await until(lambda: site.received("app") == 4)
    counts = site.store.counts()["app"]
    assert (counts.received, counts.stored, counts.duplicates) == (7, 2, 3)
    assert site.reasons() == ["conflict", "seq_reused"]


@pytest.mark.parametrize(
    "fields",
    [
        {"data": "42", "headers": '{"reply_to": "approvals.decisions"}'},
        {"__data__": '{"data": "42", "headers": {"reply_to": "approvals.decisions"}}'},
        {"batch": '{"data": "42", "headers": {"reply_to": "approvals.decisions"}}'},
    ],
)
async def test_d3_no_message_makes_intake_reply(site: Site, fields: dict[str, str]) -> None:
    app = site.register("app")
    listener = site.client.pubsub(ignore_subscribe_messages=True)
    listener.psubscribe("*")
    async with site.taking_in():
        app.add({**fields})
        app.send(b'{"data": "42", "headers": {"reply_to": "approvals.decisions"}}')
        app.say(event(1))
        await until(lambda: site.received("app") == 3)
    assert listener.get_message(timeout=0.1) is None
    listener.close()
    assert site.client.keys("approvals*") == []
    assert site.reasons() == ["bad_entry", "unsplittable"]


async def test_d4_five_hundred_envelopes_are_put_aside_and_none_is_unwrapped(site: Site) -> None:
    app = site.register("app")
    inner = json.dumps(event(1))
    pipe = site.client.pipeline(transaction=False)
    for number in range(500):
        outer = json.dumps({"data": inner, "headers": {"n": number}})
        pipe.xadd(app.stream, {("__data__", "data", "batch")[number % 3]: outer})
    pipe.execute()
    async with site.taking_in():
        await until(lambda: site.received("app") == 500)
    assert site.store.counts()["app"].stored == 0
    assert set(site.reasons()) == {"bad_entry"}


async def test_d7_what_was_said_before_the_first_start_is_heard(site: Site) -> None:
    app = site.register("app")
    app.say(event(1))
    for round_ in (1, 2, 3):
        async with site.taking_in(site.intake(consumer=f"life-{round_}")):
            await until(lambda round_=round_: site.received("app") == round_)
        app.say(event(f"while nothing ran {round_}"))
    async with site.taking_in(site.intake(consumer="life-4")):
        await until(lambda: site.received("app") == 4)
    assert site.store.counts()["app"].stored == 4


async def test_a_destroyed_group_is_made_again_and_nothing_is_held_twice(site: Site) -> None:
    app = site.register("app")
    async with site.taking_in():
        app.say(event(1))
        await until(lambda: site.received("app") == 1)
        site.client.xgroup_destroy(app.stream, GROUP)
        app.say(event(2))
        await until(lambda: site.received("app") == 2)
    counts = site.store.counts()["app"]
    assert (counts.stored, counts.received) == (2, 2)


async def test_a_store_that_cannot_be_written_makes_entries_wait(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = site.register("app")
    take, refusals = site.store.take, 0

    def full(arrivals: Sequence[Arrival]) -> Taken:
        nonlocal refusals
        refusals += 1
        if refusals <= 8:
            raise UnavailableError("the disk is full")
        return take(arrivals)

    monkeypatch.setattr(site.store, "take", full)
    monkeypatch.setattr(intake, "BACK_OFF_S", 0.01)
    app.say(event(1))
    async with site.taking_in():
        await until(lambda: site.received("app") == 1)
        await until(lambda: site.waiting(app.stream) == 0)
    assert refusals == 9
    assert site.dead() == []


async def test_what_a_dead_consumer_left_is_taken_over(site: Site) -> None:
    app = site.register("app")
    for number in range(40):
        app.say(event(number))
    site.client.xgroup_create(app.stream, GROUP, id="0")
    site.client.xreadgroup(GROUP, "the dead", {app.stream: ">"}, count=30)
    async with site.taking_in():
        await until(lambda: site.received("app") == 40)
        await until(lambda: site.waiting(app.stream) == 0)
    assert site.store.counts()["app"].stored == 40


async def test_what_no_consumer_survives_is_put_aside_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = site.register("app")
    take = site.store.take

    def dying(arrivals: Sequence[Arrival]) -> Taken:
        if any(event.id == "poison" for each in arrivals for event in each.events):
            raise ZeroDivisionError("a bug that one entry finds")
        return take(arrivals)

    monkeypatch.setattr(site.store, "take", dying)
    for number in range(10):
        app.say(event(number if number != 4 else "poison"))
    async with site.taking_in():
        await until(lambda: site.received("app") == 10)
        await until(lambda: site.waiting(app.stream) == 0)
    assert site.store.counts()["app"].stored == 9
    assert site.reasons() == ["delivered_too_often"]


async def test_two_consumers_share_a_stream_and_hold_each_event_once(site: Site) -> None:
    app = site.register("app")
    async with (
        site.taking_in(site.intake("one")),
        site.taking_in(site.intake("two")),
    ):
        for number in range(300):
            app.say(event(number))
        await until(lambda: site.received("app") == 300)
    counts = site.store.counts()["app"]
    assert (counts.stored, counts.duplicates) == (300, 0)


async def test_copies_of_dead_letters_missed_by_a_crash_are_made_later(site: Site) -> None:
    app = site.register("app")
    app.add({"junk": "1"})
    async with site.taking_in():
        await until(lambda: site.client.xlen(DEAD) == 1)
    site.client.delete(DEAD)
    app.add({"junk": "2"})
    async with site.taking_in(site.intake("next")):
        await until(lambda: site.client.xlen(DEAD) == 2)
    assert [id_ for id_, _ in site.client.xrange(DEAD)] == [b"1-0", b"2-0"]


async def test_intake_connects_again_when_the_bus_hung_up(site: Site) -> None:
    app = site.register("app")
    app.say(event(1))
    async with site.taking_in():
        await until(lambda: site.received("app") == 1)
        await asyncio.to_thread(site.client.execute_command, "CLIENT", "KILL", "TYPE", "normal")
        app.say(event(2))
        await until(lambda: site.received("app") == 2)
