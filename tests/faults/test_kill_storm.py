"""SIGKILL, again and again, while a producer publishes: nothing is lost and nothing held twice."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.producer import Publisher
from service.reconcile import status
from tests.faults.checker import complaints
from tests.producing import PATIENCE_S, Site, batch_of, event, until

EVENTS = 50_000
BATCH = 5
MALFORMED = 500
"""One event in so many."""
KILLS = 10
KILLS_IN_A_SOAK = 200
EVENTS_A_SECOND = 5_000
SEED = 20


def _started(site: Site) -> subprocess.Popen[bytes]:
    role = (sys.executable, "-m", "service.roles.intake", "--idle-ms", "1000")
    return subprocess.Popen([*role, "--state", str(site.state.root), "--bus", site.url])


@pytest.fixture
def last() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Hold the process that finishes what the storm left, and end it where it did not end."""
    held: list[subprocess.Popen[bytes]] = []
    yield held
    for process in held:
        process.kill()
        process.wait()


def _killed_at_work(site: Site, stream: str, after_s: float) -> int:
    """Start an intake process, wait until it takes something in, kill it a little later.

    Return how many entries it left unfinished.
    """
    before = site.received("app")
    process = _started(site)
    deadline = time.monotonic() + PATIENCE_S
    while site.received("app") == before:
        assert process.poll() is None, f"intake ended with {process.returncode}"
        assert time.monotonic() < deadline, "intake took nothing in"
        time.sleep(0.005)
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return site.waiting(stream)


async def _drained(site: Site, entries: int) -> None:
    """Wait until all is received: however much is left, as long as it becomes less."""
    while (before := site.received("app")) < entries:
        await until(lambda before=before: site.received("app") > before, "more is received")


class Saying:
    """Events without end, until enough were said and it is told to stop."""

    def __init__(self) -> None:
        self.said = 0
        self.enough = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        bad = {"data": {"value": "x", "low": 1, "high": 5}}
        while self.said < EVENTS or not self.enough.is_set():
            for n in range(self.said, self.said + MALFORMED):
                changed = bad if n % MALFORMED == 0 else {}
                yield batch_of([event(n, source=f"rater/{n % 97}", **changed)])[1:-1]
            self.said += MALFORMED


@pytest.mark.slow
async def test_a_storm_of_kills_while_fifty_thousand_events_are_published_loses_none(
    site: Site,
    tmp_path: Path,
    last: list[subprocess.Popen[bytes]],
    say: Callable[[str], None],
    *,
    soak: bool,
) -> None:
    app = site.register("app")
    events = Saying()
    ledger = tmp_path / "ledger.jsonl"
    chance = random.Random(SEED)
    with Publisher(site.url, "app", app.key, ledger) as publisher:
        publishing = asyncio.create_task(
            asyncio.to_thread(
                publisher.publish,
                events,
                batch=BATCH,
                rate=EVENTS_A_SECOND,
            )
        )
        left = [
            await asyncio.to_thread(_killed_at_work, site, app.stream, chance.uniform(0.02, 0.4))
            for _ in range(KILLS_IN_A_SOAK if soak else KILLS)
        ]
        events.enough.set()
        last.append(_started(site))
        sent = await publishing
    assert sum(left) > 0, "no kill struck at work: this test has shown nothing"
    assert sent == (events.said, events.said // BATCH, events.said // BATCH)
    await _drained(site, sent.entries)
    await until(lambda: site.waiting(app.stream) == 0)
    last[0].terminate()
    assert last[0].wait(PATIENCE_S) == 0

    assert status(site.store, site.url, open_requests=0)["producers"] == {
        "app": {
            "entries": {
                "added": sent.entries,
                "received": sent.entries,
                "lost": 0,
                "pending": 0,
            },
            "events": {
                "received": events.said,
                "stored": events.said - events.said // MALFORMED,
                "duplicates": 0,
                "dead_lettered": events.said // MALFORMED,
            },
            "gap": 0,
        }
    }
    assert complaints(ledger, site.state.store, "app") == []
    assert list(site.store.verify()) == []
    say(f"{len(left)} kills in a storm, {sum(left)} entries struck, {events.said} events")
