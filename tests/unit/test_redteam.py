"""The attack catalogue: every attack has one row, and a control taken away is seen to be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from approvals.caseload import USUAL
from approvals.rules import shipped
from quarantine.errors import UsageError
from quarantine.model import Held, Member
from quarantine.ports import Store
from service.redteam import running
from service.redteam.catalogue import catalogue, classes
from service.redteam.model import Outcome, Result, Row, Trial, at_most, every, found, refused
from service.redteam.running import chosen, run, trials
from service.redteam.scorecard import Scorecard, write
from service.redteam.yard import Yard
from tests.room import START

COUNTS = {"A": 13, "B": 8, "C": 10, "D": 9, "E": 7, "F": 12, "G": 10, "H": 7, "I": 4}


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(tmp_path, quick=True)
    yield made
    made.close()


def test_the_catalogue_has_its_eighty_attacks_in_order() -> None:
    wanted = [f"{letter}{n}" for letter, count in COUNTS.items() for n in range(1, count + 1)]
    assert list(catalogue()) == wanted
    assert set(classes()) == set(COUNTS)
    assert all(each.name and each.wanted for each in catalogue().values())


def test_every_attack_is_tried_once_or_says_why_not() -> None:
    known = trials()
    assert known.keys() == catalogue().keys()
    for trial in known.values():
        assert (trial.run is None) == bool(trial.because), trial.id
        assert trial.tried or trial.because, trial.id


def test_an_id_that_stands_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = {"a": [Trial(id="A1", tried="x")], "b": [Trial(id="A1", tried="y")]}
    monkeypatch.setattr(running, "offered", lambda *_: twice)
    with pytest.raises(UsageError, match="two trials"):
        trials()


def test_attacks_are_named_by_id_or_by_class() -> None:
    assert [each.id for each in chosen(["d1", " A2 "])] == ["A2", "D1"]
    assert len(chosen(["B"])) == COUNTS["B"]
    assert len(chosen([""])) == 80
    with pytest.raises(UsageError, match="J1"):
        chosen(["J1"])


def test_an_outcome_says_what_came_of_it() -> None:
    assert at_most(0, 5, "", "").result is Result.STOPPED
    assert at_most(5, 5, "", "").result is Result.CONTAINED
    assert at_most(6, 5, "", "").result is Result.GOT_THROUGH
    assert found([(1.0, 0.9)], "", "").result is Result.STOPPED
    assert found([(0.95, 0.9), (0.8, 0.9)], "", "").result is Result.GOT_THROUGH
    assert found([(0.95, 0.9)], "", "").result is Result.CONTAINED
    assert every([("it holds", True)], "", "").result is Result.STOPPED
    broken = every([("it holds", True), ("that too", False)], "seen", "")
    assert (broken.result, broken.measured) == (Result.GOT_THROUGH, "seen; not so: that too")
    assert every([], "", "").result is Result.GOT_THROUGH, "no fact is no success"
    assert refused(lambda: chosen(["J1"])) != ""
    assert refused(lambda: None) == ""


def test_a_trial_that_breaks_is_no_success_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(_: Yard) -> Outcome:
        raise ZeroDivisionError("a bug")

    good = Trial(id="E7", tried="x", run=lambda _: at_most(0, 0, "none", "a rule"))
    known = {"A1": Trial(id="A1", tried="x", run=breaks), "E7": good}
    monkeypatch.setattr(running, "trials", lambda: known)
    rows = run(chosen(["A1", "E6", "E7"]), seed=0, quick=True)
    assert [row.result for row in rows] == [Result.NOT_TRIED, Result.NOT_TRIED, Result.STOPPED]
    assert "ZeroDivisionError: a bug" in rows[0].measured


CHEAP = (
    *("A5", "A6", "A10", "A11", "A13", "B2", "B4", "B5", "B7", "B8", "C2", "C5", "C7", "C8"),
    *("D3", "D4", "D5", "D6", "D7", "D9", "E1", "E2", "E3", "E6", "E7"),
    *("F1", "F2", "F3", "F4", "F5", "F6", "F8", "F9", "F10", "F12"),
    *("G1", "G2", "G4", "G5", "G7", "G8", "G9", "G10", "H3", "H4"),
)
"""Attacks that are tried within a second of work each; `redteam` tries them all."""


@pytest.mark.parametrize("id_", CHEAP)
def test_the_build_as_it_is_withstands(yard: Yard, id_: str) -> None:
    trial = trials()[id_]
    assert trial.run is not None
    outcome = trial.run(yard)
    assert outcome.result in (Result.STOPPED, Result.CONTAINED), outcome


WEAKER = [
    ("A11", 'aspects = ["safety", "refusal"]', 'aspects = ["another"]'),
    ("B2", 'min_age = "7d"\ndwell = "24h"\nshare = 0.25', 'min_age = "0s"\ndwell = "24h"'),
    (
        "C8",
        'tiers = ["vetted", "tenured"]\nmin_age = "0s"\ndwell = "24h"',
        'tiers = ["vetted", "tenured"]\nmin_age = "0s"\ndwell = "0s"',
    ),
]


@pytest.mark.parametrize(("id_", "old", "new"), WEAKER)
def test_a_policy_without_its_control_lets_the_attack_through(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, id_: str, old: str, new: str
) -> None:
    assert old in shipped("default"), "the shipped policy says it in other words now"
    weak = shipped("default").replace(old, new)
    monkeypatch.setattr("service.redteam.yard.shipped", lambda _: weak)
    trial = trials()[id_]
    assert trial.run is not None
    assert trial.run(yard).result is Result.GOT_THROUGH


def nothing(*_: object, **__: object) -> None:
    """Stand in for a control that says no, and says nothing."""


def unread(store: Store, members: Sequence[Member], _: object) -> list[Held]:
    """Return rows without comparing them with what was frozen."""
    return list(store.held([member.index for member in members]))


TRIALS = "service.redteam.trials"
SABOTAGED: list[tuple[str, str, object]] = [
    ("A5", "approvals.budget._voices", lambda *_: iter(())),
    ("B1", "service.vouching._holds", lambda *_: True),
    ("C9", f"{TRIALS}.coordination.USUAL", USUAL.model_copy(update={"reserved": 0.001})),
    ("D8", f"{TRIALS}.bus.producers_rights", lambda *_: iter(())),
    ("E4", "quarantine.likeness.normal", lambda text: text),
    ("F4", "approvals.desk.require_independence", nothing),
    ("F8", "approvals.release.same_rows", unread),
    ("G5", "approvals.verify.compare", nothing),
    ("H7", "service.wiring.detector_settings", dict),
    ("I4", "quarantine.drift.SMALL", 0.5),
]


@pytest.mark.parametrize(("id_", "place", "control"), SABOTAGED)
def test_code_without_its_control_lets_the_attack_through(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, id_: str, place: str, control: object
) -> None:
    monkeypatch.setattr(place, control)
    trial = trials()[id_]
    assert trial.run is not None
    assert trial.run(yard).result is Result.GOT_THROUGH


def test_a_scorecard_shows_what_got_through_first_in_no_place_but_its_own(tmp_path: Path) -> None:
    def row(id_: str, result: Result) -> Row:
        return Row(id_, f"attack {id_}", "tried", result, "a | b\nc", "none", "rule", "", 0.1)

    rows = [row("A1", Result.GOT_THROUGH), row("B1", Result.STOPPED), row("B2", Result.NOT_TRIED)]
    card = Scorecard(rows, START, 7, quick=False)
    assert card.counts == {"stopped": 1, "contained": 0, "got through": 1, "not tried": 1}
    files = write(card, tmp_path / "card")
    assert [file.name for file in files] == ["scorecard.json", "scorecard.md", "scorecard.html"]
    told = json.loads(files[0].read_text())
    assert [each["result"] for each in told["attacks"]] == ["got through", "stopped", "not tried"]
    table = files[1].read_text()
    assert "| A1 | attack A1 | tried | got through | a \\| b c |" in table
    assert len(re.findall(r"^## ", table, re.MULTILINE)) == 2
    assert "got through" in files[2].read_text()
