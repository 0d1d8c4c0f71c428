"""Where nobody began a state directory, whoever only asks is told so and makes none."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
import typer.main

from service import wiring
from service.cli import app
from service.settings import ROLES, State
from tests.room import crowded
from tests.shell import Shell

SIGNED = ("--as", "ana", "--sign", "ana.pem", "--because", "x")
"""Enough for commands that are signed; no key is opened before the state directory is."""

ASKED: dict[str, tuple[str, ...]] = {
    "approve": ("3f9ac2d41b07", *SIGNED),
    "archive": ("--out", "archive"),
    "audit checkpoint": (),
    "audit prove": ("4",),
    "audit verify": (),
    "backup": ("kept",),
    "config": (),
    "consumed": ("release", "--model", "models:/a/1"),
    "dead list": (),
    "dead redrive": ("1",),
    "dead show": ("1",),
    "drift": (),
    "erase": ("--source", "app/rater/1", *SIGNED),
    "evidence": ("--out", "pack"),
    "gate": ("3f9ac2d41b07",),
    "glass break": ("3f9ac2d41b07", *SIGNED),
    "glass list": (),
    "glass review": ("3f9ac2d41b07", "--sound", *SIGNED),
    "policy approve": ("3f9ac2d41b07", *SIGNED),
    "policy propose": ("policy.toml", *SIGNED),
    "policy reject": ("3f9ac2d41b07", *SIGNED),
    "policy simulate": ("--policy", "policy.toml"),
    "policy status": (),
    "policy withdraw": ("3f9ac2d41b07", *SIGNED),
    "probe appeal": ("3f9ac2d41b07", *SIGNED),
    "probe pairs": (),
    "probe plant": (),
    "probe record": ("ana",),
    "probe strike": ("3f9ac2d41b07", *SIGNED),
    "producer list": (),
    "producer revoke": ("app",),
    "reject": ("3f9ac2d41b07", *SIGNED),
    "release current": ("helpful",),
    "release list": (),
    "release make": ("3f9ac2d41b07", "--out", "release"),
    "request list": (),
    "request make": ("--scope", "helpful", "--kind", "rating", *SIGNED[:4]),
    "request sample": ("3f9ac2d41b07",),
    "request show": ("3f9ac2d41b07",),
    "review": ("--as", "ana"),
    "reviewer list": (),
    "reviewer revoke": ("ana",),
    "revoke": ("--source", "app/rater/1", *SIGNED),
    "sources appeal": ("app/rater/1", *SIGNED),
    "sources appeals": (),
    "sources clear": ("app/rater/1", *SIGNED),
    "sources hold": ("app/rater/1", *SIGNED),
    "sources list": (),
    "sources queue": ("--as", "ana"),
    "sources show": ("app/rater/1",),
    "sources tier": ("app/rater/1", "vetted", *SIGNED),
    "status": (),
    "store retire": ("--before", "2026-01-01T00:00:00Z", "--because", "old"),
    "trace": ("--source", "app/rater/1"),
    "windows clear": ("3f2a90c1d4e5", *SIGNED),
    "windows list": (),
    "withdraw": ("3f9ac2d41b07", *SIGNED),
}
"""Commands that ask, or act on what is there, each with words enough to get as far as that."""

BEGIN = {"up", "demo", "restore", "producer add", "reviewer add", "gold add", "store show"}
"""Commands that may make a state directory; the last is how the owner of a database makes it."""

ELSEWHERE = {
    *("keys new", "publish", "backtest", "redteam", "score", "export", "doctor", "adapter list"),
    *(
        "adapter aside",
        "adapter load",
        "adapter pull",
        "release verify",
        "release show",
        "release diff",
    ),
    *("policy check", "policy explain", "policy test"),
}
"""Commands that need none: they say what they say, and make none either."""


def _named(command: object, path: str = "") -> set[str]:
    below: dict[str, object] | None = getattr(command, "commands", None)
    if below is None:
        return {path}
    return {each for n in below for each in _named(below[n], f"{path} {n}".strip())}


def test_every_command_is_here_asking_beginning_or_needing_none() -> None:
    assert _named(typer.main.get_command(app)) == {*ASKED, *BEGIN, *ELSEWHERE}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory in which commands find the files that they are given."""
    monkeypatch.chdir(tmp_path)
    shipped = resources.files("approvals.policies") / "default.toml"
    (tmp_path / "policy.toml").write_bytes(shipped.read_bytes())
    return tmp_path


@pytest.mark.parametrize("words", sorted(ASKED))
def test_whoever_only_asks_makes_no_state_directory(words: str, folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    told = Shell(folder / "nowhere").run(*words.split(), *ASKED[words])
    assert told.code == 2
    assert told.out == ""
    assert told.err.startswith(f"quarantine: there is no state directory at {folder}/nowhere")
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("words", [["doctor"], ["adapter", "list"], ["policy", "check"]])
def test_what_needs_no_state_directory_makes_none(words: list[str], folder: Path) -> None:
    files = ["policy.toml"] if words[0] == "policy" else []
    before = sorted(folder.rglob("*"))
    assert Shell(folder / "nowhere").run(*words, *files).code == 0
    assert sorted(folder.rglob("*")) == before


def test_a_database_by_url_is_not_asked_from_a_place_that_nobody_began(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FQ_STORE", "postgresql://keeper@/nobody?host=/nonexistent")
    assert "no state directory" in Shell(folder / "nowhere").run("status").err
    assert not (folder / "nowhere").exists()


def test_a_store_of_before_or_a_key_is_a_state_directory(folder: Path) -> None:
    (folder / "old").mkdir()
    crowded(folder / "old").store.close()
    assert Shell(folder / "old").run("dead", "list").code == 0
    wiring.prepare(State(folder / "keyed"))
    assert json.loads(Shell(folder / "keyed").run("status", "--json").out)["producers"] == {}


def test_several_that_begin_at_once_begin_one_state_directory(tmp_path: Path) -> None:
    words = [str(Path(sys.executable).parent / "quarantine"), "store", "show"]
    words += ["--state", str(tmp_path / "state")]
    running = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [each.wait() for each in running] == [0] * len(running)
    assert len(wiring.role_publics(State(tmp_path / "state"))) == len(ROLES)
