"""The gate's commands through their doors: policies, glass, samples, probes, appeals, queues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from approvals.audit import unsound
from quarantine.model import Verdict
from service import wiring
from tests.gatehouse import Gatehouse
from tests.room import LOOSE, body

DAY = timedelta(days=1)
STRICT = (
    LOOSE.replace("people = 2", "people = 3").replace('_ttl = "1h"', '_ttl = "3d"')
    + '\n[loosening]\npeople = 2\ndelay = "24h"\n'
)


@pytest.fixture
def gate(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Gatehouse]:
    opened = Gatehouse(tmp_path, getattr(request, "param", LOOSE))
    with opened.room.store:
        yield opened
        assert unsound(opened.room.store, roles=wiring.role_publics(opened.state)) == []


def under(text: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("gate", [text], indirect=True, ids=["policy"])


@under(STRICT)
def test_a_loosened_policy_touches_no_release_for_a_day(gate: Gatehouse) -> None:
    """Two people approve what needs three; the policy is loosened for it, and it is in vain."""
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    looser = STRICT.replace("people = 3", "people = 2")
    new = gate.folder / "new.toml"
    new.write_text(looser)
    simulated = gate.run("policy", "simulate", "--policy", str(new), "--since", "30d")
    assert simulated["loosens"] == ["quorum for a request: 3 people become 2"]
    assert simulated["replayed"][0]["rows"] == simulated["replayed"][0]["rows_after"] == 36
    made = gate.run("policy", "propose", str(new), *gate.signed("ana"))
    gate.state.policy.write_text(looser)
    gate.run("policy", "approve", made["proposal"], *gate.signed("ana"), code=4)
    gate.refused("policy approve", made["proposal"], "cannot approve it")
    for name in ("ben", "cleo"):
        gate.run("policy", "approve", made["proposal"], *gate.signed(name))
    gate.release(request, code=6)
    gate.refused("release make", request, "2 of 3 people approve")
    assert gate.run("policy", "status")["proposals"][0]["state"] == "approved"
    gate.room.later(DAY - timedelta(minutes=10))
    gate.release(request, code=6)
    gate.room.later(timedelta(minutes=10))
    gate.release(request, code=7)
    gate.refused("release make", request, "the policy in force is not the one")
    anew = gate.ask()
    gate.vote(anew, "ben", "cleo")
    gate.release(anew)


def test_a_policy_is_tried_on_a_table_of_cases(gate: Gatehouse) -> None:
    cases = gate.folder / "cases.toml"
    cases.write_text(
        '[[event]]\nname = "a click on safety"\nscope = "s"\nkind = "signal"\naspect = "safety"\n'
        'origin = "automated"\ntier = "vetted"\nexpect = "stays"\n'
    )
    policy = str(gate.state.policy)
    (found,) = gate.run("policy", "test", policy, str(cases))
    assert (found["came"], found["because"]) == ("stays", "denied: no safety by applause")
    cases.write_text(cases.read_text().replace("stays", "leaves"))
    gate.run("policy", "test", policy, str(cases), code=6)


def test_simulate_tells_rows_and_sources_that_another_policy_gains_and_loses(
    gate: Gatehouse,
) -> None:
    gate.ask()
    new = gate.folder / "new.toml"
    new.write_text(LOOSE.replace("rows = 60", "rows = 2").replace("rows = 30", "rows = 30"))
    found = gate.run("policy", "simulate", "--policy", str(new))
    assert [each["request"] == "now" for each in found["replayed"]] == [False, True]
    for each in found["replayed"]:
        assert (each["rows"], each["rows_after"]) == (36, 24)
        assert (each["rows_gained"], each["rows_lost"]) == (0, 12)
        assert each["sources_lost"] == []
    new.write_text(LOOSE.replace('scopes = ["*"]', 'scopes = ["other"]', 1))
    (then, _) = gate.run("policy", "simulate", "--policy", str(new), "--since", "30d")["replayed"]
    assert then["rows_after"] == 0
    assert len(then["sources_lost"]) == 12


@under(LOOSE + '\n[glass]\nroles = ["security"]\nreview_within = "24h"\n')
def test_broken_glass_is_listed_until_somebody_looked(gate: Gatehouse) -> None:
    gate.room.add("sue", roles=["security"])
    request = gate.ask()
    gate.run("glass", "break", request, *gate.signed("ben"), code=4)
    gate.refused("break-glass", request, "may not break the glass")
    gate.run("glass", "break", request, *gate.signed("sue", "the live model is wrong"))
    out = gate.release(request)
    shown = gate.run("release", "show", str(out), "--trust", str(gate.state.trust))
    assert shown["bypass"]["by"] == "sue"
    assert shown["bypass"]["because"] == "the live model is wrong"
    (listed,) = gate.run("glass", "list")
    assert (listed["reviewed_by"], listed["overdue"]) == (None, False)
    gate.room.later(DAY)
    gate.run("glass", "list", code=6)
    gate.run("glass", "review", request, "--sound", *gate.signed("sue"), code=4)
    gate.refused("glass review", request, "another must look")
    gate.run("glass", "review", request, "--unsound", *gate.signed("cleo"))
    (listed,) = gate.run("glass", "list")
    assert (listed["reviewed_by"], listed["sound"], listed["overdue"]) == ("cleo", False, False)


@under(LOOSE + "\n[reading]\nshare = 0.1\n")
def test_whoever_approves_has_read_what_was_drawn(gate: Gatehouse) -> None:
    request = gate.ask()
    gate.vote(request, "ben", code=6)
    gate.refused("approve", request, "must be read first")
    sample = gate.folder / "sample.json"
    found = gate.run("request", "sample", request)
    assert 1 <= len(found["read"]) == len(found["rows"]) < 36
    sample.write_text(json.dumps(found))
    for name in ("ben", "cleo"):
        gate.run("approve", request, *gate.signed(name), "--read", str(sample))
    out = gate.release(request)
    gate.run("release", "verify", str(out), "--trust", str(gate.state.trust))


def test_an_appeal_is_heard_by_another_and_measured(gate: Gatehouse) -> None:
    who = "app/rater/3"
    gate.run("sources", "hold", who, *gate.signed("ben"))
    gate.run("sources", "appeal", who, *gate.signed("ana", "we know them"))
    queue = gate.run("sources", "queue")
    assert [each["source"] for each in queue["cases"]] == [who]
    gate.run("sources", "clear", who, *gate.signed("ben"), code=4)
    gate.refused("sources clear", who, "another must rule")
    gate.run("sources", "clear", who, *gate.signed("cleo"))
    found = gate.run("sources", "appeals")
    assert (found["appeals"], found["open"], found["cleared"]) == (1, 0, 1)
    assert found["all"][0]["decided_by"] == "cleo"


@under(LOOSE + '\n[workload]\ncases = 5\nreserved = 0.4\npatience = "2d"\n')
def test_the_queue_holds_no_more_than_a_day_and_rejects_by_time(gate: Gatehouse) -> None:
    names = [f"rater/{n}" for n in range(40, 60)]
    gate.room.hear([body(name, f"{name}-x", "answer-1") for name in names])
    gate.room.score(names, verdict=Verdict.HOLD)
    found = gate.run("sources", "queue")
    assert (len(found["cases"]), found["waiting"], found["lapsed"]) == (5, 15, [])
    gate.run("sources", "hold", found["cases"][0]["source"], *gate.signed("ben"))
    found = gate.run("sources", "queue")
    assert (len(found["cases"]), found["waiting"]) == (4, 15)
    request = gate.ask()
    assert gate.request(request).sources == 12, "what waits is not released by waiting"


def test_what_a_lost_key_said_before_is_listed_when_it_is_revoked(gate: Gatehouse) -> None:
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    out = gate.release(request)
    told = gate.run("reviewer", "revoke", "ben")
    assert [(each["request"], each["decision"]) for each in told["votes"]] == [(request, "approve")]
    assert told["votes"][0]["release"].startswith("helpful@")
    gate.run("release", "verify", str(out), "--trust", str(gate.state.trust))
    gate.room.crowd(2, 1, first=80)
    gate.vote(gate.ask(), "ben", code=4)
    gate.run("reviewer", "revoke", "cleo", "--since", "2027-01-01T00:00:00Z", code=2)


def test_no_probe_can_be_made_of_nothing(gate: Gatehouse) -> None:
    gate.run("probe", "plant", code=6)
    gate.run("probe", "appeal", "0" * 8, *gate.signed("ben"), code=2)


def test_a_probe_is_shown_and_ruled_on_as_any_source_is(gate: Gatehouse) -> None:
    chance = np.random.default_rng(0)
    names = [f"rater/{1000 + n}" for n in range(60)]
    gate.room.hear(
        body(name, f"{name}-{t}", f"item-{t}", 1 + (t + int(chance.random() < 0.2)) % 5)
        for name in names
        for t in chance.choice(30, 12, replace=False).tolist()
    )
    gate.room.score(names)
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    gate.release(request)
    planted = gate.run("probe", "plant", "--each", "2", "--seed", "5")
    assert planted["bad"] >= 2
    queue = gate.run("sources", "queue", "--as", "ben")
    probe = queue["cases"][0]["source"]
    assert len(queue["cases"]) == planted["probes"]
    assert gate.run("sources", "show", probe)["source"] == probe.removeprefix("app/")
    gate.run("sources", "clear", probe, *gate.signed("ben"))
    told = gate.run("probe", "record", "ben")
    assert told["answers"] == 1
    left = gate.run("sources", "queue", "--as", "ben")["cases"]
    assert probe not in [each["source"] for each in left], "each is shown once"
    assert gate.run("probe", "pairs") == []
    for each in told["missed"]:
        gate.run("probe", "appeal", each["probe"][:12], *gate.signed("ben"))
        gate.run("probe", "strike", each["probe"][:12], *gate.signed("ben"), code=4)
        gate.run("probe", "strike", each["probe"][:12], *gate.signed("cleo"))
        assert gate.run("probe", "record", "ben")["answers"] == 0
