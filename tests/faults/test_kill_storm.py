"""SIGKILL, again and again, while a producer publishes: nothing is lost and nothing held twice."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
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
EVENTS_A_SECOND = 5_000
SEED = 20


def _started(site: Site) -> subprocess.Popen[bytes]:
    role = (sys.executable, "-m", "service.roles.intake", "--idle-ms", "1000")
    return subprocess.Popen([*role, "--state", str(site.state.root), "--bus", site.url])


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


@pytest.mark.slow
async def test_ten_kills_while_fifty_thousand_events_are_published_lose_none(
    site: Site, tmp_path: Path
) -> None:
    app = site.register("app")
    bad = {"value": "x", "low": 1, "high": 5}
    events = [
        batch_of(
            [event(n, source=f"rater/{n % 97}", **({"data": bad} if n % MALFORMED == 0 else {}))]
        )
        for n in range(EVENTS)
    ]
    ledger = tmp_path / "ledger.jsonl"
    chance = random.Random(SEED)
    with Publisher(site.url, "app", app.key, ledger) as publisher:
        publishing = asyncio.create_task(
            asyncio.to_thread(
                publisher.publish,
                [each[1:-1] for each in events],
                batch=BATCH,
                rate=EVENTS_A_SECOND,
            )
        )
        left = [
            await asyncio.to_thread(_killed_at_work, site, app.stream, chance.uniform(0.02, 0.4))
            for _ in range(KILLS)
        ]
        last = _started(site)
        sent = await publishing
    assert sum(left) > 0, "no kill struck at work: this test has shown nothing"
    assert sent == (EVENTS, EVENTS // BATCH, EVENTS // BATCH)
    await until(lambda: site.received("app") == sent.entries)
    await until(lambda: site.waiting(app.stream) == 0)
    last.terminate()
    assert last.wait(PATIENCE_S) == 0

    assert status(site.store, site.url, open_requests=0)["producers"] == {
        "app": {
            "entries": {
                "added": sent.entries,
                "received": sent.entries,
                "lost": 0,
                "pending": 0,
            },
            "events": {
                "received": EVENTS,
                "stored": EVENTS - EVENTS // MALFORMED,
                "duplicates": 0,
                "dead_lettered": EVENTS // MALFORMED,
            },
            "gap": 0,
        }
    }
    assert complaints(ledger, site.state.store, "app") == []
    assert list(site.store.verify()) == []
