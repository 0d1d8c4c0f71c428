"""What a policy may ask to see first: known answers met, and behaviour measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvals.loosening import loosened
from approvals.policy import Policy
from approvals.rules import check, explain, load
from approvals.trial import read_cases, tried
from quarantine.errors import UsageError
from tests.leaving import chosen, crowd, many
from tests.room import LOOSE

GATED = """
[[gate]]
name = "behaviour"
scopes = ["*"]
kinds = ["preference", "rating"]
"""


def gated(**keys: str) -> Policy:
    more = "".join(f"{name} = {value}\n" for name, value in keys.items())
    return load(LOOSE + GATED + more)


def proven(answers: int, right: float) -> Policy:
    need = f"needs_gold = {{ answers = {answers}, right = {right} }}\n"
    return load(LOOSE.replace('dwell = "0s"\n', f'dwell = "0s"\n{need}', 1))


def test_a_gate_speaks_of_its_scopes_and_kinds_alone() -> None:
    policy = gated()
    assert policy.gate_for("any", "rating") == policy.gate[0]
    assert policy.gate_for("any", "label") is None
    assert load(LOOSE).gate_for("any", "rating") is None


def test_explain_says_what_is_measured_and_what_sources_must_have_shown() -> None:
    told = explain(gated(command='["/opt/gate", "--strict"]', moved="0.05"))
    assert "preference/rating moves no behaviour by 5% or more" in told
    assert "and /opt/gate agrees" in told
    assert "80% of 5 known answers or more right" in explain(proven(5, 0.8))
    assert "measured" not in explain(load(LOOSE))


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"alpha": "0.0001"}, "alpha must lie between"),
        ({"alpha": "0.5"}, "alpha must lie between"),
        ({"moved": "1.0"}, "stops nothing"),
        ({"moved": "0"}, "moved"),
        ({"rows": "50"}, "rows must be at least"),
        ({"timeout": '"0s"'}, "timeout"),
        ({"timeout": '"2d"'}, "timeout"),
        ({"command": '["gate"]'}, "whole path"),
        ({"command": '"gate"'}, "command"),
        ({"canaries": '"/etc/passwd"'}, "beside the policy"),
        ({"canaries": '"../own.jsonl"'}, "beside the policy"),
        ({"subgroups": '["colour"]'}, "subgroups"),
        ({"movd": "0.1"}, "did you mean moved"),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused(keys: dict[str, str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        gated(**keys)


def test_gates_that_hide_each_other_or_name_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="two gates have this name"):
        load(LOOSE + GATED + GATED)
    with pytest.raises(UsageError, match="never speaks"):
        load(LOOSE + GATED + GATED.replace("behaviour", "again"))
    with pytest.raises(UsageError, match="there is no kind 'stars'"):
        load(LOOSE + GATED.replace('"rating"', '"stars"'))
    assert check(gated()) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"moved": "0.03"},
        {"alpha": "0.005"},
        {"one_cluster": "2.0"},
        {"together": "0.5"},
        {"rows": "1000"},
        {"subgroups": "[]"},
        {"command": '["/opt/other"]'},
        {"timeout": '"1h"'},
    ],
)
def test_asking_less_of_a_gate_is_looser(changed: dict[str, str]) -> None:
    assert any("less is asked" in way for way in loosened(gated(), gated(**changed)))


def test_asking_more_or_the_same_is_no_looser_and_dropping_a_gate_is() -> None:
    assert loosened(gated(), gated(moved="0.01", alpha="0.02", rows="3000")) == ()
    assert loosened(load(LOOSE), gated()) == ()
    assert any("less is asked" in way for way in loosened(gated(), load(LOOSE)))


def test_asking_for_fewer_known_answers_is_looser() -> None:
    assert loosened(proven(5, 0.8), proven(6, 0.9)) == ()
    for after in (proven(4, 0.8), proven(5, 0.7), load(LOOSE)):
        assert any("fewer known answers" in way for way in loosened(proven(5, 0.8), after))


def test_only_sources_that_met_enough_known_answers_and_got_them_right_leave() -> None:
    policy = proven(4, 0.55)
    tests = {"never": (0, 0), "few": (3, 3), "wrong": (20, 10), "right": (20, 11), "sure": (4, 4)}
    rows = [
        row | {"answered": answered, "right": right}
        for name, (answered, right) in tests.items()
        for row in many(2, 2, prefix=name)
    ]
    found = chosen(crowd(*rows), policy)
    left = {name.rstrip("0123456789") for name in found.members["source"]}
    assert left == {"right", "sure"}
    assert sum(n for why, n in found.left_out.items() if "too few known answers" in why) == 12


def test_where_nobody_counted_known_answers_nobody_has_met_any() -> None:
    found = chosen(crowd(*many(3, 2)), proven(1, 0.5))
    assert found.members.empty


def test_a_case_may_say_which_known_answers_a_source_got_right() -> None:
    case = """
[[event]]
name = "{name}"
scope = "any"
kind = "rating"
origin = "human"
tier = "vetted"
answered = 20
right = {right}
expect = "{expect}"
"""
    text = case.format(name="enough", right=11, expect="leaves")
    text += case.format(name="too few", right=10, expect="stays")
    found = tried(proven(4, 0.55), read_cases(text))
    assert [each.is_right for each in found] == [True, True]
    assert "too few known answers right" in found[1].because


def test_the_example_of_a_gated_policy_is_sound() -> None:
    file = Path(__file__).parents[2] / "examples" / "policies" / "gated.toml"
    policy = load(file.read_text(encoding="utf-8"))
    assert check(policy) == []
    assert policy.gate_for("any", "label") is not None
    assert policy.rule[0].needs_gold is not None
