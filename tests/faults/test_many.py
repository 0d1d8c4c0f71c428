"""Several intake processes on the same streams: they share, take over, end in order, and bound."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from quarantine.arrivals import Arrival, Taken
from service import reclaim
from service.appetite import Appetite
from service.bus import GROUP
from service.door import Fields
from service.streams import BATCH
from tests.faults import dying
from tests.faults.dying import Fate
from tests.faults.traffic import Traffic, traffic
from tests.producing import PATIENCE_S, Site, event, until


def _consumers(site: Site, stream: str) -> list[str]:
    found: Any = site.client.xinfo_consumers(stream, GROUP)
    return sorted(each["name"].decode() for each in found)


async def _killed_at_work(doomed: ForkServerProcess, sent: Sequence[Traffic]) -> None:
    """Publish until it was struck: others may take all that there is before it begins."""

    def struck() -> bool:
        for each in sent:
            each.publish(4)
        return not doomed.is_alive()

    await until(struck, "it is killed at work")
    assert doomed.exitcode == -signal.SIGKILL


@pytest.mark.slow
async def test_processes_share_all_streams_and_take_over_from_one_that_dies(
    either: Site, tmp_path: Path
) -> None:
    site = either
    with ExitStack() as stack:
        sent = [
            stack.enter_context(traffic(site, tmp_path, name=name))
            for name in ("app", "bot", "ctr")
        ]
        for each in sent:
            each.publish(40)
        doomed = dying.started(site, Fate("committed", 2))
        others = [dying.started(site) for _ in range(2)]
        await _killed_at_work(doomed, sent)
        for each in sent:
            await each.drained()
        for process in others:
            assert dying.told_to_end(process, PATIENCE_S) == 0
        for each in sent:
            each.judge()


@pytest.mark.slow
@pytest.mark.parametrize("point", ["read", "written", "before ack"])
async def test_a_process_told_to_end_finishes_the_batch_in_hand(
    either: Site, tmp_path: Path, point: str
) -> None:
    site = either
    with traffic(site, tmp_path) as sent:
        sent.publish(10 * BATCH)
        process = dying.started(site, Fate(point, 2, signal.SIGTERM))
        assert dying.ended(process, 2 * PATIENCE_S) == 0
        # What the bus handed out at that very moment was not begun: another process takes it over.
        waiting: Any = site.client.xpending_range(sent.stream, GROUP, "-", "+", 1000)
        left = [each["message_id"].decode() for each in waiting]
        assert site.store.taken(sent.stream, left) == set(), "taken, and not acknowledged"
        assert site.received("app") >= 2 * BATCH
        process = dying.started(site)
        await sent.drained()
        assert dying.told_to_end(process, PATIENCE_S) == 0
        sent.judge()


async def test_a_slow_store_keeps_no_more_in_hand_than_one_read_a_stream(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = site.register("app")
    for number in range(10 * BATCH):
        sender.say(event(number))
    take, open_gate, most = site.store.take, asyncio.Event(), 0
    loop = asyncio.get_running_loop()

    def slow(arrivals: list[Arrival]) -> Taken:
        nonlocal most
        most = max(most, site.waiting(sender.stream))
        asyncio.run_coroutine_threadsafe(open_gate.wait(), loop).result(PATIENCE_S)
        return take(arrivals)

    monkeypatch.setattr(site.store, "take", slow)
    async with site.taking_in(site.intake(idle_ms=60_000)):
        await until(lambda: most > 0, "it has read")
        in_hand = [site.waiting(sender.stream) for _ in range(50)]
        open_gate.set()
        await until(lambda: site.received("app") == 10 * BATCH)
    assert max(most, *in_hand) <= BATCH


async def test_of_large_entries_of_many_streams_no_more_is_in_hand_than_the_budget(
    site: Site,
) -> None:
    senders = [site.register(f"app-{number}") for number in range(5)]
    large = [event(f"{n}", item="x" * 60_000) for n in range(2)]
    for sender in senders:
        for number in range(15):
            sender.say(*[{**each, "id": f"{number}-{each['id']}"} for each in large])
    intake = site.intake(idle_ms=60_000)
    appetite = Appetite(BATCH, budget=2_000_000)
    intake._streams.appetite = appetite
    reads: list[int] = []
    take = intake.door.take

    def watched(stream: str, entries: Sequence[tuple[str, Fields]]) -> Taken:
        reads.append(len(entries))
        return take(stream, entries)

    intake.door = SimpleNamespace(  # type: ignore[assignment]  # the door, watched
        take=watched,
        producers=intake.door.producers,
        store=site.store,
        watched=intake.door.watched,
    )
    async with site.taking_in(intake):
        await until(lambda: all(site.received(sender.name) == 15 for sender in senders))
    # Five streams share two megabytes: of unknown entries one, of these (0.12 MB) three at once.
    assert reads[0] == 1
    assert max(reads[-10:]) <= 3
    assert sum(reads) == 75


async def test_consumers_long_gone_leave_the_group_and_those_with_entries_stay(
    site: Site,
) -> None:
    sender = site.register("app")
    sender.say(event(1))
    stream = sender.stream
    site.client.xgroup_create(stream, GROUP, id="0")
    site.client.xreadgroup(GROUP, "holds one", {stream: ">"}, count=1)
    for name in ("gone", "me"):
        site.client.xgroup_createconsumer(stream, GROUP, name)
    await until(lambda: _idle(site, stream) > 24, "they are idle")
    reclaim.forget_dead(site.client, stream, "me", idle_ms=60_000)
    assert _consumers(site, stream) == ["gone", "holds one", "me"]
    reclaim.forget_dead(site.client, stream, "me", idle_ms=1)
    assert _consumers(site, stream) == ["holds one", "me"]


async def test_a_consumer_that_wakes_as_it_is_forgotten_loses_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = site.register("app")
    sender.say(event(1))
    stream = sender.stream
    site.client.xgroup_create(stream, GROUP, id="0")
    site.client.xgroup_createconsumer(stream, GROUP, "sleeper")
    look = site.client.xinfo_consumers

    def late(*given: Any) -> Any:
        found = look(*given)
        site.client.xreadgroup(GROUP, "sleeper", {stream: ">"}, count=1)
        return [{**each, "idle": 10**9} for each in found]

    monkeypatch.setattr(site.client, "xinfo_consumers", late)
    reclaim.forget_dead(site.client, stream, "me", idle_ms=1)
    monkeypatch.undo()
    async with site.taking_in():
        await until(lambda: site.received("app") == 1, "it is given out again")


def _idle(site: Site, stream: str) -> int:
    found: Any = site.client.xinfo_consumers(stream, GROUP)
    return min(each["idle"] for each in found)


def test_a_stream_is_named_such_that_all_of_it_is_in_one_slot() -> None:
    crc = redis.crc.key_slot
    names = [f"feedback:in:{name}" for name in ("app", "bot", "ctr", "web")]
    assert len({crc(name.encode()) for name in names}) > 1, "streams spread over a cluster"
