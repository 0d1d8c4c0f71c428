"""The behaviour gate by its commands: a look, a release that asks for it, and every refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvals.gate import GATE, GateReport
from approvals.refusals import refusals
from tests.gatehouse import Gatehouse
from tests.room import LOOSE
from tests.unit.test_gate_release import GATED, SOURCES, told


def opened(folder: Path, policy: str = GATED, *, poison: bool = False) -> Gatehouse:
    house = Gatehouse(folder, policy=policy)
    house.room.hear(told(1, 120, poison=poison))
    house.room.score(f"rater/{n}" for n in range(SOURCES))
    return house


def asked(house: Gatehouse) -> str:
    return house.ask(kind="preference")


def test_a_release_runs_the_gate_that_its_policy_asks_for(tmp_path: Path) -> None:
    house = opened(tmp_path)
    request = asked(house)
    shown = house.run("request", "show", request, code=8)
    assert shown["gate"] == {
        "gate": "behaviour",
        "passed": False,
        "missing": f"the gate 'behaviour' was not run: quarantine gate {request}",
    }
    house.vote(request, "ben", "cleo")
    out = house.release(request)
    report = GateReport.parse((out / GATE).read_bytes())
    assert report.passed
    assert house.run("request", "show", request)["gate"]["passed"]
    trust = ["--trust", str(house.state.trust)]
    assert house.run("release", "verify", str(out), *trust)["verified"]
    assert house.run("audit", "verify")["problems"] == []


def test_a_look_says_what_was_measured_and_is_kept(tmp_path: Path) -> None:
    house = opened(tmp_path)
    request = asked(house)
    file = tmp_path / "gate.json"
    looked = house.run("gate", request, "--out", str(file))
    assert looked["passed"]
    assert GateReport.parse(file.read_bytes()).model_dump(mode="json") == looked["report"]
    house.vote(request, "ben", "cleo")
    size = house.room.store.size()
    out = house.release(request)
    assert (out / GATE).read_bytes() == file.read_bytes()
    acts = [each.act.kind for each in house.room.store.acts(size)]
    assert "gate-reported" not in acts, "what was measured is not measured again"


def test_poison_is_refused_with_exit_code_6_and_written_down(tmp_path: Path) -> None:
    house = opened(tmp_path, poison=True)
    request = asked(house)
    house.run("gate", request, code=6)
    shown = house.run("request", "show", request, code=8)
    assert "zorbax" in shown["gate"]["missing"]
    house.vote(request, "ben", "cleo")
    house.release(request, code=6)
    house.refused("release make", request, "the gate 'behaviour' stops it")


def test_without_the_operators_key_the_gate_must_have_been_run_before(tmp_path: Path) -> None:
    house = opened(tmp_path)
    request = asked(house)
    house.vote(request, "ben", "cleo")
    key = house.state.key("operator")
    away = key.rename(tmp_path / "operator.pem")
    house.release(request, code=6)
    assert [each for _, each in refusals(house.room.store)][-1].what == "release make"
    away.rename(key)
    house.run("gate", request)
    key.rename(tmp_path / "operator.pem")
    house.release(request)


@pytest.mark.parametrize("policy", [LOOSE, GATED[:-13] + 'label"]\n'])
def test_a_gate_that_no_policy_asks_for_is_not_run(tmp_path: Path, policy: str) -> None:
    house = opened(tmp_path, policy)
    request = asked(house)
    house.run("gate", request, code=2)
    assert house.run("request", "show", request, code=8)["gate"] is None
    house.vote(request, "ben", "cleo")
    assert not (house.release(request) / GATE).exists()
