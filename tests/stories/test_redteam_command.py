"""`redteam` as its users run it: one document, honest exit codes, and nobody's state is opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quarantine.errors import QuarantineError
from service.cli import app
from service.cli.rim import ServiceRim
from service.redteam import running
from service.redteam.model import Outcome, Result, Trial


def run(*words: str) -> tuple[int, str]:
    told = CliRunner().invoke(app, ["redteam", *words], obj=ServiceRim())
    error = told.exception
    return (error.exit_code if isinstance(error, QuarantineError) else told.exit_code), told.stdout


def test_a_few_attacks_are_tried_and_told_in_one_document(tmp_path: Path) -> None:
    state, card = tmp_path / "state", tmp_path / "card"
    words = ("--only", "E2,H6,D5", "--quick", "--seed", "3", "--out", str(card))
    code, told = run(*words, "--json", "--state", str(state))
    assert code == 0
    document = json.loads(told)
    assert [each["id"] for each in document["attacks"]] == ["D5", "E2", "H6"]
    assert [each["result"] for each in document["attacks"]] == ["stopped", "stopped", "contained"]
    assert document["counts"] == {"stopped": 2, "contained": 1, "got through": 0, "not tried": 0}
    assert (document["seed"], document["quick"]) == (3, True)
    assert json.loads((card / "scorecard.json").read_text()) == document
    assert not state.exists(), "the operator's state is never opened"


def test_the_table_names_every_attack_and_ends_with_the_counts() -> None:
    code, told = run("--only", "E7")
    assert code == 0
    assert told.splitlines()[0].split() == ["id", "result", "attack", "measured"]
    assert "Schema downgrade" in told
    assert told.splitlines()[-1] == "1 stopped, 0 contained, 0 got through, 0 not tried"


@pytest.mark.parametrize(
    ("result", "fail_on", "code"),
    [
        (Result.STOPPED, "got-through", 0),
        (Result.CONTAINED, "got-through", 0),
        (Result.GOT_THROUGH, "", 0),
        (Result.GOT_THROUGH, "got-through", 5),
        (Result.NOT_TRIED, "got-through", 0),
        (Result.NOT_TRIED, "not-tried", 5),
        (Result.GOT_THROUGH, "not-tried", 5),
    ],
)
def test_it_fails_for_what_it_is_told_to_fail_for(
    monkeypatch: pytest.MonkeyPatch, result: Result, fail_on: str, code: int
) -> None:
    known = {"E7": Trial(id="E7", tried="x", run=lambda _: Outcome(result, "seen", "a rule"))}
    monkeypatch.setattr(running, "trials", lambda: known)
    assert run("--only", "E7", "--fail-on", fail_on)[0] == code


@pytest.mark.parametrize("words", [("--only", "Z9"), ("--only", "E7", "--fail-on", "rain")])
def test_what_has_no_meaning_is_refused(words: tuple[str, ...]) -> None:
    assert run(*words)[0] == 2
