"""What the doctor says of a house: well where it is, and each unsafe setting with its mend."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from quarantine.errors import RefusedError
from service import flaws, health, premises, wiring
from service.cli import app as commands
from service.cli.rim import ServiceRim
from service.passage import LAST_ID
from tests.faults.cluster import free_port
from tests.faults.proxy import way_to
from tests.producing import Site

RIGHTS = ("resetkeys", "%W~feedback:in:app", "resetchannels", "-@all", "+xadd")


def doctor(site: Site, *words: str) -> tuple[int, dict[str, Any]]:
    """Run the command; return its exit code, and by check what is wrong."""
    given = ["doctor", "--state", str(site.state.root), "--json", *words]
    done = CliRunner().invoke(commands, given, obj=ServiceRim())
    said = json.loads(done.stdout)
    assert said["safe"] == (done.exit_code == 0)
    wrong = {each["check"]: each["doubts"] for each in said["checks"] if not each["ok"]}
    assert said["safe"] == (not wrong)
    return done.exit_code, wrong


def user(site: Site, name: str, *rights: str) -> None:
    site.client.execute_command("ACL", "SETUSER", name, "on", ">secret", *rights)


def test_a_house_as_it_comes_is_safe(site: Site) -> None:
    site.register("app")
    user(site, "app", *RIGHTS)
    assert doctor(site, "--bus", site.url) == (0, {})
    assert doctor(site) == (0, {}), "the embedded bus need not run"


def test_a_bus_that_forgets_or_evicts_is_named_with_its_mend(site: Site) -> None:
    site.client.config_set("appendonly", "no")
    site.client.config_set("maxmemory-policy", "allkeys-lru")
    code, wrong = doctor(site, "--bus", site.url)
    assert code == 1
    mends = [doubt["mend"] for doubt in wrong["bus: append-only file and eviction"]]
    assert mends == ["set appendonly yes", "set maxmemory-policy noeviction"]


def test_a_bus_that_is_too_old_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "OLDEST", (999, 0))
    code, wrong = doctor(site, "--bus", site.url)
    assert code == 1
    assert wrong["bus: server version"][0]["mend"] == "run 999.0 or newer"
    with pytest.raises(RefusedError, match=r"999\.0"):
        health.require(site.url, allow_volatile=True)


def test_a_bus_that_does_not_answer_is_not_safe(site: Site) -> None:
    code, wrong = doctor(site, "--bus", "unix:///nowhere/bus.sock")
    assert (code, list(wrong)) == (1, ["bus"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("+@scripting", "run scripts"),
        ("+@dangerous", "run dangerous commands"),
        ("+xrange %RW~feedback:in:app", "read its stream"),
        ("+xread %R~feedback:in:app", "read its stream"),
        ("+xtrim", "trim its stream"),
        ("+publish &*", "use channels"),
        ("%W~feedback:in:*", "publish to others' streams"),
        ("%W~feedback:dead", "write dead letters"),
        ("+xrange %R~feedback:notices", "read the notices"),
        ("+@all ~*", "delete keys"),
    ],
)
def test_d8_a_producer_with_more_than_its_right_is_named(site: Site, more: str, said: str) -> None:
    site.register("app")
    user(site, "app", *RIGHTS, *more.split())
    code, wrong = doctor(site, "--bus", site.url)
    assert code == 1
    (doubt,) = wrong["bus: producers' rights"]
    assert said in doubt["because"]
    assert "resetkeys %W~feedback:in:app" in doubt["mend"]


def test_d8_the_service_does_not_start_beside_a_producer_that_may_run_scripts(site: Site) -> None:
    user(site, "app", *RIGHTS)
    health.require(site.url, allow_volatile=False)
    user(site, "app", *RIGHTS, "+@scripting")
    with pytest.raises(RefusedError, match="run scripts"):
        health.require(site.url, allow_volatile=True)


def test_an_unregistered_user_of_one_stream_is_looked_at_too(site: Site) -> None:
    user(site, "writer", *RIGHTS, "+eval")
    _, wrong = doctor(site, "--bus", site.url)
    assert "writer" in wrong["bus: producers' rights"][0]["because"]


def test_who_may_not_look_says_so(site: Site) -> None:
    user(site, "weak", "~*", "+@all", "-@admin", "-info")
    code, wrong = doctor(site, "--bus", site.url.replace("unix://", "unix://weak:secret@"))
    assert code == 1
    assert wrong["bus: server version"][0]["mend"] == "ask as an administrator"


def test_a_file_that_others_can_read_is_named(site: Site) -> None:
    (site.state.key("operator")).chmod(0o644)
    site.state.store.chmod(0o640)
    code, wrong = doctor(site)
    assert code == 1
    assert wrong["keys and secrets"][0]["mend"] == f"chmod 600 {site.state.key('operator')}"
    assert wrong["store and state"][0]["mend"] == f"chmod 600 {site.state.store}"


def test_a_secret_and_a_socket_that_others_can_reach_are_named(site: Site) -> None:
    site.register_hmac("clicks", b"a secret that nobody knows")
    (secret,) = site.state.secrets.iterdir()
    secret.chmod(0o604)
    site.state.bus.mkdir(mode=0o755)
    site.state.bus.chmod(0o755)
    _, wrong = doctor(site)
    assert str(secret) in wrong["keys and secrets"][0]["because"]
    assert str(site.state.bus) in wrong["socket"][0]["because"]


def test_a_clock_far_off_is_named(site: Site) -> None:
    at = wiring.now()
    found = health.examine(site.url, at + timedelta(minutes=10), ())
    assert "-600 s" in found["clock"][0].because
    assert health.examine(site.url, at, ())["clock"] == []


def test_a_full_bus_and_a_full_disk_are_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.client.config_set("maxmemory", "1mb")
    monkeypatch.setattr(premises, "LEAST_FREE", 2**62)
    _, wrong = doctor(site, "--bus", site.url)
    assert {"bus: memory", "disk"} <= wrong.keys()


def test_a_stream_that_ends_in_a_forged_id_is_named(site: Site) -> None:
    site.client.xadd("feedback:in:app", {"junk": "1"}, id=LAST_ID)
    _, wrong = doctor(site, "--bus", site.url)
    assert "XSETID feedback:in:app" in wrong["bus: streams"][0]["mend"]


def test_a_port_that_is_open_to_everybody_is_named(site: Site) -> None:
    port = free_port()
    site.client.config_set("port", port)
    found = health.examine(f"redis://127.0.0.1:{port}", wiring.now(), ())
    assert found["everybody's rights"][0].mend == "ACL SETUSER default off"


def test_d8_a_server_with_a_known_flaw_that_others_reach_is_refused_at_the_start(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    flaw = flaws.Flaw("CVE-0", "who asks can take it over", {flaws.VALKEY: ((999, 0, 1),)})
    monkeypatch.setattr(flaws, "FLAWS", (flaw,))
    health.require(site.url, allow_volatile=False)  # a private socket is ours alone
    with way_to(site.url) as way:
        code, wrong = doctor(site, "--bus", way.url)
        assert code == 1
        (doubt,) = wrong["bus: server version"]
        assert "CVE-0: who asks can take it over" in doubt["because"]
        health.require(way.url, allow_volatile=False)  # only this machine reaches it
        monkeypatch.setattr(health, "LOOPBACK", frozenset())
        with pytest.raises(RefusedError, match="CVE-0"):
            health.require(way.url, allow_volatile=True)
        health.require(way.url, allow_volatile=False, allow_flawed=True)
        mended = flaw._replace(mended={flaws.VALKEY: ((9, 0, 1),)})
        monkeypatch.setattr(flaws, "FLAWS", (mended,))
        health.require(way.url, allow_volatile=False)
