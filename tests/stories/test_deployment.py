"""What compose.yaml puts together, without its containers: real servers, users, roles and homes."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from approvals.signers.file import new_key
from service.embedded import server_binary
from tests.faults.asking import free_place
from tests.postgres import Server

PROJECT = Path(__file__).parents[2]
QUARANTINE = str(Path(sys.executable).parent / "quarantine")
DEADLINE_S = 120
ROLES = {
    "intake-1": "intake",
    "intake-2": "intake",
    "scoring": "scoring",
    "releasing": "releasing",
    "witness": "witness",
}


@dataclass
class House:
    """Homes that were prepared, a bus with their users, a database with their roles."""

    place: Path
    bus: str
    database: str
    homes: dict[str, tuple[str, str, str]]

    def environment(self, home: str) -> dict[str, str]:
        """Return what compose.yaml sets in the container of a home."""
        _, user, role = self.homes[home]
        known = {name: value for name, value in os.environ.items() if not name.startswith("FQ_")}
        as_role = urlunsplit(urlsplit(self.database)._replace(netloc=f"{role}@"))
        store = self.database if home == "owner" else as_role
        known |= {"QUARANTINE_STATE": str(self.place / home), "FQ_STORE": store}
        known |= {"FQ_WITNESS": str(self.place / "remembered")}
        if user:
            known["FQ_BUS"] = f"redis://{user}@{self.bus}"
            known["FQ_BUS_PASSWORD_FILE"] = str(self.place / home / "bus-password")
        return known

    def run(self, home: str, *words: str, **more: str) -> Any:
        """Run a command at a home; return its document."""
        done = subprocess.run(
            [QUARANTINE, *words, "--json"],
            env={**self.environment(home), **more},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (words, done.stderr)
        return json.loads(done.stdout)


@pytest.fixture
def house(tmp_path: Path, postgres: Server) -> Iterator[House]:
    script = runpy.run_path(str(PROJECT / "examples" / "deploy" / "prepare.py"))
    place = tmp_path / "house"
    place.mkdir(mode=0o700)
    script["prepare"](place, ["app"])
    bus = free_place()
    words = [str(server_binary()), "--port", bus.rpartition(":")[2], "--bind", "127.0.0.1"]
    words += ["--dir", str(tmp_path), "--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    words += ["--aclfile", str(place / "redis" / "users.acl")]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server:
        try:
            yield House(place, bus, postgres.new(), script["HOMES"])
        finally:
            server.kill()


@pytest.mark.slow
def test_each_role_does_its_part_from_its_own_home_and_with_its_own_rights(house: House) -> None:
    assert house.run("owner", "audit", "verify")["rows"] == 0, "the owner makes the tables"
    key = house.place / "app.pem"
    new_key(key)
    house.run("operator", "producer", "add", "app", "--key", f"{key}.pub", "--scope", "helpful")
    words = ("--person", "ana@example.org", "--key", f"{key}.pub")
    house.run("operator", "reviewer", "add", "ana", *words)
    assert not (house.place / "operator" / "trust.toml").exists(), "releasing has the key to it"
    running = [
        subprocess.Popen([QUARANTINE, "up", "--only", role], env=house.environment(home))
        for home, role in ROLES.items()
    ]
    try:
        _published(house, key)
        _until_all_did_theirs(house, running)
    finally:
        for each in running:
            each.terminate()
        ended = [each.wait(DEADLINE_S) for each in running]
    assert ended == [0] * len(ROLES)
    for home in ROLES:
        kept = {each.name for each in (house.place / home / "keys").glob("*.pem")}
        assert kept == ({f"{house.homes[home][0]}.pem"} - {".pem"}), "no role has another's key"
    report = house.run("operator", "audit", "verify")
    assert report["problems"] == []


def _published(house: House, key: Path) -> None:
    """Publish a hundred ratings as the producer would, with its own password."""
    ratings = house.place / "ratings.csv"
    rows = [f"rater/{who},answer/{what},,4,1,5\n" for who in range(10) for what in range(10)]
    ratings.write_text("source,target,time,value,low,high\n" + "".join(rows))
    words = ["publish", str(ratings), "--producer", "app", "--sign", str(key)]
    secret = house.place / "producers" / "app.bus-password"
    sent = house.run(
        "operator",
        *(*words, "--scope", "helpful", "--batch", "20"),
        QUARANTINE_STATE=str(house.place / "producer"),
        FQ_BUS=f"redis://app@{house.bus}",
        FQ_BUS_PASSWORD_FILE=str(secret),
    )
    assert sent["acknowledged"] == 5


def _until_all_did_theirs(house: House, running: list[subprocess.Popen[bytes]]) -> None:
    """Wait until what was published is held, signed, remembered by the witness, and scored."""
    deadline = time.monotonic() + DEADLINE_S
    while _remembered(house) <= 100:
        assert [each.poll() for each in running] == [None] * len(running)
        assert time.monotonic() < deadline
        time.sleep(0.1)
    while not (found := house.run("operator", "status"))["last_scoring_at"]:
        assert time.monotonic() < deadline
    app = found["producers"]["app"]
    assert (app["events"]["stored"], app["gap"]) == (100, 0)
    assert "ana" in (house.place / "releasing" / "trust.toml").read_text()


def _remembered(house: House) -> int:
    """Return how many rows the witness remembers."""
    note = house.place / "remembered"
    return int(note.read_text().split("\n")[1]) if note.exists() else 0
