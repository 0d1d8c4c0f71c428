"""A flood or rubbish makes its producer wait: the others are taken in, and nothing is lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from approvals.attest import record_of
from approvals.audit import audit
from approvals.mishaps import ProducerPaused
from quarantine.model import Named
from service import wiring
from service.breaker import Breaker, Limits
from service.bus import NOTICES
from service.reconcile import status
from service.telling import Telling
from tests.producing import Site, event, until


def pauses(site: Site) -> list[ProducerPaused]:
    records = [record_of(logged.act) for logged in site.store.acts()]
    return [each for each in records if isinstance(each, ProducerPaused)]


def last_of(site: Site, name: str) -> int:
    """Return the log row of the last event of a producer."""
    return max(site.store.find(Named(producer=name)))


async def test_ninety_five_percent_malformed_pauses_its_producer_alone(site: Site) -> None:
    bad, good = site.register("bad"), site.register("good")
    for number in range(200):
        bad.say(*[event(f"{number}-{n}") for n in range(5)], *[{"junk": n} for n in range(95)])
    for number in range(200):
        good.say(event(number))
    intake = site.intake()
    intake.breaker = Breaker(Limits(shortest=timedelta(hours=1), longest=timedelta(hours=1)))
    async with site.taking_in(intake):
        await until(lambda: site.received("good") == 200)
        assert site.received("bad") < 200, "who sends rubbish waits meanwhile"
        await until(lambda: pauses(site), "the pause is told")
        pause = pauses(site)[0]
        assert pause.producer == "bad"
        assert "were put aside" in pause.because
        document: Any = status(site.store, site.url, open_requests=0)
        assert document["producers"]["bad"]["gap"] == 0
        assert document["producers"]["bad"]["entries"]["pending"] > 0
    Telling(site.store, site.state.told).once(site.client)
    told = [json.loads(fields[b"event"]) for _, fields in site.client.xrange(NOTICES)]
    # What was read already when it was paused can give a reason for one more pause.
    assert {each["type"] for each in told} == {"feedback.notice.producer-paused.v1"}
    assert {each["subject"] for each in told} == {"bad"}
    assert audit(site.store, roles=wiring.role_publics(site.state)) == []


async def test_a_flood_waits_while_others_are_taken_in_and_is_then_taken_in_whole(
    site: Site,
) -> None:
    flooder, quiet = site.register("flooder"), site.register("quiet")
    for entry in range(400):
        flooder.say(*[event(f"{entry}-{number}") for number in range(50)])
    for number in range(20):
        quiet.say(event(number))
    intake = site.intake()
    limits = Limits(window=timedelta(minutes=5), flood=5_000, shortest=timedelta(seconds=1))
    intake.breaker = Breaker(limits)
    async with site.taking_in(intake):
        await until(lambda: site.received("quiet") == 20 and site.received("flooder") == 400)
    paused = next(a.index for a in site.store.acts() if a.act.kind == ProducerPaused.act)
    assert max(paused, last_of(site, "quiet")) < last_of(site, "flooder"), "it waited meanwhile"
    counts = site.store.counts()["flooder"]
    assert (counts.stored, counts.dead_lettered) == (20_000, 0)
    assert {pause.producer for pause in pauses(site)} == {"flooder"}


async def test_a_pause_holds_for_every_intake_process_and_for_the_next_one(site: Site) -> None:
    app, other = site.register("app"), site.register("other")
    at = wiring.now()
    pause = ProducerPaused(
        at=at, producer="app", until=at + timedelta(hours=1), because="it is tried"
    )
    site.intake().reconciler.record(pause)
    app.say(event(1))
    other.say(event(1))
    async with site.taking_in(site.intake("one")), site.taking_in(site.intake("two")):
        await until(lambda: site.received("other") == 1)
        await until(lambda: site.waiting("feedback:in:other") == 0)
    assert site.received("app") == 0
    site.intake().reconciler.record(pause.model_copy(update={"until": at}))
    async with site.taking_in():
        await until(lambda: site.received("app") == 1)
