"""`quarantine review` from the outside: what waits, bulk decisions, exit codes, the page."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approvals import desk
from service import wiring
from service.settings import State
from tests.reviewing import LONER, RING, fill, rating, rulings
from tests.room import LOOSE, Room
from tests.shell import Said, Shell

WAITING = [*(f"app/{name}" for name in RING), f"app/{LONER}"]


@pytest.fixture
def room(state: State) -> Iterator[Room]:
    """A state directory as commands find it, with a crowd and a ring scored in it."""
    state.policy.write_text(LOOSE, encoding="utf-8")
    made = Room(state.root, at=wiring.now() - timedelta(minutes=30))
    made.operator = wiring.open_signer(str(state.key("operator")))  # type: ignore[assignment]
    fill(made)
    yield made
    made.store.close()


@pytest.fixture
def shell(room: Room) -> Shell:
    return Shell(room.folder)


def review(shell: Shell, *words: str, name: str = "ben", typed: str = "") -> Said:
    """Run `review` as somebody, with their key."""
    signed = ("--as", name, "--sign", str(shell.state / f"{name}.pem"))
    return shell.run("review", *signed, *words, typed=typed)


def decisions(shell: Shell, *lines: tuple[str, str]) -> str:
    file = shell.state / "decisions.jsonl"
    spelled = [
        json.dumps({"case": case, "decision": choice, "because": "looked at it"})
        for case, choice in lines
    ]
    file.write_text("\n".join(spelled))
    return str(file)


def test_what_waits_is_told_as_json_without_a_key(shell: Shell, room: Room) -> None:
    said = shell.run("review", "--as", "ben", "--json")
    assert [case["case"] for case in json.loads(said.out)] == WAITING
    assert {case["what"] for case in json.loads(said.out)} == {"source"}
    room.ask("ana", at=room.later())
    asked = json.loads(shell.run("review", "--as", "ben", "--json").out)[-1]
    assert (asked["what"], asked["scope"]) == ("request", "helpful")


def test_a_scope_leaves_out_what_concerns_another(shell: Shell) -> None:
    for scope, count in (("helpful", 7), ("safety", 0)):
        said = shell.run("review", "--as", "ben", "--scope", scope, "--json")
        assert len(json.loads(said.out)) == count


def test_a_file_of_decisions_is_signed_one_by_one(shell: Shell, room: Room) -> None:
    file = decisions(shell, (f"app/{LONER}", "clear"), (f"app/{RING[0]}", "hold"))
    said = review(shell, "--decisions", file, "--yes", "--json")
    assert said.code == 0
    assert said.err == "2 to sign, one signature each: 1 clear, 1 hold\n"
    found = json.loads(said.out)
    assert (found["signed"], found["refused"]) == (2, 0)
    assert rulings(room) == {f"app/{LONER}": "clear", f"app/{RING[0]}": "hold"}


def test_a_dry_run_signs_nothing(shell: Shell, room: Room) -> None:
    file = decisions(shell, (f"app/{LONER}", "clear"))
    said = review(shell, "--decisions", file, "--dry-run", "--json")
    assert (said.code, len(json.loads(said.out)["staged"])) == (0, 1)
    assert rulings(room) == {}


@pytest.mark.parametrize("words", [(), ("--no-input",)])
def test_bulk_is_not_signed_without_a_yes(shell: Shell, room: Room, words: tuple[str]) -> None:
    said = review(shell, "--decisions", decisions(shell, (f"app/{LONER}", "hold")), *words)
    assert said.code == 2
    assert "--yes signs without asking" in said.err
    assert rulings(room) == {}


def test_a_filter_holds_what_holds_its_words(shell: Shell, room: Room) -> None:
    words = ("--hold", "detector:lockstep", "--because", "one ring")
    assert "6 hold" in review(shell, *words, "--dry-run").err
    assert review(shell, *words, "--yes").out == "6 signed, 0 refused\n"
    assert rulings(room) == {f"app/{name}": "hold" for name in RING}
    assert "0 to sign" in review(shell, *words, "--dry-run").err


def test_a_filter_needs_a_reason(shell: Shell) -> None:
    assert review(shell, "--hold", "ring", "--yes").code == 2


def test_what_was_refused_is_told_and_sets_the_exit_code(shell: Shell, room: Room) -> None:
    request, _, _ = room.ask("ben", at=room.later())
    file = decisions(shell, (request.digest[:12], "approve"), (f"app/{LONER}", "hold"))
    said = review(shell, "--decisions", file, "--yes")
    assert said.code == 4  # ben made the request
    assert said.out.startswith("1 signed, 1 refused\n")
    assert "cannot approve it" in said.out
    assert rulings(room) == {f"app/{LONER}": "hold"}


def test_another_ones_key_or_no_key_signs_nothing(shell: Shell, room: Room) -> None:
    file = decisions(shell, (f"app/{LONER}", "hold"))
    words = ("review", "--as", "ben", "--decisions", file, "--yes")
    assert shell.run(*words, "--sign", str(room.folder / "cleo.pem")).code == 4
    assert shell.run(*words).code == 2
    assert shell.run("review", "--as", "nobody", "--json").code == 4
    assert rulings(room) == {}


def test_plain_lines_from_a_pipe_end_in_signatures(shell: Shell, room: Room) -> None:
    said = review(shell, "--plain", typed="h\n/odd\nr7\nq\ny\n")
    assert said.code == 0
    assert said.out.endswith("> 2 signed, 0 refused\n")
    assert rulings(room) == {f"app/{RING[0]}": "hold", f"app/{LONER}": "hold"}
    standing = next(iter(room.roster.standings.values()))
    assert standing.because == "held for lockstep"


def test_leaving_without_signing_is_a_declined_review(shell: Shell, room: Room) -> None:
    assert review(shell, "--plain", typed="h\nq\nn\n").code == 3
    assert review(shell, "--plain", typed="h\n").code == 3  # the pipe ended
    assert review(shell, "--plain", typed="q\n").code == 0
    assert rulings(room) == {}


def test_a_review_that_may_not_ask_is_refused(shell: Shell) -> None:
    assert review(shell, "--no-input").code == 2
    assert shell.run("review", "--as", "ben", "--plain").code == 2


def test_the_screen_signs_what_the_command_would(shell: Shell, room: Room) -> None:
    """The same ruling by both ways leaves the same kind of act, by the same hand."""
    signed = ("--as", "ben", "--sign", str(shell.state / "ben.pem"), "--because", "same")
    assert shell.run("sources", "hold", f"app/{RING[1]}", *signed).code == 0
    assert review(shell, "--plain", typed="h\nq\ny\n").code == 0
    kinds = [act.act.kind for act in room.store.acts() if act.act.kind == "source-ruled"]
    assert len(kinds) == 2


def test_a_dossier_is_written_as_one_page(shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    said = shell.run("sources", "show", f"app/{RING[0]}", "--html", str(out))
    assert f"the whole dossier as a page: {out}" in said.out
    page = out.read_text(encoding="utf-8")
    for part in ("lockstep", "one voice of 6", "this is what ring/0 wrote", "<svg", "Samples"):
        assert part in page, part
    again = tmp_path / "again.html"
    shell.run("sources", "show", f"app/{RING[0]}", "--html", str(again))
    assert page == again.read_text(encoding="utf-8")


def test_a_page_of_what_was_not_scored_is_refused(shell: Shell, room: Room) -> None:
    room.hear([rating("rater/new", "n1", "answer-1", 3.0)])
    said = shell.run("sources", "show", "app/rater/new", "--html", str(room.folder / "x.html"))
    assert said.code == 2
    assert not (room.folder / "x.html").exists()


def test_help_and_lists_load_no_screen() -> None:
    code = (
        "import sys, service.cli, approvals.cli.review;"
        "print('textual' in sys.modules, 'rich' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False False\n"


def test_nobody_has_voted_by_looking(shell: Shell, room: Room) -> None:
    request, _, _ = room.ask("ana", at=room.later())
    before = room.store.size()
    review(shell, "--plain", typed="/request\nd\nq\n")
    assert desk.votes_on(room.store, request) == []
    assert room.store.size() <= before + 1  # the policy in force is noted where it is new
