"""Losses that were planted come to light, with their size; what only waits is no loss."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from approvals.attest import record_of
from approvals.mishaps import LossReported
from service import wiring
from service.bus import GROUP, NOTICES
from service.reconcile import GRACE, Reconciler, status
from service.servers import open_bus
from service.telling import Telling
from tests.producing import Sender, Site, batch_of, event, fields_of, until


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = wiring.now()

    def __call__(self) -> Any:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


def reconciler(site: Site, clock: Clock) -> Reconciler:
    signer = wiring.role_signer(site.state, "intake")
    return Reconciler(site.store, open_bus(site.url), signer, clock)


def figures(site: Site, url: str | None = "") -> dict[str, Any]:
    document: Any = status(site.store, site.url if url == "" else url, open_requests=0)
    return {"gap": document["producers"]["app"]["gap"], **document["producers"]["app"]["entries"]}


def after_the_grace(site: Site) -> None:
    """Let what is missing be seen, and be missing still when its time is over."""
    clock = Clock()
    watching = reconciler(site, clock)
    watching.once()
    clock.pass_by(GRACE)
    watching.once()


async def taken_in(site: Site, app: Sender, entries: int) -> None:
    """Take in what waits, with an intake that reports no losses of its own, however slow it is."""
    intake = site.intake()
    intake.reconciler.grace = timedelta(hours=1)
    async with site.taking_in(intake):
        await until(lambda: site.received(app.name) == entries)
        await until(lambda: site.waiting(app.stream) == 0)


async def test_an_entry_deleted_before_it_was_read_leaves_a_gap(site: Site) -> None:
    app = site.register("app")
    ids = [app.say(event(number)) for number in range(5)]
    assert figures(site) == {"added": 5, "received": 0, "lost": 0, "pending": 5, "gap": 0}
    site.client.xdel(app.stream, ids[-1])
    assert figures(site) == {"added": 5, "received": 0, "lost": 0, "pending": 4, "gap": 1}
    await taken_in(site, app, 4)
    assert figures(site) == {"added": 5, "received": 4, "lost": 0, "pending": 0, "gap": 1}


async def test_a_missing_number_is_reported_lost_after_the_grace_and_once(site: Site) -> None:
    app = site.register("app")
    ids = [app.say(event(number)) for number in range(6)]
    site.client.xdel(app.stream, ids[2], ids[3])
    await taken_in(site, app, 4)
    clock = Clock()
    watching = reconciler(site, clock)
    watching.once()
    assert figures(site)["gap"] == 2
    clock.pass_by(GRACE - timedelta(seconds=1))
    watching.once()
    assert figures(site)["lost"] == 0
    clock.pass_by(timedelta(seconds=1))
    for again in (watching, watching, reconciler(site, clock)):
        again.once()
    assert figures(site) == {"added": 6, "received": 4, "lost": 2, "pending": 0, "gap": 0}
    (act,) = [logged.act for logged in site.store.acts() if logged.act.kind == LossReported.act]
    assert record_of(act) == LossReported(at=clock.now, producer="app", first=3, last=4)
    telling = Telling(site.store, site.state.told)
    assert (telling.once(site.client), telling.once(site.client)) == (1, 0)
    assert site.client.xlen(NOTICES) == 1


async def test_d1_an_evicting_xadd_is_reported_with_the_number_lost(site: Site) -> None:
    app = site.register("app")
    other = site.register("other")
    for number in range(100):
        app.say(event(number))
        other.say(event(number))
    app.seq += 1
    site.client.xadd(
        app.stream,
        fields_of(app.key, "app", app.seq, batch_of([event("evil")])),
        maxlen=1,
        approximate=False,
    )
    assert figures(site)["gap"] == 100
    async with site.taking_in():
        await until(lambda: site.received("other") == 100)
        await until(lambda: figures(site)["lost"] == 100)
    assert figures(site) == {"added": 101, "received": 1, "lost": 100, "pending": 0, "gap": 0}
    document: Any = status(site.store, site.url, open_requests=0)
    assert document["producers"]["other"]["gap"] == 0


async def test_a_number_that_its_producer_left_out_is_a_loss(site: Site) -> None:
    app = site.register("app")
    app.say(event(1))
    app.seq += 3
    app.say(event(2))
    await taken_in(site, app, 2)
    after_the_grace(site)
    assert figures(site) == {"added": 2, "received": 2, "lost": 3, "pending": 0, "gap": -3}


async def test_what_came_after_all_is_received_and_no_longer_lost(site: Site) -> None:
    app = site.register("app")
    late = fields_of(app.key, "app", 2, batch_of([event("late")]))
    app.say(event(1))
    app.seq = 2
    app.say(event(3))
    await taken_in(site, app, 2)
    after_the_grace(site)
    assert figures(site)["lost"] == 1
    app.add(late)
    await taken_in(site, app, 3)
    assert figures(site) == {"added": 3, "received": 3, "lost": 0, "pending": 0, "gap": 0}


async def test_a_forged_entry_in_place_of_a_number_is_no_loss(site: Site) -> None:
    app = site.register("app")
    app.say(event(1))
    app.add({**fields_of(app.key, "app", 2, batch_of([event(2)])), "sig": "AAAA"})
    app.seq = 2
    app.say(event(3))
    await taken_in(site, app, 3)
    after_the_grace(site)
    assert figures(site) == {"added": 3, "received": 3, "lost": 0, "pending": 0, "gap": 0}


async def test_what_the_bus_no_longer_has_is_lost_whatever_else_came(site: Site) -> None:
    app = site.register("app")
    app.add({"junk": "that might have been any number"})
    ids = [app.say(event(number)) for number in range(3)]
    site.client.xdel(app.stream, ids[1])
    await taken_in(site, app, 3)
    after_the_grace(site)
    assert figures(site) == {"added": 4, "received": 3, "lost": 1, "pending": 0, "gap": 0}


async def test_while_something_waits_with_a_dead_consumer_nothing_is_lost(site: Site) -> None:
    app = site.register("app")
    for number in range(3):
        app.say(event(number))
    site.client.xgroup_create(app.stream, GROUP, id="0")
    site.client.xreadgroup(GROUP, "the dead", {app.stream: ">"}, count=2)
    site.client.xclaim(app.stream, GROUP, "the dead too", 0, *[_pending(site, app)])
    door = site.intake().door
    (rest,) = site.client.xreadgroup(GROUP, "alive", {app.stream: ">"})  # type: ignore[misc]
    door.take(app.stream, [(id_.decode(), fields) for id_, fields in rest[1]])
    after_the_grace(site)
    assert figures(site) == {"added": 3, "received": 1, "lost": 0, "pending": 2, "gap": 0}


def _pending(site: Site, app: Sender) -> list[bytes]:
    found: Any = site.client.xpending_range(app.stream, GROUP, "-", "+", 10)
    return [each["message_id"] for each in found]


async def test_what_was_taken_and_not_acknowledged_counts_once(site: Site) -> None:
    app = site.register("app")
    for number in range(4):
        app.say(event(number))
    site.client.xgroup_create(app.stream, GROUP, id="0")
    read: Any = site.client.xreadgroup(GROUP, "dies before it says so", {app.stream: ">"}, count=3)
    entries = [(id_.decode(), fields) for id_, fields in read[0][1]]
    site.intake().door.take(app.stream, entries[:2])
    assert figures(site) == {"added": 4, "received": 2, "lost": 0, "pending": 2, "gap": 0}


async def test_what_was_deleted_while_it_waited_with_a_consumer_is_missed(site: Site) -> None:
    app = site.register("app")
    ids = [app.say(event(number)) for number in range(4)]
    site.client.xgroup_create(app.stream, GROUP, id="0")
    site.client.xreadgroup(GROUP, "slow", {app.stream: ">"}, count=3)
    site.client.xdel(app.stream, ids[1])
    assert figures(site) == {"added": 4, "received": 0, "lost": 0, "pending": 3, "gap": 1}


async def test_trimming_lets_go_of_nothing_that_waits(site: Site) -> None:
    app = site.register("app")
    for number in range(10):
        app.say(event(number))
    site.client.xgroup_create(app.stream, GROUP, id="0")
    read: Any = site.client.xreadgroup(GROUP, "slow", {app.stream: ">"}, count=6)
    site.client.xack(app.stream, GROUP, *[id_ for id_, _ in read[0][1][:2]])
    reconciler(site, Clock()).once()
    assert site.client.xlen(app.stream) == 8
    site.client.xack(app.stream, GROUP, *[id_ for id_, _ in read[0][1]])
    reconciler(site, Clock()).once()
    assert site.client.xlen(app.stream) == 5  # the last one that was delivered stays


async def test_a_leap_of_the_number_is_no_loss_of_billions(site: Site) -> None:
    app = site.register("app")
    app.say(event(1))
    app.seq = 2**63 - 2
    app.say(event(2))
    await taken_in(site, app, 2)
    after_the_grace(site)
    assert figures(site)["lost"] == 0


async def test_without_the_bus_the_figures_are_as_last_seen(site: Site) -> None:
    app = site.register("app")
    app.say(event(1))
    await taken_in(site, app, 1)
    document: Any = status(site.store, "unix:///nowhere/bus.sock", open_requests=2)
    assert document["bus"] is None
    assert document["open_requests"] == 2
    assert document["producers"]["app"]["entries"]["added"] == 1
    assert document["producers"]["app"]["gap"] == 0


async def test_a_password_is_never_shown(site: Site) -> None:
    url = site.url.replace("unix://", "unix://default:secret@")
    document: Any = status(site.store, url, open_requests=0)
    assert "secret" not in str(document)
