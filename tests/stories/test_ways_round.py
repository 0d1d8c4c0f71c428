"""Fifteen ways round the gate: each is refused, and each leaves an audit record that says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.attest import act_of
from approvals.audit import unsound
from approvals.desk import find_request, votes_on
from approvals.ledger import Ledger
from approvals.model import PolicyAdopted
from approvals.refusals import HOURLY, refusals
from approvals.rules import load
from approvals.signers.file import new_key
from quarantine.model import Verdict
from service import wiring
from tests.gatehouse import Gatehouse
from tests.room import LOOSE, alter, body

HOUR = timedelta(hours=1)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gatehouse]:
    opened = Gatehouse(tmp_path)
    with opened.room.store:
        yield opened


def test_the_straight_way_is_open(gate: Gatehouse) -> None:
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    gate.release(request)
    assert refusals(gate.room.store) == []
    assert unsound(gate.room.store, roles=wiring.role_publics(gate.state)) == []


def test_self_approval(gate: Gatehouse) -> None:
    request = gate.ask("ana")
    gate.vote(request, "ana", code=4)
    gate.refused("approve", request, "cannot approve it")
    gate.vote(request, "ben")
    gate.release(request, code=6)
    gate.refused("release make", request, "1 of 2 people approve")


def test_alias(gate: Gatehouse) -> None:
    gate.room.add("ana-laptop", person="ana", roles=["reviewer"])
    request = gate.ask("ana")
    gate.vote(request, "ana-laptop", code=4)
    gate.refused("approve", request, "ana-laptop is who made request")


def test_same_cluster(gate: Gatehouse) -> None:
    gate.room.hear([body("rater/cleo", "mine", "answer-1")])
    gate.room.score(["rater/cleo"], verdict=Verdict.HOLD, cluster="app/rater/0")
    gate.room.score(["rater/0"], cluster="app/rater/0")
    request = gate.ask()
    _, found = find_request(gate.room.store, request)
    assert found.sources == 12, "her own rows are held and not in it, those of her ring are"
    gate.vote(request, "cleo", code=4)
    gate.refused("approve", request, "cleo is linked with the cluster app/rater/0")


def test_two_keys_of_one_person(gate: Gatehouse) -> None:
    gate.room.add("ben-laptop", person="ben", roles=["reviewer"])
    request = gate.ask()
    gate.vote(request, "ben", "ben-laptop")
    gate.release(request, code=6)
    gate.refused("release make", request, "1 of 2 people approve")


def test_a_role_granted_after_the_vote(tmp_path: Path) -> None:
    gate = Gatehouse(tmp_path, LOOSE.replace("roles = []", 'roles = ["security"]'))
    with gate.room.store:
        request = gate.ask()
        gate.vote(request, "ben", "cleo")
        gate.room.add("cleo", roles=["security"])
        gate.release(request, code=6)
        gate.refused("release make", request, "before that name had these roles")


def test_a_policy_edited_after_the_vote(gate: Gatehouse) -> None:
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    gate.state.policy.write_text(LOOSE + "\n# another word\n")
    gate.release(request, code=7)
    gate.refused("release make", request, "the policy in force is not the one")


def test_a_policy_loosened_after_the_vote(gate: Gatehouse) -> None:
    request = gate.ask()
    gate.vote(request, "ben")
    gate.state.policy.write_text(LOOSE.replace("people = 2", "people = 1"))
    gate.release(request, code=6)
    gate.refused("release make", request, "1 of 2 people approve")


def test_replay_to_another_scope(gate: Gatehouse) -> None:
    gate.room.hear([body(f"rater/{n}", f"s{n}", "answer-1", scope="safety") for n in range(12)])
    gate.room.score([f"rater/{n}" for n in range(12)])
    helpful, safety = gate.ask(), gate.ask(scope="safety")
    gate.vote(helpful, "ben", "cleo")
    _, wanted = find_request(gate.room.store, safety)
    for cast in votes_on(gate.room.store, gate.request(helpful)):
        gate.room.slip_in(cast.vote.model_copy(update={"request": wanted.digest}), cast.vote.by)
    gate.release(safety, code=6)
    gate.refused("release make", safety, "it is for another policy, scope or purpose")


def test_replay_of_a_used_nonce(gate: Gatehouse) -> None:
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    yes = votes_on(gate.room.store, gate.request(request))[-1].vote
    gate.vote(request, "cleo", what="withdraw")
    gate.room.slip_in(yes.model_copy(update={"at": gate.room.later()}), "cleo")
    gate.release(request, code=6)
    gate.refused("release make", request, "its nonce was used before")


def test_a_vote_laid_into_the_log_once_more(gate: Gatehouse) -> None:
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    yes = votes_on(gate.room.store, gate.request(request))[-1].vote
    gate.vote(request, "cleo", what="withdraw")
    gate.room.slip_in(yes, "cleo")
    gate.release(request, code=5)
    gate.refused("release make", request, "once more")


def test_an_expired_vote(tmp_path: Path) -> None:
    gate = Gatehouse(tmp_path, LOOSE.replace('vote_ttl = "1h"', 'vote_ttl = "10m"'))
    with gate.room.store:
        request = gate.ask()
        gate.vote(request, "ben", "cleo")
        gate.room.later(HOUR / 4)
        gate.release(request, code=6)
        gate.refused("release make", request, "it expired at")


def test_a_direct_insert_into_the_store(gate: Gatehouse) -> None:
    request = gate.ask()
    gate.vote(request, "ben")
    honest = votes_on(gate.room.store, gate.request(request))[0].vote
    forged = honest.model_copy(
        update={"by": "cleo", "key": gate.room.signers["cleo"].key_id, "nonce": "f"}
    )
    mallory = new_key(gate.folder / "mallory.pem")
    gate.room.store.record([act_of(forged, mallory)])
    gate.release(request, code=5)
    gate.refused("release make", request, "does not hold")


def test_an_insert_past_the_log(gate: Gatehouse) -> None:
    """A row that no leaf covers is found when the log is audited, and nothing leaves meanwhile."""
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    alter(gate.room, "UPDATE act SET at = at + 1 WHERE kind = 'vote-cast'")
    gate.release(request, code=5)
    gate.refused("release make", request, "disagree on the time")


def test_a_forged_manifest(gate: Gatehouse) -> None:
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    out = gate.release(request)
    trust = str(gate.state.trust)
    gate.run("release", "verify", str(out), "--trust", trust)
    manifest = out / "manifest.dsse.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"sig":"', b'"sig":"0', 1)[:-1] + b"}")
    gate.run("release", "verify", str(out), "--trust", trust, code=5)
    gate.refused("release verify", out.name, "manifest.dsse.json")


def test_a_row_changed_after_approval(gate: Gatehouse) -> None:
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    alter(gate.room, "UPDATE event SET body = replace(body, '4', '1') WHERE idx = 12")
    gate.release(request, code=7)
    gate.refused("release make", request, "changed after request")


def test_a_colluding_pair(tmp_path: Path) -> None:
    text = LOOSE.replace("people = 2", "people = 2\ndraw = 2")
    gate = Gatehouse(tmp_path, text)
    with gate.room.store:
        for name in ("eli", "fay", "gus", "hal"):
            gate.room.add(name, roles=["reviewer"])
        request = gate.ask("ana")
        drawn = Ledger.read(gate.room.store.acts()).drawn[gate.request(request).digest].people
        assert len(drawn) == 2
        assert "ana" not in drawn
        pair = [name for name in ("ben", "cleo", "dov", "eli", "fay") if name not in drawn][:2]
        gate.vote(request, *pair)
        gate.release(request, code=6)
        gate.refused("release make", request, "they were not drawn for it")
        gate.vote(request, *drawn)
        out = gate.release(request)
        gate.run("release", "verify", str(out), "--trust", str(gate.state.trust))


def test_an_admin(gate: Gatehouse) -> None:
    """Who holds the operator's key and the machine puts a policy in force that asks nobody."""
    request = gate.ask()
    gate.vote(request, "ben")
    alone = load(LOOSE.replace("people = 2", "people = 1"))
    gate.state.policy.write_text(alone.text)
    adopted = PolicyAdopted(at=gate.room.later(), policy=alone.digest, toml=alone.text)
    gate.room.store.record([act_of(adopted, gate.room.operator)])
    gate.release(request, code=5)
    gate.refused("release make", request, "is looser, and nobody agreed to it")


def test_an_admin_without_the_operators_key(gate: Gatehouse) -> None:
    """Who can write the store seats a puppet there; from the next look on, nobody decides."""
    request = gate.ask()
    gate.vote(request, "ben")
    gate.room.operator = new_key(gate.folder / "own.pem")
    gate.room.add("puppet", roles=["reviewer"])
    gate.vote(request, "puppet", code=5)
    gate.refused("approve", request, "is not signed by the operator")
    gate.release(request, code=5)
    gate.refused("release make", request, "is not signed by the operator")


def test_a_clock_set_back(gate: Gatehouse) -> None:
    request = gate.ask()
    gate.vote(request, "ben", "cleo")
    gate.room.later(2 * HOUR)
    gate.release(request, code=6)
    gate.refused("release make", request, "its time ran out")
    gate.room.at -= 2 * HOUR
    gate.release(request, code=1)
    gate.refused("release make", request, "the log was written until")
    gate.vote(request, "dov", code=1)
    gate.refused("approve", request, "the log was written until")


def test_no_outsider_fills_the_log_with_refusals(gate: Gatehouse) -> None:
    request = gate.ask()
    for _ in range(3):
        gate.vote(request, "ana", code=4)
    assert len(refusals(gate.room.store)) == 1, "the same refusal is written once"
    for n in range(2 * HOURLY):
        gate.room.at -= timedelta(seconds=59)
        gate.run("approve", request, *gate.signed(f"nobody-{n}"), code=4)
    found = refusals(gate.room.store)
    assert len(found) == HOURLY
    assert [record.last for _, record in found] == [False] * (HOURLY - 1) + [True]
    gate.room.later(2 * HOUR)
    gate.vote(request, "ana", code=4)
    assert len(refusals(gate.room.store)) == HOURLY + 1, "another hour is written again"
