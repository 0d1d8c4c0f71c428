"""Faults of a store in PostgreSQL: killed clients, cut connections, several writers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from quarantine.arrivals import Taken
from quarantine.errors import TamperedError, UnavailableError
from quarantine.log import root_of
from quarantine.model import Act
from quarantine.ports import Store
from quarantine.stores.postgres import STORE
from service import stores, wiring
from service.embedded import EmbeddedBus
from service.settings import State
from tests.holding import entry, said
from tests.postgres import Server
from tests.producing import Sender, Site, event

DYING = """
import os, signal, sys
import psycopg
execute, left = psycopg.Connection.execute, int(sys.argv[2])

def mortal(self, *given, **named):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(self, *given, **named)

psycopg.Connection.execute = mortal
from quarantine.stores.postgres import STORE
from tests.faults.working import at_work
with STORE(sys.argv[1]) as store:
    at_work(store, sys.argv[3])
"""
WRITING = """
import sys
from quarantine.model import Act
from quarantine.stores.postgres import STORE
from tests.holding import entry, said
with STORE(sys.argv[1]) as store:
    for n in range(int(sys.argv[2]), int(sys.argv[2]) + 20):
        store.take([entry(n, said(f"e{n}", source=f"rater/{n % 5}"), said("same"))])
        store.record([Act("tried", n, b"z")])
"""


def dies(url: str, at: int, what: str) -> bool:
    """Run a process that dies before its n-th statement; say whether it did."""
    command = [sys.executable, "-c", DYING, url, str(at), what]
    code = subprocess.run(command, check=False).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


@pytest.mark.slow
def test_t22_a_schema_that_was_being_made_is_finished_by_the_next(
    postgres: Server, say: Callable[[str], None], *, soak: bool
) -> None:
    step, kills, stride = 1, 0, 1 if soak else 6
    while dies(url := postgres.new(), step, "nothing"):
        kills, step = kills + 1, step + stride
        with STORE(url) as store:
            assert store.take([entry(1, said("a"))]).stored == 1
            assert list(store.verify()) == []
    assert kills >= 3
    say(f"{kills} kills while a schema was made")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["take", "judge", "lost"])
def test_what_a_killed_process_was_doing_is_whole_or_not_there(
    postgres: Server, what: str, say: Callable[[str], None], *, soak: bool
) -> None:
    url = postgres.new()
    with STORE(url) as store:
        store.take([entry(9, said("before"))])
        whole = store.size()
    step, kills, stride = 8, 0, 1 if soak else 5
    while dies(url, step, what):
        kills, step = kills + 1, step + stride
        with STORE(url) as store:
            assert store.size() in (whole, whole + 120, whole + 1)
            assert list(store.verify()) == []
    assert kills >= 2
    with STORE(url) as store:
        if what == "take":
            assert store.counts()["app"].stored == 121
            assert store.spans("app") == [(1, 2), (4, 4), (9, 9)]
        assert list(store.verify()) == []
    say(f"{kills} kills during {what}")


def test_a_connection_that_was_cut_is_told_and_made_anew(postgres: Server) -> None:
    url = postgres.new()
    with STORE(url) as store:
        store.take([entry(1, said("a"))])
        _cut(postgres, url)
        with pytest.raises(UnavailableError):
            store.take([entry(2, said("b"))])
        assert store.take([entry(2, said("b"))]) == Taken(1, 0, [])
        _cut(postgres, url)
        with pytest.raises(UnavailableError):
            store.size()
        assert store.size() == 2
        assert list(store.verify()) == []


def test_a_connection_that_is_cut_inside_a_transaction_leaves_nothing(postgres: Server) -> None:
    url = postgres.new()
    with STORE(url) as store:
        store.take([entry(1, said("a"))])
        with pytest.raises(UnavailableError):
            store.record([Act("tried", 1, b"x")], require=lambda: _cut(postgres, url))
        assert store.record([Act("tried", 2, b"y")]) == [1]
        assert [logged.act.at for logged in store.acts()] == [2]
        assert list(store.verify()) == []


def _cut(postgres: Server, url: str) -> None:
    name = url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        assert admin.execute(query, (name,)).fetchall()


@pytest.mark.slow
def test_processes_that_write_at_once_make_one_log(postgres: Server) -> None:
    url = postgres.new()

    def run(start: int) -> int:
        command = [sys.executable, "-c", WRITING, url, str(start)]
        return subprocess.run(command, check=False).returncode

    with ThreadPoolExecutor(3) as pool:  # the schema is made by all of them, too
        assert [*pool.map(run, (1, 101, 201))] == [0, 0, 0]
    with STORE(url) as store:
        assert store.size() == 60 + 1 + 60
        assert store.frontier(121).root() == root_of(store.leaves(0, 121))
        assert store.counts()["app"].duplicates == 59
        assert store.spans("app") == [(1, 20), (101, 120), (201, 220)]
        assert list(store.verify()) == []


def test_an_edited_past_and_a_newer_schema_are_refused(postgres: Server) -> None:
    url = postgres.new()
    STORE(url).close()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("UPDATE migration SET digest = 'other'")
        with pytest.raises(TamperedError, match="is not the one that was applied"):
            STORE(url)
        admin.execute("INSERT INTO migration VALUES (99, 'later', 'x')")
        with pytest.raises(TamperedError, match="newer program"):
            STORE(url)


TAMPERINGS = {
    "a body": ("UPDATE event SET body = '{}' WHERE idx = 4", "row 4"),
    "an arrival": ("UPDATE event SET arrived = arrived + 1 WHERE idx = 4", "row 4"),
    "a leaf": ("UPDATE event SET leaf = decode(repeat('00', 32), 'hex') WHERE idx = 4", "row 4"),
    "an act": ("UPDATE act SET body = 'other' WHERE idx = 300", "row 300"),
    "a missing event": ("DELETE FROM event WHERE idx = 4", "row 4"),
    "a missing late event": ("DELETE FROM event WHERE idx = 290", "row 290"),
    "a figure": ("UPDATE tally SET stored = 1", "figures of app"),
    "a partition": ("DROP TABLE event_0", "row 0"),
}


@pytest.mark.parametrize("what", sorted(TAMPERINGS))
def test_what_an_owner_changes_behind_our_back_is_named(postgres: Server, what: str) -> None:
    url = postgres.new()
    statement, named = TAMPERINGS[what]
    with STORE(url) as store:
        store.take([entry(1, *(said(f"e{n}", source=f"rater/{n % 3}") for n in range(300)))])
        store.record([Act("tried", 1, b"x")])
        with psycopg.connect(url, autocommit=True) as admin:
            for table in ("event", "act"):
                admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
            admin.execute(statement.encode())
        found = list(store.verify())
    assert any(named in each for each in found), found


def intake(site: Site) -> subprocess.Popen[bytes]:
    """Start one more intake process on a site; entries that another left are soon its own."""
    command = [sys.executable, "-m", "service.roles.intake", "--state", str(site.state.root)]
    return subprocess.Popen([*command, "--bus", site.url, "--idle-ms", "300"])


@pytest.mark.slow
def test_intakes_that_are_killed_on_one_store_lose_nothing_and_count_nothing_twice(
    postgres: Server, state: State, bus: EmbeddedBus, tmp_path: Path
) -> None:
    stores.choose(state, postgres.new())
    with wiring.open_store(state) as store:
        site = Site(state, bus.url, store, tmp_path)
        senders = [site.register(name) for name in ("app", "bot")]
        running = [intake(site), intake(site)]
        try:
            for turn in range(3):
                speak(senders, range(turn * 60, turn * 60 + 60))
                wait_until(lambda turn=turn: stored(store) > 130 * turn + 20)
                running[turn % 2].send_signal(signal.SIGKILL)
                running[turn % 2].wait()
                running[turn % 2] = intake(site)
            wait_until(lambda: {site.received(each.name) for each in senders} == {180})
            wait_until(lambda: all(site.waiting(each.stream) == 0 for each in senders))
        finally:
            end(running)
            site.client.close()
        for counts in store.counts().values():
            assert (counts.received, counts.stored, counts.dead_lettered) == (360, 230, 0)
        assert list(store.verify()) == []
        assert {each.name: store.spans(each.name) for each in senders} == {
            "app": [(1, 180)],
            "bot": [(1, 180)],
        }


def speak(senders: Sequence[Sender], numbers: Iterable[int]) -> None:
    """Let each send an entry a number: one event that is new, one that is heard again and again."""
    for sender in senders:
        for number in numbers:
            sender.say(event(f"{number}-a"), event(f"{number % 50}-b"))


def end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in running:
        process.terminate()
    for process in running:
        process.wait(120)


def stored(store: Store) -> int:
    return sum(counts.stored for counts in store.counts().values())


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
