"""A forged entry id stops one stream: it is found, told and repaired, and no other one notices."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from service.bus import NOTICES, connect
from service.passage import LAST_ID
from service.reconcile import status
from service.telling import Telling
from tests.producing import Sender, Site, event, until

CENTURY = "4102444800000-0"


def ends_in(site: Site, sender: Sender) -> str:
    info: Any = site.client.xinfo_stream(sender.stream)
    return str(info["last-generated-id"].decode())


def figures(site: Site, name: str) -> Any:
    document: Any = status(site.store, site.url, open_requests=0)
    return document["producers"][name]


@pytest.mark.parametrize("forged", [LAST_ID, CENTURY])
async def test_d2_a_forged_id_stops_only_its_producer_and_is_repaired(
    site: Site, forged: str
) -> None:
    app, other = site.register("app"), site.register("other")
    app.say(event(1))
    async with site.taking_in():
        await until(lambda: site.received("app") == 1)
        site.client.xadd(app.stream, {"junk": "1"}, id=forged)
        other.say(event(1))
        await until(lambda: site.received("other") == 1)
        await until(lambda: int(ends_in(site, app).split("-")[0]) < 4_000_000_000_000)
        app.say(event(2))
        other.say(event(2))
        await until(lambda: site.received("app") == 3 and site.received("other") == 2)
        await until(lambda: site.waiting(app.stream) == 0)
        assert figures(site, "app")["gap"] == 0
    found = figures(site, "app")
    assert found["entries"] == {"added": 3, "received": 3, "lost": 0, "pending": 0}
    assert (found["gap"], found["events"]["stored"]) == (0, 2)
    assert figures(site, "other")["entries"] == {"added": 2, "received": 2, "lost": 0, "pending": 0}
    Telling(site.store, site.state.told).once(site.client)
    (told,) = [json.loads(fields[b"event"]) for _, fields in site.client.xrange(NOTICES)]
    assert told["type"] == "feedback.notice.stream-forged.v1"
    assert (told["subject"], told["data"]["forged"]) == ("app", forged)


async def test_d2_a_forged_id_that_deletes_its_own_entry_is_repaired_too(site: Site) -> None:
    app = site.register("app")
    async with site.taking_in():
        app.say(event(1))
        await until(lambda: site.received("app") == 1)
        await until(lambda: site.waiting(app.stream) == 0)
        site.client.execute_command("XADD", app.stream, "MAXLEN", "0", LAST_ID, "junk", "1")
        await until(lambda: ends_in(site, app) != LAST_ID)
        app.say(event(2))
        await until(lambda: site.received("app") == 2)
        await until(lambda: figures(site, "app")["entries"]["added"] == 3)
    assert figures(site, "app")["gap"] == 1, "the entry that deleted itself is missed, and shown"


async def test_d2_a_stream_is_not_set_back_before_all_in_it_is_taken_in(site: Site) -> None:
    app = site.register("app")
    for number in range(40):
        app.say(event(number))
    site.client.xadd(app.stream, {"junk": "1"}, id=LAST_ID)
    async with site.taking_in():
        await until(lambda: ends_in(site, app) != LAST_ID)
    assert site.received("app") == 41
    assert site.store.counts()["app"].stored == 40


async def test_d2_without_the_right_to_repair_it_is_told_once_and_the_rest_goes_on(
    site: Site,
) -> None:
    app, other = site.register("app"), site.register("other")
    rights = ["+@all", "-xsetid"]
    site.client.acl_setuser("weak", enabled=True, passwords=["+pw"], keys=["*"], commands=rights)
    site.url = site.url.replace("unix://", "unix://weak:pw@")
    with connect(site.url) as weak, pytest.raises(redis.ResponseError):
        weak.execute_command("XSETID", "x", "1-1")
    site.client.xadd(app.stream, {"junk": "1"}, id=LAST_ID)
    async with site.taking_in():
        await until(lambda: any(a.act.kind == "stream-forged" for a in site.store.acts()))
        other.say(event(1))
        await until(lambda: site.received("other") == 1)
    assert sum(logged.act.kind == "stream-forged" for logged in site.store.acts()) == 1
    assert ends_in(site, app) == LAST_ID


async def test_without_the_bus_clock_nothing_is_repaired_and_all_else_goes_on(site: Site) -> None:
    app = site.register("app")
    rights = ["+@all", "-time"]
    site.client.acl_setuser("weak", enabled=True, passwords=["+pw"], keys=["*"], commands=rights)
    site.url = site.url.replace("unix://", "unix://weak:pw@")
    site.client.xadd(app.stream, {"junk": "1"}, id=CENTURY)
    async with site.taking_in():
        app.say(event(1))
        await until(lambda: site.received("app") == 2)
    assert ends_in(site, app).startswith("4102444800000-")
