"""Policy as code: what is refused, what is explained, and that nothing matches means no."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import pytest

from approvals.policy import Claim, Deny, Policy, Rule, judge
from approvals.roster import Reviewer, Tenure
from approvals.rules import SHIPPED, check, explain, load, shipped, spell
from quarantine.errors import UsageError
from quarantine.model import Origin, Tier
from tests.room import MINUTE, START

TEXT = shipped("default")
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "policies").glob("*.toml"))
assert EXAMPLES


def changed(before: str, after: str, text: str = TEXT) -> str:
    assert before in text
    return text.replace(before, after, 1)


def reviewers(*roles: str, gone: bool = False) -> list[Reviewer]:
    tenure = Tenure(START, START + MINUTE if gone else None)
    return [
        Reviewer(f"r{n}", f"p{n}", f"k{n}", "", (role,), tenure) for n, role in enumerate(roles)
    ]


def claim(**changes: object) -> Claim:
    usual = Claim("helpful", "rating", Origin.HUMAN, Tier.VETTED)
    return usual._replace(**changes)  # type: ignore[arg-type]


def decided(policy: Policy, **changes: object) -> str:
    found = judge(policy, claim(**changes))
    return "" if found is None else found.name


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_is_sound_with_three_people(name: str) -> None:
    assert check(load(shipped(name)), reviewers("a", "b", "c")) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_a_policy_is_explained_on_one_screen(name: str) -> None:
    text = explain(load(shipped(name)))
    assert len(text.splitlines()) <= 24
    assert "2 people, none of whom made the request" in text
    assert "no safety by applause: rating/signal on safety, refusal" in text


def test_an_explanation_says_waits_shares_and_roles_where_there_are_any() -> None:
    lines = explain(load(changed("roles = []", 'roles = ["security"]'))).splitlines()
    said = {line.strip().partition(":")[0]: line for line in lines}
    assert said["known people"].endswith("; source 0s old, event 1d held")
    assert said["unvetted people"].endswith(", at most 25% of a release")
    assert said["signals"].endswith(", at most 20% of all the scope ever released")
    assert said["a source"].endswith("50 rows and 5% of a release, 500 rows ever, 1 on one target")
    assert lines[-3].endswith("made the request, filling security (one person, one role)")
    assert lines[-1] == "  a vote counts for 3d, a request for 2w"
    assert explain(load(TEXT)).splitlines()[-3].endswith("none of whom made the request")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_policy_is_sound(file: Path) -> None:
    assert len(explain(load(file.read_text(encoding="utf-8"))).splitlines()) <= 24


def test_a_policy_that_is_not_shipped_is_refused() -> None:
    with pytest.raises(UsageError, match="default, demo"):
        shipped("../default")


def test_the_digest_is_of_the_exact_bytes() -> None:
    assert load(TEXT).digest == hashlib.sha256(TEXT.encode()).hexdigest()
    assert load(TEXT + "# a remark\n").digest != load(TEXT).digest


def test_a_policy_is_made_from_its_text_alone() -> None:
    with pytest.raises(TypeError, match=r"rules\.load"):
        Policy.model_validate_json(json.dumps(tomllib.loads(TEXT)))


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        (changed("people = 2", "poeple = 2"), "quorum.poeple: there is no such key; did you mean"),
        (changed("people = 2", ""), "quorum.people: this key is missing"),
        (changed("people = 2", "people = 2\npeople = 1"), "no TOML"),
        (changed("people = 2", "people = 0"), "quorum.people"),
        (changed("people = 2", "people = true"), "quorum.people"),
        (changed("people = 2", 'people = "2"'), "quorum.people"),
        (changed("share = 0.25", "shares = 0.25"), r"rule\[1\].shares: .* did you mean share"),
        (changed("share = 0.25", "share = 0"), r"rule\[1\].share"),
        (changed("share = 0.25", "share = 1.5"), r"rule\[1\].share"),
        (changed("share = 0.25", "share = nan"), r"rule\[1\].share"),
        (changed('dwell = "24h"', 'dwell = "one day"'), r"rule\[0\].dwell: write a duration as"),
        (changed('dwell = "24h"', 'dwell = "999999999w"'), r"rule\[0\].dwell: .* 36500d at most"),
        (changed('dwell = "24h"', "dwell = 24"), r"rule\[0\].dwell: write a duration as"),
        (changed('dwell = "24h"', "dwell = 2026-01-01"), "no dates"),
        (changed('dwell = "24h"', ""), r"rule\[0\].dwell: this key is missing"),
        (changed('"rating", "label"', '"ratings", "label"'), "there is no 'ratings'; there are"),
        (changed('["human"]', '["humans"]'), "there is no 'humans'; there are human, automated"),
        (changed('["vetted", "tenured"]', '["trusted"]'), "there is no 'trusted'"),
        (changed('["vetted", "tenured"]', '["vetted", "vetted"]'), "vetted stands twice"),
        (changed('["vetted", "tenured"]', '["vetted", "*"]'), "leave the others out"),
        (changed('["vetted", "tenured"]', "[]"), r"rule\[0\].tiers"),
        (changed('leave_out = ["hold"]', 'leave_out = ["watch"]'), 'must hold "hold"'),
        (changed('leave_out = ["hold"]', "leave_out = []"), "verdicts.leave_out"),
        (changed("veto = ", "# veto = "), "quorum.veto: this key is missing"),
        (changed('veto = ["*"]', "veto = []"), "quorum.veto"),
        (changed("version = 1", "version = 2"), "version"),
        (TEXT + "\n[extra]\n", "extra: there is no such key"),
        ("", "rule: this key is missing"),
        ("rule = 3", r"rule: "),
        (changed("rows = 30\n", "rows = 29\n"), "at least three times clusters"),
        (changed("roles = []", 'roles = ["a", "b", "c"]'), "3 roles cannot be filled by 2 people"),
        (changed('name = "signals"', 'name = "known people"'), "two rules have this name"),
        (changed('tiers = ["vetted", "tenured"]', 'tiers = ["*"]'), "'unvetted people': never dec"),
        (changed('aspects = ["safety", "refusal"]', ""), "'signals': never decides"),
        (changed("[budget.source]\nrows = 50", "[budget.source]\nrows = 51"), "budget.cluster.row"),
        (changed("rows = 100_000", "rows = 40"), "budget.producer.rows is below cluster.rows"),
        (changed("lifetime = 500", "lifetime = 49"), "budget.source.lifetime is below source.rows"),
        (changed("per_target = 1", "per_target = 4"), "cluster.per_target is below"),
        (changed("share = 1.0", "share = 0.01"), "producer.share is below cluster.share"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place_and_the_mend(text: str, mend: str) -> None:
    with pytest.raises(UsageError, match=mend):
        load(text)


def test_support_of_exactly_three_times_the_clusters_is_sound() -> None:
    assert load(TEXT).support.rows == 3 * load(TEXT).support.clusters


def test_every_fault_is_named_at_once() -> None:
    text = changed("rows = 30\n", "rows = 20\n", changed("roles = []", 'roles = ["a", "b", "c"]'))
    with pytest.raises(UsageError, match=r"support: .*; quorum: "):
        load(text)


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ([], "the roster has 0 people"),
        (reviewers("a", "b"), "the roster has 2 people"),
        (reviewers("a", "b", "c", gone=True), "the roster has 0 people"),
        ([*reviewers("a", "b"), Reviewer("x", "p0", "kx", "", (), Tenure(START))], "has 2 people"),
    ],
)
def test_a_quorum_that_nobody_can_reach_is_a_problem(found: list[Reviewer], problem: str) -> None:
    assert [problem in each for each in check(load(TEXT), found)] == [True]


def test_roles_that_nobody_can_fill_are_a_problem_whoever_asks() -> None:
    policy = load(changed("roles = []", 'roles = ["security", "security"]'))
    assert check(policy, reviewers("security", "security", "guest")) == []
    (problem,) = check(policy, reviewers("security", "guest", "guest"))
    assert "nobody can fill security" in problem


def test_a_roster_that_nobody_asked_about_is_no_problem() -> None:
    assert check(load(TEXT)) == []


def test_nothing_matches_and_it_is_denied() -> None:
    policy = load(TEXT)
    assert judge(policy, claim(kind="correction", origin=Origin.AUTOMATED)) is None
    assert judge(policy, claim(kind="signal", tier=Tier.UNVETTED, origin=Origin.AUTOMATED)) is None
    assert judge(policy, claim(kind="pseudo_label", origin=Origin.HUMAN)) is None


def test_the_first_rule_that_matches_decides() -> None:
    wide = (
        '[[rule]]\nname = "wide"\nscopes = ["*"]\nkinds = ["*"]\norigins = ["*"]\ntiers = ["*"]\n'
    )
    policy = load(TEXT + wide + 'min_age = "0s"\ndwell = "0s"\n')
    assert decided(policy) == "known people"
    assert decided(policy, kind="correction", origin=Origin.AUTOMATED) == "wide"


def test_a_denial_stands_before_every_rule() -> None:
    policy = load(TEXT)
    assert isinstance(judge(policy, claim(aspect="safety")), Deny)
    assert isinstance(judge(policy, claim(aspect="style")), Rule)
    assert decided(policy, kind="preference", aspect="safety") == "known people"


def test_origins_are_told_apart() -> None:
    policy = load(TEXT)
    assert decided(policy, kind="label") == "known people"
    assert decided(policy, kind="label", origin=Origin.AUTOMATED) == "machines among people"
    assert decided(policy, kind="label", origin=Origin.SELF_TRAINING) == "models among people"
    assert decided(policy, kind="rating", origin=Origin.SELF_TRAINING) == ""


def test_a_rule_for_one_scope_and_aspect_speaks_of_no_other() -> None:
    text = changed('scopes = ["*"]', 'scopes = ["helpful"]\naspects = ["style"]')
    policy = load(text)
    assert decided(policy, aspect="style") == "known people"
    assert decided(policy, aspect="style", scope="harmless") == ""
    assert decided(policy, aspect="") == ""


def test_a_duration_is_spelled_as_it_is_read() -> None:
    policy = load(TEXT)
    assert [spell(rule.dwell) for rule in policy.rule] == ["1d", "1d", "1d", "1d", "3d", "3d"]
    assert [spell(rule.min_age) for rule in policy.rule][:2] == ["0s", "1w"]
