"""The compose file: valid, whole, and with the settings that nothing can do without."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import compose_spec
import pytest

from service.app import ALONE, LOOPS, SPEAKING

PROJECT = Path(__file__).parent.parent
ROLES = {"intake-1": "intake", "intake-2": "intake"} | {
    role: role for role in ("scoring", "releasing", "witness")
}
"""The containers of the service, and the role of each."""
THIRD = {"redis", "postgres", "prometheus", "grafana"}


def interpolated(text: str) -> str:
    """Put the defaults in, as compose does where nothing is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    options = compose_spec.PyOptions(apply_merge=True)
    read = options.from_yaml(interpolated((PROJECT / "compose.yaml").read_text(encoding="utf-8")))
    read.to_spec()
    found: dict[str, Any] = read.to_dict()
    return found


@pytest.fixture(scope="module")
def prepared() -> dict[str, Any]:
    return runpy.run_path(str(PROJECT / "examples" / "deploy" / "prepare.py"))


def test_every_role_has_a_container_and_intake_has_two(compose: dict[str, Any]) -> None:
    assert set(ROLES.values()) == {*LOOPS, *ALONE}
    for name, role in ROLES.items():
        assert compose["services"][name]["command"] == ["up", "--only", role]
        assert compose["services"][name]["restart"] == "always", "a bus that is gone ends it with 0"
    assert set(compose["services"]) >= THIRD


def test_nothing_of_ours_may_write_to_its_image_or_become_somebody_else(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        if name in THIRD:
            continue
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"] == "10001:10001", name


def test_no_secret_stands_in_the_file(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        said = service.get("environment") or {}
        for variable, value in said.items():
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), (name, variable)
            if "PASSWORD" in variable:
                assert "FILE" in variable, (name, variable)


def test_the_bus_forgets_nothing_and_evicts_nothing(compose: dict[str, Any]) -> None:
    command = compose["services"]["redis"]["command"]
    settings = dict(zip(command[1::2], command[2::2], strict=True))
    assert settings["--appendonly"] == "yes"
    assert settings["--maxmemory-policy"] == "noeviction"
    assert settings["--aclfile"] == "/etc/redis/users.acl"


def test_only_this_machine_reaches_what_has_a_door(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for port in service.get("ports") or []:
            assert str(port).startswith("127.0.0.1:"), name
    inner = compose["networks"]
    assert all(inner[name]["internal"] for name in ("bus", "store", "watch"))


def test_who_has_no_business_with_the_bus_does_not_reach_it(compose: dict[str, Any]) -> None:
    for name, role in ROLES.items():
        service = compose["services"][name]
        assert ("bus" in service["networks"]) == (role in SPEAKING), name
        assert ("FQ_BUS" in service["environment"]) == (role in SPEAKING), name


def test_each_role_speaks_to_the_store_as_itself_and_lives_in_a_home_of_its_own(
    compose: dict[str, Any], prepared: dict[str, Any]
) -> None:
    homes = prepared["HOMES"]
    for name in (*ROLES, "operator"):
        service = compose["services"][name]
        assert f"./house/{name}:/state" in map(str, service["volumes"]), name
        assert f"//{homes[name][2]}@postgres/" in service["environment"]["FQ_STORE"], name
        user = homes[name][1]
        assert service["environment"].get("FQ_BUS", "") == (
            f"redis://{user}@redis:6379" * bool(user)
        )
    owner = compose["services"]["migrate"]["environment"]["FQ_STORE"]
    assert f"//{compose['services']['postgres']['environment']['POSTGRES_USER']}@" in owner


def test_the_export_container_has_no_way_to_the_store(compose: dict[str, Any]) -> None:
    export = compose["services"]["export"]
    assert export["network_mode"] == "none"
    assert not export.get("networks")
    assert not export.get("environment")
    assert not any("/state" in str(each) for each in export["volumes"])


def test_what_lasts_is_asked_whether_it_lives_whoever_built_the_image(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        if name in ROLES:
            assert "/livez" in service["healthcheck"]["test"][-1], name
        elif name not in THIRD:
            assert service["healthcheck"] == {"disable": True}, name
            assert service["restart"] == "no", name


def test_who_reads_the_password_of_the_dashboards_is_who_it_was_written_for(
    compose: dict[str, Any],
) -> None:
    assert compose["services"]["grafana"]["user"] == "10001:0", "else it is empty, and admin's"
    told = (PROJECT / "examples" / "deploy" / "prepare.py").read_text(encoding="utf-8")
    assert '(*HOMES, "grafana")' in told


def test_an_image_is_built_of_the_program_alone() -> None:
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert lines[1] == "*", "keys and passwords lie beside it"
    assert kept == {
        *("pyproject.toml", "README.md", "LICENSE"),
        *("quarantine", "approvals", "service"),
    }


def test_what_is_mounted_is_there(compose: dict[str, Any]) -> None:
    made = {"house"}  # by prepare.py
    for service in compose["services"].values():
        for volume in map(str, service.get("volumes") or []):
            source = volume.partition(":")[0]
            if source.startswith("./") and source.split("/")[1] not in made:
                assert (PROJECT / source).is_file(), source
