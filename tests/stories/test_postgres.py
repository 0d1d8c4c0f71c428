"""A house whose store is a PostgreSQL: it is named by URL, and nothing else changes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from quarantine.arrivals import Arrival
from quarantine.envelope import read
from quarantine.errors import UsageError
from quarantine.model import to_micros
from service import stores, wiring
from service.backup import back_up, restore
from service.settings import State
from tests.holding import entry
from tests.places import Places
from tests.room import body
from tests.shell import Shell
from tests.stories.test_command_line import write_ratings

QUARANTINE = Path(sys.executable).parent / "quarantine"
DEADLINE_S = 120
AT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def url(places: Places) -> str:
    return places.new("postgres").location


@dataclass
class House:
    """People with their keys, who use the commands on one state directory."""

    root: Path

    def run(self, *words: str) -> Any:
        """Run a command; return its document."""
        told = Shell(self.root / "state").run(*words, "--json")
        assert told.code == 0, (words, told)
        return json.loads(told.out) if told.out else None

    def signed(self, name: str) -> list[str]:
        return ["--as", name, "--sign", str(self.root / f"{name}.pem")]

    def vote(self, request: str, name: str) -> None:
        self.run("approve", request, *self.signed(name), "--because", "looked at it")

    def until(self, what: Callable[[dict[str, Any]], object]) -> None:
        """Poll `status` until it says what is waited for."""
        deadline = time.monotonic() + DEADLINE_S
        while not what(found := self.run("status")):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)


@pytest.mark.slow
def test_the_whole_line_runs_on_a_store_that_up_was_given_by_url(url: str, tmp_path: Path) -> None:
    house = House(tmp_path)
    (tmp_path / "state").mkdir(mode=0o700)
    demo = resources.files("approvals.policies") / "demo.toml"
    (tmp_path / "state" / "policy.toml").write_bytes(demo.read_bytes())
    words = ["up", "--store", url, "--state", str(tmp_path / "state")]
    up = subprocess.Popen([str(QUARANTINE), *words], stderr=subprocess.DEVNULL)
    try:
        _until((tmp_path / "state" / "bus" / "address").exists)
        _people(house)
        _held(house)
        _left(house)
        assert house.run("status")["producers"]["app"]["gap"] == 0
        assert house.run("config")["store"] == url
        up.send_signal(signal.SIGTERM)
        assert up.wait(DEADLINE_S) == 0
    finally:
        up.kill()
        up.wait()
    assert not (tmp_path / "state" / "store.db").exists()


def _people(house: House) -> None:
    for name in ("app", "ana", "ben", "cam"):
        house.run("keys", "new", str(house.root / f"{name}.pem"))
    key = str(house.root / "app.pem.pub")
    house.run("producer", "add", "app", "--key", key, "--scope", "helpful")
    for name in ("ana", "ben", "cam"):
        key = str(house.root / f"{name}.pem.pub")
        house.run("reviewer", "add", name, "--person", f"{name}@example.org", "--key", key)


def _held(house: House) -> None:
    ratings = house.root / "ratings.csv"
    sent = write_ratings(ratings)
    signed = ["--producer", "app", "--sign", str(house.root / "app.pem"), "--scope", "helpful"]
    house.run("publish", str(ratings), *signed)
    house.until(lambda now: now["producers"]["app"]["events"]["stored"] == sent)
    house.until(lambda now: now["last_scoring_at"])
    _until(lambda: len(house.run("sources", "list", "--limit", "100")) == 60)


def _left(house: House) -> None:
    asked = ["--scope", "helpful", "--kind", "rating", *house.signed("ana")]
    request = house.run("request", "make", *asked)["request"]
    for name in ("ben", "cam"):
        house.vote(request, name)
    release = str(house.root / "release")
    assert house.run("release", "make", request, "--out", release)["rows"] > 0
    trust = str(house.root / "state" / "trust.toml")
    house.run("release", "verify", release, "--trust", trust)
    house.run("audit", "verify")


def _until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_directory_that_has_a_store_is_not_given_another_by_a_word(
    url: str, tmp_path: Path
) -> None:
    state = State(tmp_path / "state")
    wiring.open_store(state).close()
    with pytest.raises(UsageError, match="has a store already"):
        stores.choose(state, url)
    assert stores.location(state) == str(state.store)


def test_a_password_is_not_written_down(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    with pytest.raises(UsageError, match="passfile"):
        stores.choose(state, "postgresql://keeper:secret@db/quarantine")
    assert not state.elsewhere.exists()
    assert "secret" not in stores.shown("postgresql://keeper:secret@db/quarantine")


def test_what_is_no_store_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no store"):
        stores.choose(State(tmp_path), "mysql://db/quarantine")


def rated(number: int, source: str) -> Arrival:
    at = to_micros(AT)
    event = read(body(source, f"e{number}", "answer/1"), position=0, arrived=at)
    return replace(entry(number, event, digest=b"%d" % number), arrived=at)


@pytest.mark.parametrize("back", ["postgres", "sqlite"])
def test_a_backup_of_a_database_comes_back_into_either_store(
    url: str, tmp_path: Path, places: Places, back: str
) -> None:
    state, anew = State(tmp_path / "state"), State(tmp_path / "anew")
    stores.choose(state, url)
    wiring.prepare(state)
    with wiring.open_store(state) as store:
        store.take([rated(1, "rater/1"), rated(2, "rater/2"), rated(4, "rater/1")])
        done = back_up(state, store, tmp_path / "backup", AT)
        store.take([rated(5, "rater/1")])
        wanted = (store.frontier(3).root(), list(store.held([0, 1, 2])))
    if back == "postgres":
        stores.choose(anew, places.new("postgres").location)
    assert restore(tmp_path / "backup", anew) == done
    with wiring.open_store(anew) as store:
        assert (store.frontier(3).root(), list(store.held([0, 1, 2]))) == wanted
        assert store.size() == 3
        assert list(store.verify()) == []
        assert store.spans("app") == [(1, 2), (4, 4)]


def test_the_doctor_looks_at_the_server_that_keeps_the_store(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FQ_STORE", url)
    told = Shell(tmp_path / "state").run("doctor")
    assert "keeper is a superuser" in told.out
    assert "fsync is off" in told.out, "it is, on the server of the tests"
    monkeypatch.setenv("FQ_STORE", url.replace("keeper@", "scorer@"))
    assert "superuser" not in Shell(tmp_path / "state").run("doctor").out
    monkeypatch.setenv("FQ_STORE", "postgresql://keeper@/nobody?host=/nonexistent")
    told = Shell(tmp_path / "state").run("doctor")
    assert (told.code, "start it, or mend its address" in told.out) == (1, True)


@pytest.mark.parametrize("words", [["demo"], ["redteam"]])
def test_what_makes_up_feedback_does_so_in_no_store_that_is_in_use(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("FQ_STORE", url)
    told = Shell(tmp_path / "state").run(*words)
    assert (told.code, "run it without FQ_STORE" in told.err) == (2, True), told
    with wiring.open_store(State(tmp_path / "state")) as store:
        assert store.size() == 0
