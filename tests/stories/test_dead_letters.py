"""Dead letters: bounded in bytes, and through the door again once their cause is mended."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from approvals.attest import record_of
from approvals.audit import audit
from approvals.mishaps import LettersRedriven
from approvals.signers.file import new_key
from quarantine.arrivals import Counts
from quarantine.rows import keeping
from service import wiring
from service.bus import DEAD
from service.cli import app as commands
from service.cli.rim import ServiceRim
from service.reconcile import GRACE, Reconciler, status
from service.redrive import Redriven, redrive, tried
from service.servers import open_bus
from tests.producing import Sender, Site, batch_of, event, fields_of, until


def again(site: Site) -> list[Redriven]:
    operator = wiring.role_signer(site.state, "operator")
    return list(redrive(site.intake().door, operator, site.store.dead(limit=1000)))


def law(site: Site, name: str) -> Counts:
    """Return a producer's counts, which must balance."""
    counts = site.store.counts()[name]
    assert counts.received == counts.stored + counts.duplicates + counts.dead_lettered
    document: Any = status(site.store, site.url, open_requests=0)
    assert document["producers"][name]["gap"] == 0
    return counts


async def heard(site: Site, sender: Sender, entries: int) -> None:
    async with site.taking_in():
        await until(lambda: site.received(sender.name) == entries)
        await until(lambda: site.waiting(sender.stream) == 0)


async def test_a_stranger_that_is_registered_meanwhile_is_heard_once(site: Site) -> None:
    key = new_key(site.keys / "late.pem")
    late = Sender(site.client, "late", key)
    late.say(event(1), event(2), {"junk": True})
    late.say(event(3))
    await heard(site, late, 2)
    assert law(site, "late") == Counts(entries_received=2, received=2, dead_lettered=2)
    assert not any(each.through for each in again(site)), "nothing is mended yet"
    site.allow(late)
    first = again(site)
    assert [(each.stored, each.dead) for each in first] == [(2, 1), (1, 0)]
    assert law(site, "late") == Counts(entries_received=2, received=4, stored=3, dead_lettered=1)
    assert site.store.spans("late") == [(1, 2)]
    assert [each.because for each in again(site)[:2]] == ["it went through before"] * 2
    assert law(site, "late").stored == 3
    held = list(site.store.held(list(range(20))))
    assert {each.key for each in held} == {key.key_id}
    acts = [record_of(logged.act) for logged in site.store.acts()]
    (act,) = [each for each in acts if isinstance(each, LettersRedriven)]
    assert act.letters == (1, 2)
    assert audit(site.store, roles=wiring.role_publics(site.state)) == []


async def test_an_event_of_a_kind_that_is_allowed_now_goes_through_alone(site: Site) -> None:
    app = site.register("app", scopes=("safe",))
    app.say(event(1), event(2, scope="safe"), event(3, scope="safe", data={"value": "x"}))
    await heard(site, app, 1)
    before = law(site, "app")
    assert (before.stored, before.dead_lettered) == (1, 2)
    site.allow(app, scopes=("safe", "helpful"))
    dry = list(tried(site.intake().door, site.store.dead()))
    assert [each.through for each in dry] == [True, False]
    assert law(site, "app") == before, "trying changes nothing"
    done = again(site)
    assert [each.through for each in done] == [True, False]
    assert "bad_value" in done[1].because or "missing_field" in done[1].because
    after = law(site, "app")
    assert (after.received, after.stored, after.dead_lettered) == (3, 2, 1)


async def test_what_came_by_itself_meanwhile_is_a_duplicate_and_not_held_twice(
    site: Site,
) -> None:
    app = site.register("app", scopes=("safe",))
    app.say(event(1))
    await heard(site, app, 1)
    site.allow(app)
    app.say(event(1))
    await heard(site, app, 2)
    assert [each.duplicates for each in again(site)] == [1]
    counts = law(site, "app")
    assert (counts.received, counts.stored, counts.duplicates, counts.dead_lettered) == (2, 1, 1, 0)


async def test_a_batch_that_its_producer_sent_again_under_its_number_counts_once(
    site: Site,
) -> None:
    late = Sender(site.client, "late", new_key(site.keys / "late.pem"))
    entry = fields_of(late.key, "late", 1, batch_of([event(1), event(2)]))
    late.add(entry)
    await heard(site, late, 1)
    site.allow(late)
    assert [each.stored for each in again(site)] == [2]
    late.add(entry)
    await heard(site, late, 2)
    counts = law(site, "late")
    assert (counts.received, counts.stored, counts.duplicates) == (4, 2, 2)


async def test_a_number_that_was_redriven_explains_no_other_gap(site: Site) -> None:
    late = Sender(site.client, "late", new_key(site.keys / "late.pem"))
    late.say(event(1))
    await heard(site, late, 1)
    site.allow(late)
    assert [each.through for each in again(site)] == [True]
    late.seq += 2
    late.say(event(4))
    await heard(site, late, 2)
    at = [wiring.now()]
    intake_key = wiring.role_signer(site.state, "intake")
    watching = Reconciler(site.store, open_bus(site.url), intake_key, lambda: at[0])
    watching.once()
    at[0] += GRACE
    watching.once()
    assert site.store.counts()["late"].entries_lost == 2


async def test_what_a_revoked_key_signed_stays_dead(site: Site) -> None:
    app = site.register("app", scopes=("safe",))
    app.say(event(1))
    await heard(site, app, 1)
    site.allow(app)
    site.revoke("app")
    (stays,) = again(site)
    assert not stays.through
    assert "key_not_valid" in stays.because
    assert law(site, "app").dead_lettered == 1


async def test_a_forged_batch_and_a_conflict_stay_dead_for_ever(site: Site) -> None:
    app = site.register("app")
    app.add({**fields_of(app.key, "app", 1, batch_of([event(1)])), "sig": "AAAA"})
    app.seq = 1
    app.say(event(2), event(2, scope="other"))
    await heard(site, app, 2)
    assert site.reasons() == ["bad_signature", "conflict"]
    assert [each.through for each in again(site)] == [False, False]
    assert law(site, "app").dead_lettered == 2


async def test_beyond_an_hours_budget_only_digest_and_size_are_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "KEPT", 100_000)
    app, other = site.register("app"), site.register("other")
    for number in range(10):
        app.say(event(number, data={"junk": "x" * 30_000}))
    other.say(event(1, data={"junk": "x" * 30_000}))
    await heard(site, app, 10)
    await heard(site, other, 1)
    letters = [letter for letter in site.dead() if letter.producer == "app"]
    assert [letter.whole for letter in letters] == [True] * 3 + [False] * 7
    assert all(letter.size > 30_000 and len(letter.digest) == 64 for letter in letters)
    assert law(site, "app").dead_lettered == 10
    assert all(letter.whole for letter in site.dead() if letter.producer == "other")
    assert "not kept" in again(site)[-2].because


async def test_strangers_share_one_budget_whatever_they_call_themselves(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "KEPT", 100_000)
    key = new_key(site.keys / "x.pem")
    for number in range(6):
        Sender(site.client, f"name-{number}", key).send(b"x" * 30_000)
    async with site.taking_in():
        await until(lambda: len(site.dead()) == 6)
    assert sum(letter.whole for letter in site.dead()) == 3


async def test_the_copy_on_the_bus_is_bounded_and_the_table_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.dead_letters.COPIES", 100)
    app = site.register("app")
    for number in range(40):
        app.say(*[{"junk": f"{number}-{n}"} for n in range(20)])
    async with site.taking_in():
        await until(lambda: len(site.dead()) == 800)
        newest = f"{len(site.dead())}-0".encode()
        await until(lambda: site.client.xrevrange(DEAD, count=1)[0][0] == newest)
    assert 100 <= site.client.xlen(DEAD) < 400


async def test_the_command_lists_tries_and_redrives(site: Site) -> None:
    app = site.register("app", scopes=("safe",))
    app.say(event(1), event(2))
    await heard(site, app, 1)
    site.allow(app)

    def run(*words: str, code: int = 0) -> Any:
        given = ["dead", *words, "--state", str(site.state.root), "--json"]
        done = CliRunner().invoke(commands, given, obj=ServiceRim())
        assert done.exit_code == code, (done.output, done.exception)
        return json.loads(done.stdout) if done.exit_code == 0 else None

    assert [each["redriven"] for each in run("list")] == [False, False]
    dry = run("redrive", "--reason", "scope_not_allowed", "--dry-run")
    assert [each["through"] for each in dry["letters"]] == [True, True]
    done = run("redrive", "2")
    assert [(each["number"], each["stored"]) for each in done["letters"]] == [(2, 1)]
    assert [each["redriven"] for each in run("list")] == [False, True]
    assert run("show", "2")["redriven"] is True
    run("redrive", "--producer", "app")
    assert law(site, "app").stored == 2
    run("redrive", code=1)
    run("redrive", "1", "--producer", "app", code=1)
    run("redrive", "99", code=1)
