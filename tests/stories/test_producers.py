"""Who may speak, from when to when and how much; and a stolen key, from a time on held."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from approvals.candidates import Known, candidates
from approvals.mishaps import ProducerPaused
from approvals.signers.file import new_key
from quarantine.model import from_micros
from quarantine.record import spell_time
from service import wiring
from service.bus import OURS
from service.cli import app as commands
from service.cli.rim import ServiceRim
from service.vouching import HmacKey
from tests.producing import Sender, Site, event, until


def run(site: Site, *words: str, fails: bool = False) -> Any:
    given = [*words, "--state", str(site.state.root), "--json"]
    done = CliRunner().invoke(commands, given, obj=ServiceRim())
    assert (done.exit_code != 0) == fails, (done.output, done.exception)
    return None if fails else json.loads(done.stdout)


def add(site: Site, name: str, *words: str, fails: bool = False) -> Sender:
    key = new_key(site.keys / f"{name}-{wiring.nonce()[:4]}.pem")
    public = f"{site.keys / key.key_id}.pub"
    with open(public, "w", encoding="ascii") as out:  # noqa: PTH123
        out.write(key.public)
    run(site, "producer", "add", name, "--key", public, *words, fails=fails)
    return Sender(site.client, name, key)


async def test_a_key_counts_from_its_beginning_to_its_end(site: Site) -> None:
    now, hour = wiring.now(), timedelta(hours=1)
    early = add(site, "early", "--since", spell_time(now + hour))
    late = add(site, "late", "--until", spell_time(now - hour), "--since", "2026-01-01T00:00:00Z")
    able = add(site, "able", "--since", "2026-01-01T00:00:00Z", "--until", spell_time(now + hour))
    for sender in (early, late, able):
        sender.say(event(1))
    async with site.taking_in():
        await until(lambda: all(site.received(name) for name in ("early", "late", "able")))
    assert {letter.producer for letter in site.dead()} == {"early", "late"}
    assert set(site.reasons()) == {"key_not_valid"}
    assert site.store.counts()["able"].stored == 1


async def test_a_revocation_ends_a_key_and_never_makes_it_last_longer(site: Site) -> None:
    past = spell_time(wiring.now() - timedelta(hours=1))
    app = add(site, "app", "--since", "2026-01-01T00:00:00Z", "--until", past)
    run(site, "producer", "revoke", "app", "--since", "2099-01-01T00:00:00Z")
    app.say(event(1))
    async with site.taking_in():
        await until(lambda: site.received("app"))
    assert site.reasons() == ["key_not_valid"]


def test_what_was_registered_is_listed_and_nonsense_refused(site: Site) -> None:
    words = ["--owner", "web team", "--purpose", "thumbs", "--budget", "5000", "--kind", "rating"]
    add(site, "app", *words)
    at = wiring.now()
    pause = ProducerPaused(at=at, producer="app", until=at + timedelta(hours=1), because="flood")
    site.intake().reconciler.record(pause)
    (listed,) = run(site, "producer", "list")
    assert (listed["owner"], listed["purpose"], listed["budget"]) == ("web team", "thumbs", 5000)
    assert (listed["paused_until"], listed["paused_because"]) == (spell_time(pause.until), "flood")
    add(site, "app", "--since", "yesterday", fails=True)
    backwards = ["--since", "2026-02-01T00:00:00Z", "--until", "2026-01-01T00:00:00Z"]
    add(site, "app", *backwards, fails=True)


async def test_what_arrived_under_a_stolen_key_since_then_is_held(site: Site) -> None:
    app = add(site, "app")
    async with site.taking_in():
        app.say(event("before"))
        await until(lambda: site.received("app") == 1)
        (before,) = site.store.held([site.store.size() - 1])
        app.say(event("after"), event("after too", source="rater/2"))
        await until(lambda: site.received("app") == 2)
    stolen = spell_time(from_micros(before.arrived + 1))
    said = run(site, "producer", "revoke", "app", "--key", app.key.key_id, "--since", stolen)
    assert (said["events_held"], said["sources_held"]) == (2, 2)
    for renewed in (False, True):
        if renewed:
            site.allow(app)  # the same key again launders nothing
        known = Known.read(site.store, wiring.roster_of(site.store), site.store.size())
        rows = candidates(known, "helpful", "rating", wiring.now())
        barred = dict(zip(rows["index"], rows["barred"], strict=True))
        reasons = [barred[index] for index in sorted(barred)]
        assert reasons == ["", "its key was revoked", "its key was revoked"]
    assert run(site, "sources", "show", "app/rater/2")["events_under_revoked_key"] == 1
    assert run(site, "sources", "show", "app/rater/1")["events_under_revoked_key"] == 1


async def test_a_secret_from_the_environment_vouches_and_stands_in_no_record(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "nobody knows this, and 16 bytes are enough"
    monkeypatch.setenv("CLICKS_SECRET", secret)
    run(site, "producer", "add", "clicks", "--hmac-env", "CLICKS_SECRET")
    run(site, "producer", "add", "clicks", "--hmac-env", "NOT_THERE", fails=True)
    for few in (b"", b"x"):
        (site.keys / "few").write_bytes(few)
        words = ["producer", "add", "clicks", "--hmac", str(site.keys / "few")]
        done = CliRunner().invoke(
            commands, [*words, "--state", str(site.state.root)], obj=ServiceRim()
        )
        said = str(done.exception)
        assert f"{site.keys / 'few'} has {len(few)} bytes" in said, "it names the file"
        assert "openssl rand" in said, "and the mend"
    for name in sorted(OURS):
        add(site, name, fails=True)
    Sender(site.client, "clicks", HmacKey(secret.encode())).say(event(1))
    async with site.taking_in():
        await until(lambda: site.received("clicks") == 1)
    assert site.store.counts()["clicks"].stored == 1
    assert all(secret.encode() not in logged.act.body for logged in site.store.acts())
