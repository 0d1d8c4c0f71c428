"""The compose file: valid, and with the settings that the bus cannot do without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import compose_spec
import pytest

from service.app import LOOPS

FILE = Path(__file__).parent.parent / "compose.yaml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    options = compose_spec.PyOptions(apply_merge=True)
    read = options.from_yaml(FILE.read_text(encoding="utf-8"))
    read.to_spec()
    found: dict[str, Any] = read.to_dict()
    return found


def test_every_role_has_a_container(compose: dict[str, Any]) -> None:
    assert set(LOOPS) <= set(compose["services"])
    for role in LOOPS:
        assert compose["services"][role]["command"] == ["up", "--only", role]
        assert compose["services"][role]["restart"] == "always", "a bus that is gone ends it with 0"
        assert compose["services"][role]["read_only"] is True


def test_the_bus_forgets_nothing_and_evicts_nothing(compose: dict[str, Any]) -> None:
    command = compose["services"]["redis"]["command"]
    settings = dict(zip(command[1::2], command[2::2], strict=True))
    assert settings["--appendonly"] == "yes"
    assert settings["--maxmemory-policy"] == "noeviction"


def test_a_producer_may_add_to_its_own_stream_and_nothing_else(compose: dict[str, Any]) -> None:
    users = compose["configs"]["users"]["content"].splitlines()
    (app,) = [line for line in users if line.startswith("user app ")]
    rights = app.split()[4:]
    assert rights == ["resetkeys", "%W~feedback:in:app", "resetchannels", "-@all", "+xadd"]
    assert "user default off" in users


def test_the_export_container_has_no_way_to_the_store(compose: dict[str, Any]) -> None:
    mounted = [each.split(":")[0] for each in compose["services"]["export"]["volumes"]]
    assert "state" not in mounted
    assert all("state" in str(compose["services"][role]["volumes"]) for role in LOOPS)
