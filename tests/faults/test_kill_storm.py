"""SIGKILL, again and again, while a producer publishes: nothing is lost and nothing held twice."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from service.producer import Publisher
from service.reconcile import status
from tests.faults.checker import complaints
from tests.faults.traffic import drained
from tests.producing import PATIENCE_S, Site, batch_of, event

EVENTS = 50_000
EVENTS_A_KILL_IN_A_SOAK = 2_000
"""What is published follows the kills: else a long storm, which starts slower than a producer
publishes, would leave more behind than can ever be judged."""
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


class Saying:
    """Events, so many more each time that more are wanted, until it is told to end."""

    def __init__(self) -> None:
        self.said = 0
        self._wanted = SimpleQueue[int]()

    def more(self, events: int) -> None:
        self._wanted.put(events)

    def end(self) -> None:
        """Say what was wanted by now, and no more."""
        self._wanted.put(0)

    def __iter__(self) -> Iterator[bytes]:
        bad = {"data": {"value": "x", "low": 1, "high": 5}}
        for wanted in iter(self._wanted.get, 0):
            for n in range(self.said, self.said + wanted):
                changed = bad if n % MALFORMED == 0 else {}
                yield batch_of([event(n, source=f"rater/{n % 97}", **changed)])[1:-1]
            self.said += wanted


async def _stormed(site: Site, stream: str, events: Saying, *, kills: int, more: int) -> list[int]:
    """Kill again and again while it is published; return what each kill left unfinished."""
    chance = random.Random(SEED)
    left = []
    try:
        for _ in range(kills):
            events.more(more)
            after_s = chance.uniform(0.02, 0.4)
            left.append(await asyncio.to_thread(_killed_at_work, site, stream, after_s))
    finally:
        events.end()
    return left


@pytest.mark.slow
async def test_t1_a_storm_of_kills_while_fifty_thousand_events_are_published_loses_none(
    site: Site,
    tmp_path: Path,
    last: list[subprocess.Popen[bytes]],
    say: Callable[[str], None],
    *,
    soak: bool,
) -> None:
    app = site.register("app")
    kills, more = (KILLS_IN_A_SOAK, EVENTS_A_KILL_IN_A_SOAK) if soak else (KILLS, EVENTS // KILLS)
    events = Saying()
    ledger = tmp_path / "ledger.jsonl"
    with Publisher(site.url, "app", app.key, ledger) as publisher:
        publishing = asyncio.create_task(
            asyncio.to_thread(
                publisher.publish,
                events,
                batch=BATCH,
                rate=EVENTS_A_SECOND,
            )
        )
        left = await _stormed(site, app.stream, events, kills=kills, more=more)
        last.append(_started(site))
        sent = await publishing
    assert sum(left) > 0, "no kill struck at work: this test has shown nothing"
    assert sent == (events.said, events.said // BATCH, events.said // BATCH)
    await drained(site, "app", sent.entries)
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
