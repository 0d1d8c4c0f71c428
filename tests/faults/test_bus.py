"""The bus dies, is emptied, or is put back: what is lost is told with its number, no more is."""

from __future__ import annotations

import asyncio
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from approvals.mishaps import LossReported, StreamReset
from service import embedded, wiring
from service.bus import GROUP, NOTICES
from service.embedded import EmbeddedBus
from service.settings import State
from service.telling import Telling
from tests.faults import dying
from tests.faults.traffic import Traffic, traffic
from tests.producing import PATIENCE_S, Site, until


class Mortal:
    """A bus that a test can kill, stop, put back and start again, at the same address."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.running = embedded.start(directory)

    def kill(self) -> None:
        assert self.running.process is not None
        self.running.process.send_signal(signal.SIGKILL)
        self.running.process.wait()

    def start(self) -> None:
        self.running = embedded.start(self.directory)

    def keep(self, copy: Path) -> None:
        """Keep a copy of the bus as it is now."""
        self.running.close()
        shutil.copytree(self.directory, copy, ignore=_sockets)
        self.start()

    def put_back(self, copy: Path) -> None:
        self.running.close()
        shutil.rmtree(self.directory)
        shutil.copytree(copy, self.directory)
        self.start()


def _sockets(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".sock")]


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Mortal]:
    made = Mortal(tmp_path / "bus")
    yield made
    made.running.close()


@pytest.fixture
def bus(mortal: Mortal) -> EmbeddedBus:
    return mortal.running


@pytest.fixture
def sent(site: Site, tmp_path: Path) -> Iterator[Traffic]:
    with traffic(site, tmp_path) as made:
        yield made


async def _taken_in(site: Site, sent: Traffic) -> None:
    process = dying.started(site)
    await sent.drained()
    assert dying.told_to_end(process, PATIENCE_S) == 0


def _told(site: Site, kind: str) -> int:
    return sum(logged.act.kind == kind for logged in site.store.acts())


@pytest.mark.slow
async def test_t4_a_bus_that_was_killed_comes_back_with_all_that_it_acknowledged(
    site: Site, mortal: Mortal, sent: Traffic, *, soak: bool
) -> None:
    process = dying.started(site)
    for _ in range(20 if soak else 1):
        before, struck = site.received("app"), threading.Event()
        publishing = asyncio.create_task(asyncio.to_thread(sent.publish_until, struck, rate=2000))
        try:
            await until(lambda before=before: site.received("app") > before, "it works again")
            mortal.kill()
            mortal.start()
        finally:
            struck.set()
        await publishing
        await sent.drained()
    assert dying.told_to_end(process, PATIENCE_S) == 0
    assert _told(site, StreamReset.act) == 0
    counted = sent.entries_counted()
    # An answer that the kill swallowed makes the producer send the entry again: it counts twice
    # as an entry, once as a duplicate, and its events once.
    assert counted["added"] == counted["received"] >= sent.entries
    assert (counted["lost"], counted["pending"], counted["gap"]) == (0, 0, 0)
    assert site.store.counts()["app"].stored == sent.events - sent.malformed
    sent.judge_events()


async def test_a_bus_that_goes_away_is_told_in_a_line_and_not_in_a_trace(
    site: Site, mortal: Mortal, sent: Traffic, caplog: pytest.LogCaptureFixture
) -> None:
    sent.publish(1)
    async with site.taking_in():
        await sent.drained()
        mortal.kill()
        # Which words tell it depends on what was under way: a read, or a new connection.
        told = ("Connection closed", "connecting to", "writing to socket")
        await until(lambda: any(each in caplog.text for each in told), "it is told")
        mortal.start()
        await until(site.client.ping, "it is back")
    assert "Traceback" not in caplog.text
    assert {record.levelname for record in caplog.records} == {"WARNING"}


async def test_t5_an_older_bus_put_back_loses_what_was_not_read_and_doubles_nothing(
    site: Site, mortal: Mortal, sent: Traffic, tmp_path: Path
) -> None:
    sent.publish(12)
    await _taken_in(site, sent)
    sent.publish(4)
    mortal.keep(tmp_path / "older")
    await _taken_in(site, sent)
    sent.publish(6)
    await _taken_in(site, sent)
    sent.publish(5)
    assert sent.entries_counted()["pending"] == 5
    mortal.put_back(tmp_path / "older")
    assert sent.entries_counted()["added"] == 27, "what the older bus has is counted"
    sent.publish(3)
    process = dying.started(site)
    whole = {"added": 30, "received": 25, "lost": 5, "pending": 0, "gap": 0}
    await until(lambda: sent.entries_counted() == whole, "the loss is reported")
    await until(lambda: site.waiting(sent.stream) == 0, "nothing waits")
    assert dying.told_to_end(process, PATIENCE_S) == 0
    assert sent.entries_counted() == whole
    assert _told(site, StreamReset.act) == 1
    assert _told(site, LossReported.act) == 1
    assert site.store.counts()["app"].duplicates == 0


async def test_t6_an_emptied_bus_is_told_and_what_was_unread_is_lost_by_count(
    site: Site, sent: Traffic
) -> None:
    sent.publish(7)
    await _taken_in(site, sent)
    sent.publish(3)
    assert sent.entries_counted()["pending"] == 3
    site.client.flushall()
    assert sent.entries_counted()["gap"] == 3
    process = dying.started(site)
    await until(lambda: sent.entries_counted()["lost"] == 3, "no later number shows it")
    sent.publish(4)
    await until(lambda: site.received("app") == 11)
    assert dying.told_to_end(process, PATIENCE_S) == 0
    assert sent.entries_counted() == {
        "added": 14,
        "received": 11,
        "lost": 3,
        "pending": 0,
        "gap": 0,
    }
    Telling(site.store, site.state.told).once(site.client)
    kinds = [fields[b"event"] for _, fields in site.client.xrange(NOTICES)]
    assert sum(b"stream-reset" in kind for kind in kinds) == 1
    assert sum(b"loss-detected" in kind for kind in kinds) == 1


async def test_a_bus_that_is_emptied_while_intake_reads_it_is_read_on(
    site: Site, sent: Traffic
) -> None:
    process = dying.started(site)
    sent.publish(5)
    await sent.drained()
    site.client.flushall()
    sent.publish(5)
    await sent.drained()
    await until(lambda: _told(site, StreamReset.act) == 1, "the new life is told")
    assert dying.told_to_end(process, PATIENCE_S) == 0
    sent.judge()


async def test_a_group_beyond_the_end_of_its_stream_is_set_back_and_skips_nothing(
    site: Site, sent: Traffic
) -> None:
    sent.publish(5)
    await _taken_in(site, sent)
    site.client.xgroup_setid(sent.stream, GROUP, "18446744073709551615-18446744073709551615")
    sent.publish(5)
    await _taken_in(site, sent)
    sent.judge()


def test_a_state_directory_without_a_bus_is_no_loss(state: State) -> None:
    with wiring.open_store(state) as store:
        assert store.lives() == {}
