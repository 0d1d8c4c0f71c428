"""The rights that a deployment gives are enough for the work, and for no attack."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import NoPermissionError

from service import health, wiring
from service.bus import DEAD, GROUP, NOTICES, connect
from service.embedded import EmbeddedBus
from service.passage import LAST_ID
from service.reconcile import status
from tests.producing import Site, event, fields_of, until

PREPARE = Path(__file__).parent.parent.parent / "examples" / "deploy" / "prepare.py"


@pytest.fixture
def passwords(bus: EmbeddedBus, tmp_path: Path) -> dict[str, str]:
    """Give the bus the users that a deployment gets; return their passwords."""
    house = tmp_path / "house"
    house.mkdir()
    runpy.run_path(str(PREPARE))["prepare"](house, ["app"])
    found = {}
    with connect(bus.url) as client:
        for line in (house / "redis" / "users.acl").read_text("utf-8").splitlines():
            _, name, *rights = line.split()
            if name == "default":
                continue
            given = [right for right in rights if not right.startswith("#")]
            client.execute_command("ACL", "SETUSER", name, ">secret", *given)
            found[name] = "secret"
    return found


def as_user(site: Site, name: str, passwords: dict[str, str]) -> str:
    return site.url.replace("unix://", f"unix://{name}:{passwords[name]}@")


async def test_intake_does_all_its_work_with_the_rights_of_intake(
    site: Site, passwords: dict[str, str]
) -> None:
    app = site.register("app")
    administrator = site.client
    app.client = connect(as_user(site, "app", passwords))
    site.url = as_user(site, "intake", passwords)
    app.say(event(1), {"junk": True})
    async with site.taking_in():
        await until(lambda: site.received("app") == 1)
        administrator.xadd(app.stream, {"junk": "1"}, id=LAST_ID)
        await until(lambda: any(a.act.kind == "stream-forged" for a in site.store.acts()))
        app.say(event(2))
        await until(lambda: site.received("app") == 3)
        await until(lambda: administrator.xlen(DEAD) == 2)
        administrator.xgroup_destroy(app.stream, GROUP)
        app.say(event(3))
        await until(lambda: site.received("app") == 4)
    document: Any = status(site.store, site.url, open_requests=0)
    assert document["producers"]["app"]["gap"] == 0
    assert document["producers"]["app"]["events"]["stored"] == 3
    assert health.preflight(site.url) == []
    app.client.close()


def test_a_producer_can_publish_and_do_nothing_else(site: Site, passwords: dict[str, str]) -> None:
    app = site.register("app")
    other = site.register("other")
    site.client.xadd(NOTICES, {"event": "secret"})
    entry = fields_of(app.key, "app", 1, b"[]")
    with connect(as_user(site, "app", passwords)) as client:
        client.xadd(app.stream, entry)
        tried: list[tuple[str, ...]] = [
            ("XADD", other.stream, "*", "f", "v"),
            ("XADD", NOTICES, "*", "f", "v"),
            ("XRANGE", app.stream, "-", "+"),
            ("XREAD", "STREAMS", NOTICES, "0"),
            ("EVAL", "return redis.call('PING')", "0"),
            ("XTRIM", app.stream, "MAXLEN", "0"),
            ("CONFIG", "GET", "*"),
            ("XGROUP", "DESTROY", app.stream, GROUP),
            ("FLUSHALL",),
            ("PUBLISH", "approvals.decisions", "yes"),
        ]
        for words in tried:
            with pytest.raises(NoPermissionError):
                client.execute_command(*words)
    assert site.client.xlen(app.stream) == 1
    found = health.examine(site.url, wiring.now(), ["app"])
    assert found["producers' rights"] == []


def test_the_health_user_can_only_ask_whether_it_answers(
    site: Site, passwords: dict[str, str]
) -> None:
    with connect(as_user(site, "health", passwords)) as client:
        assert client.ping()
        with pytest.raises(redis.ResponseError):
            client.keys("*")
