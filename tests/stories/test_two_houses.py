"""Two of everything on one store: they share the work, and one goes on when the other dies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from service import stores, wiring
from service.bus import GROUP
from service.embedded import EmbeddedBus
from service.lease import LASTS
from service.reconcile import status
from service.settings import State
from tests.places import STORES, Places
from tests.producing import Sender, Site, event

QUARANTINE = Path(sys.executable).parent / "quarantine"
DEADLINE_S = 120 + LASTS.total_seconds()


@pytest.fixture(params=sorted(STORES))
def states(request: pytest.FixtureRequest, state: State, places: Places) -> tuple[State, State]:
    """Return two houses of one store: two machines of a database, or one directory twice."""
    place = places.new(request.param).location
    if not stores.is_url(place):
        return state, state
    stores.choose(state, place)
    other = State(state.root.with_name("other"))
    shutil.copytree(state.root, other.root)
    return state, other


@pytest.fixture
def houses(
    states: tuple[State, State], bus: EmbeddedBus
) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    with _up(states[0], bus) as first, _up(states[1], bus) as second:
        yield first, second


@contextmanager
def _up(state: State, bus: EmbeddedBus) -> Iterator[subprocess.Popen[bytes]]:
    words = [str(QUARANTINE), "up", "--state", str(state.root), "--bus", bus.url]
    with subprocess.Popen([*words, "--allow-volatile"], start_new_session=True) as running:
        try:
            yield running
        finally:
            _killed(running)


def _killed(house: subprocess.Popen[bytes]) -> None:
    """End a house as a machine ends that loses its power: all its processes, at once."""
    if house.poll() is None:
        os.killpg(house.pid, signal.SIGKILL)
    house.wait()


def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, f"never came to hold: {what}"
        time.sleep(0.05)


def _speak(senders: Sequence[Sender], numbers: range) -> None:
    for number in numbers:
        for sender in senders:
            sender.say(event(number, source=f"rater/{number % 7}"))


def _consumers(site: Site, sender: Sender) -> int:
    try:
        found: Any = site.client.xinfo_consumers(sender.stream, GROUP)
    except redis.ResponseError:
        return 0  # there is no group yet
    return len(found)


def _told(state: State) -> int:
    return int(state.told.read_text()) if state.told.exists() else 0


@pytest.mark.slow
def test_two_houses_of_one_store_share_the_work_and_one_goes_on_alone(
    states: tuple[State, State],
    houses: Sequence[subprocess.Popen[bytes]],
    bus: EmbeddedBus,
    tmp_path: Path,
) -> None:
    with wiring.open_store(states[0]) as store:
        site = Site(states[0], bus.url, store, tmp_path)
        senders = [site.register(name) for name in ("app", "bot", "ctr")]
        _speak(senders, range(20))
        until(lambda: all(_consumers(site, each) == 2 for each in senders), "both take in")
        until(lambda: all(site.received(each.name) == 20 for each in senders), "all is held")
        until(lambda: store.judged_size() >= store.size() - 3, "it is judged")
        _killed(houses[0])
        site.register("dot")
        newest = max(logged.index for logged in store.acts())
        _speak(senders, range(20, 40))
        until(lambda: all(site.received(each.name) == 40 for each in senders), "the rest is held")
        until(lambda: all(site.waiting(each.stream) == 0 for each in senders), "nothing waits")
        size = store.size()
        until(lambda: store.judged_size() >= size, "the other judges")
        until(lambda: _told(states[1]) > newest, "the other tells the bus")
        document: Any = status(store, bus.url, open_requests=0)
        for each in senders:
            assert document["producers"][each.name] == {
                "entries": {"added": 40, "received": 40, "lost": 0, "pending": 0},
                "events": {"received": 40, "stored": 40, "duplicates": 0, "dead_lettered": 0},
                "gap": 0,
            }
        houses[1].terminate()
        assert houses[1].wait(DEADLINE_S) == 0
        assert list(store.verify()) == []
        site.client.close()
