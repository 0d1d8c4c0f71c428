"""The whole line through the doors that users have: the commands, the bus, the files."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

QUARANTINE = Path(sys.executable).parent / "quarantine"
DEADLINE_S = 120


@dataclass
class House:
    """A state directory with everything running, and the people who know it."""

    root: Path

    def run(self, *words: str, code: int = 0) -> Any:
        """Run a command with `--json`; return its document, empty where it said nothing."""
        done = subprocess.run(
            [str(QUARANTINE), *words, "--state", str(self.root / "state"), "--json"],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.root,
        )
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout) if done.stdout else None

    def signed(self, name: str) -> list[str]:
        return ["--as", name, "--sign", str(self.root / f"{name}.pem")]

    def vote(self, what: str, request: str, name: str, code: int = 0) -> Any:
        return self.run(what, request, *self.signed(name), "--because", "looked at it", code=code)

    def until(self, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Poll `status` until it says what is waited for."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.run("status")
            if what(found):
                return found
            time.sleep(0.2)
        raise AssertionError(found)


def write_ratings(file: Path) -> int:
    """Sixty people rate half of twenty answers each; returns how many ratings that is."""
    rng = np.random.default_rng(3)
    liked = rng.normal(3, 1, 20)
    rows = [
        (f"rater/{person}", f"answer/{item}", int(np.clip(np.rint(liked[item] + noise), 1, 5)))
        for person in range(60)
        for item, noise in zip(rng.permutation(20)[:10], rng.normal(0, 0.7, 10), strict=True)
    ]
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["source", "target", "time", "value", "low", "high"])
        writer.writerows((s, t, "", v, 1, 5) for s, t, v in rows)
    return len(rows)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("house")
    made = House(root)
    (root / "state").mkdir(mode=0o700)
    demo = resources.files("approvals.policies") / "demo.toml"
    (root / "state" / "policy.toml").write_bytes(demo.read_bytes())
    for name in ("app", "ana", "ben", "cam", "ben2"):
        made.run("keys", "new", str(root / f"{name}.pem"))
    made.run("producer", "add", "app", "--key", str(root / "app.pem.pub"), "--scope", "helpful")
    for name, person in (("ana", "ana"), ("ben", "ben"), ("cam", "cam"), ("ben2", "ben")):
        key = str(root / f"{name}.pem.pub")
        made.run("reviewer", "add", name, "--person", f"{person}@example.org", "--key", key)
    up = subprocess.Popen(
        [str(QUARANTINE), "up", "--state", str(root / "state")], stderr=subprocess.DEVNULL
    )
    try:
        yield made
        up.send_signal(signal.SIGTERM)
        assert up.wait(DEADLINE_S) == 0, "told to stop, it drains and ends with 0"
    finally:
        up.kill()


@pytest.fixture(scope="module")
def stored(house: House) -> int:
    """The ratings, published through the bus and scored."""
    ratings = house.root / "ratings.csv"
    count = write_ratings(ratings)
    house.until(lambda found: found["bus"] is not None)
    key = str(house.root / "app.pem")
    words = ["publish", str(ratings), "--producer", "app", "--sign", key, "--scope", "helpful"]
    sent = house.run(*words, "--batch", "50")
    assert (sent["sent"], sent["acknowledged"]) == (count, sent["entries"])
    again = house.run(*words, "--batch", "50")
    assert again["sent"] == 0, "a file that was published is not published twice"
    found = house.until(
        lambda now: (
            now["producers"].get("app", {}).get("events", {}).get("stored") == count
            and now["last_scoring_at"] is not None
        )
    )
    app = found["producers"]["app"]
    assert app["gap"] == 0
    assert app["entries"] == {"added": 12, "received": 12, "lost": 0, "pending": 0}
    assert app["events"]["received"] == count
    return count


@pytest.fixture(scope="module")
def released(house: House, stored: int) -> Path:
    """A release of all of it, after everything that must not lead to one was tried."""
    out = house.root / "release"
    words = ["request", "make", "--scope", "helpful", "--kind", "rating"]
    request = house.run(*words, *house.signed("ana"))
    name = request["request"]
    assert 0 < request["rows"] <= stored
    assert house.run("request", "show", name, code=8)["state"] == "pending"

    _try_to_get_round(house, name, out)
    made = house.run("release", "make", name, "--out", str(out))
    assert made["rows"] == request["rows"]
    return out


def _try_to_get_round(house: House, name: str, out: Path) -> None:
    """Try everything that must not lead to a release; at the end the quorum is met."""

    def refused(code: int) -> None:
        house.run("release", "make", name, "--out", str(out), code=code)
        assert not out.exists(), "nothing is written"
        assert [each for each in house.root.iterdir() if "release" in each.name] == []

    refused(6)
    house.vote("approve", name, "ana", code=4)
    refused(6)
    house.vote("approve", name, "ben")
    refused(6)
    house.vote("approve", name, "ben2")
    refused(6)
    ben = ["--as", "ben", "--sign", str(house.root / "cam.pem"), "--because", "x"]
    house.run("approve", name, *ben, code=4)
    house.vote("approve", name, "cam")
    house.vote("withdraw", name, "cam")
    refused(6)
    house.vote("approve", name, "cam")
    policy = house.root / "state" / "policy.toml"
    before = policy.read_bytes()
    policy.write_bytes(before + b"\n# edited\n")
    refused(7)
    policy.write_bytes(before)


def verify(house: House, directory: Path, code: int = 0) -> Any:
    trust = str(house.root / "state" / "trust.toml")
    return house.run("release", "verify", str(directory), "--trust", trust, code=code)


def test_a_release_verifies_and_is_current(house: House, released: Path) -> None:
    report = verify(house, released)
    assert report["verified"] is True
    assert house.run("release", "current", "helpful")["release"] == report["release"]
    assert [each["release"] for each in house.run("release", "list")] == [report["release"]]


def test_verifying_without_a_trust_file_is_a_usage_error(house: House, released: Path) -> None:
    house.run("release", "verify", str(released), code=2)


def test_one_changed_byte_in_any_file_is_named(house: House, released: Path) -> None:
    copy = house.root / "copy"
    files = sorted(file for file in released.rglob("*") if file.is_file())
    rng = np.random.default_rng(5)
    for file in files:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(released, copy)
        victim = copy / file.relative_to(released)
        content = bytearray(victim.read_bytes())
        content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
        victim.chmod(0o600)
        victim.write_bytes(content)
        trust = str(house.root / "state" / "trust.toml")
        done = subprocess.run(
            [str(QUARANTINE), "release", "verify", str(copy), "--trust", trust],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 5, (file, done.stderr)
        assert str(file.relative_to(released)) in done.stderr, done.stderr


def test_a_file_too_many_or_too_few_is_named(house: House, released: Path) -> None:
    for change in ("more", "less"):
        copy = house.root / f"copy-{change}"
        shutil.copytree(released, copy)
        if change == "more":
            (copy / "data" / "extra.parquet").write_bytes(b"x")
        else:
            (copy / "croissant.json").unlink()
        verify(house, copy, code=5)


def test_every_format_that_fits_is_exported_and_the_others_refused(
    house: House, released: Path, tmp_path: Path
) -> None:
    trust = str(house.root / "state" / "trust.toml")
    for format in ("parquet", "jsonl", "ratings"):
        words = ["export", str(released), "--format", format, "--trust", trust]
        done = house.run(*words, "--out", str(tmp_path / format))
        assert done["rows"] > 0
    words = ["export", str(released), "--format", "trl-preference", "--trust", trust]
    house.run(*words, "--out", str(tmp_path / "trl"), code=2)
    assert not (tmp_path / "trl").exists()
    frame = next((tmp_path / "ratings").rglob("*.parquet"))
    assert pq.read_table(frame).column_names == ["user", "item", "rating", "timestamp"]


@pytest.mark.usefixtures("released")
def test_drift_is_measured_from_the_first_release_and_no_window_is_held(house: House) -> None:
    (found,) = house.run("drift", "--scope", "helpful")["scopes"]
    assert found["baseline"]
    assert found["rows"] > 0
    house.run("drift", "--scope", "nowhere", code=2)
    assert house.run("windows", "list") == []
    because = ["--because", "none is held"]
    house.run("windows", "clear", "0" * 12, *because, *house.signed("ben"), code=2)


@pytest.mark.usefixtures("released")
def test_people_rule_on_sources_and_the_machine_follows(house: House) -> None:
    because = ["--because", "known to me"]
    house.run("sources", "hold", "app/rater/7", *because, *house.signed("ben"))
    house.run("sources", "tier", "app/rater/8", "vetted", *because, *house.signed("ben"))
    deadline = time.monotonic() + DEADLINE_S
    while house.run("sources", "show", "app/rater/7")["verdict"] != "hold":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert house.run("sources", "show", "app/rater/8")["tier"] == "vetted"
    house.run("sources", "show", "app/nobody", code=2)


def test_the_policy_in_force_is_sound_and_explained(house: House) -> None:
    policy = str(house.root / "state" / "policy.toml")
    assert house.run("policy", "check", policy)["problems"] == []
    assert house.run("policy", "explain", policy)["text"]
    broken = house.root / "broken.toml"
    broken.write_text((house.root / "state" / "policy.toml").read_text() + "\nquorumm = 1\n")
    house.run("policy", "check", str(broken), code=2)


def test_what_is_taken_back_is_refused_everywhere(house: House, released: Path) -> None:
    source = str(pq.read_table(released / "data").column("source")[0])
    assert house.run("consumed", str(released), "--model", "models:/assistant/1")["noted"] is True
    traced = house.run("trace", "--source", source)
    assert traced["generations"][0]["models"] == ["models:/assistant/1"]
    words = ["revoke", "--source", source, "--because", "sold", *house.signed("ben")]
    would = house.run(*words, "--dry-run")
    assert (would["revoked"], would["releases"]) == (False, traced["releases"])
    verify(house, released)
    done = house.run(*words)
    assert done["releases"][0]["rows"] > 0
    verify(house, released, code=5)
    house.run("release", "current", "helpful", code=1)
    trust = str(house.root / "state" / "trust.toml")
    words = ["export", str(released), "--format", "jsonl", "--trust", trust]
    house.run(*words, "--out", str(house.root / "late"), code=5)


@pytest.mark.usefixtures("released")
def test_the_log_verifies_until_a_row_is_changed(house: House) -> None:
    assert house.run("audit", "verify")["problems"] == []
    copy = House(house.root / "tampered")
    shutil.copytree(house.root / "state", copy.root / "state", ignore=shutil.ignore_patterns("bus"))
    raw = sqlite3.connect(copy.root / "state" / "store.db")
    raw.execute("DROP TRIGGER event_update")
    raw.execute("UPDATE event SET target = 'answer/elsewhere' WHERE idx = 40")
    raw.commit()
    raw.close()
    done = subprocess.run(
        [str(QUARANTINE), "audit", "verify", "--state", str(copy.root / "state")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5
    assert "40" in done.stderr


@pytest.mark.usefixtures("stored")
def test_an_unknown_request_and_an_unknown_name_are_refused(house: House) -> None:
    house.run("request", "show", "0123456789ab", code=2)
    words = ["request", "make", "--scope", "helpful", "--kind", "rating"]
    house.run(*words, "--as", "nobody", "--sign", str(house.root / "ana.pem"), code=4)
    house.run(*words, *house.signed("ana"), "--kind", "applause", code=2)
    house.run(
        "request", "make", "--scope", "elsewhere", "--kind", "rating", *house.signed("ana"), code=6
    )
