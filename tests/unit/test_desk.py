"""The desk: requests frozen from a real store, votes with real keys, and ways round the gate."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import rfc8785

from approvals import desk
from approvals.attest import act_of, record_of, seal, unseal
from approvals.model import (
    Decision,
    ProducerRevoked,
    Released,
    Request,
    ReviewerAdded,
    ReviewerRevoked,
    Revoked,
    State,
    Vote,
)
from approvals.rules import load, shipped
from approvals.signers.file import new_key
from approvals.workflow import request_id
from quarantine.errors import (
    NotAuthorisedError,
    RefusedError,
    StaleError,
    TamperedError,
    UnmetError,
    UsageError,
)
from quarantine.log import root_of
from quarantine.model import Act, Origin, SourceKey, Tier, Verdict, to_micros
from tests.room import LOOSE, MINUTE, START, Room, body

HOUR = timedelta(hours=1)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = Room(tmp_path)
    opened.producer("app")
    for name in ("ana", "ben", "cleo", "dov"):
        opened.add(name, roles=["reviewer"])
    opened.crowd(12, 3)
    with opened.store:
        yield opened


def release(room: Room, request: Request) -> None:
    record = Released(
        at=room.later(),
        request=request.digest,
        scope=request.scope,
        kind=request.kind,
        name=request_id(request),
        manifest="00",
        rows=request.rows,
        log_size=room.store.size(),
    )
    room.store.record([act_of(record, room.operator)])


def take_back(room: Room, indexes: list[int]) -> None:
    record = Revoked(
        at=room.later(), producer="app", source="rater/0", rows=1, because="poison", by="ana"
    )
    room.store.revoke(act_of(record, room.operator), indexes)


def alter(room: Room, *statements: str) -> None:
    """Change rows past the store, as an administrator of the machine could."""
    with sqlite3.connect(room.folder / "store.db") as raw:
        for table in ("event", "member", "act"):
            for guard in ("update", "delete", "insert"):
                raw.execute(f"DROP TRIGGER IF EXISTS {table}_{guard}")
        for statement in statements:
            assert raw.execute(statement).rowcount > 0
    raw.close()


def test_a_request_freezes_what_may_leave_by_its_root(room: Room) -> None:
    request, index, choice = room.ask()
    members = room.store.members(index)
    assert (request.rows, request.sources, request.clusters) == (36, 12, 12)
    assert request.root == root_of(member.leaf for member in members).hex()
    assert [member.index for member in members] == sorted(choice.members["index"])
    assert request.log_root == room.store.frontier(request.log_size).root().hex()
    assert request.policy == room.policy.digest
    assert request.expires == request.at + HOUR
    assert choice.left_out == {}
    assert {member.cluster for member in members} == {f"app/rater/{n}" for n in range(12)}


def test_two_others_approve_and_it_is_approved(room: Room) -> None:
    request, _, _ = room.ask()
    assert room.stands(request).state is State.PENDING
    room.vote(request, "ben")
    assert room.stands(request).state is State.PENDING
    room.vote(request, "cleo")
    assert room.stands(request).state is State.APPROVED
    assert [each.vote.by for each in room.stands(request).counted] == ["ben", "cleo"]


def test_a_request_is_found_by_its_id_and_by_its_place(room: Room) -> None:
    request, index, _ = room.ask()
    second, place, _ = room.ask("ben")
    assert desk.find_request(room.store, request_id(request)) == (index, request)
    assert desk.find_request(room.store, request.digest[:8]) == (index, request)
    assert desk.find_request(room.store, str(place)) == (place, second)
    with pytest.raises(UsageError, match="no requests are called 0000000000"):
        desk.find_request(room.store, "0" * 10)
    assert desk.requests(room.store) == [(index, request), (place, second)]


@pytest.mark.parametrize("ref", ["", "abc", "0" * 12, "99999", "../etc", "'; --", "-1"])
def test_a_name_of_no_request_is_refused(room: Room, ref: str) -> None:
    room.ask()
    with pytest.raises(UsageError):
        desk.find_request(room.store, ref)


def test_nothing_to_release_is_refused_with_every_reason(room: Room) -> None:
    room.policy = load(shipped("default"))
    with pytest.raises(UnmetError, match=r"36 source too young: unvetted people"):
        room.ask()
    with pytest.raises(UnmetError, match="none held"):
        desk.make_request(room.store, **asked(room, scope="elsewhere"))
    with pytest.raises(UsageError, match="there are correction, label"):
        desk.make_request(room.store, **asked(room, kind="thumbs"))
    assert desk.requests(room.store) == []


def hand_of(room: Room, name: str) -> desk.Hand:
    return {"by": room.reviewer(name), "signer": room.signers[name], "at": room.later()}


def asked(
    room: Room, *, scope: str = "helpful", kind: str = "rating", until: datetime | None = None
) -> desk.Asked:
    return {
        "scope": scope,
        "kind": kind,
        "until": until or room.at,
        "by": room.reviewer("ana"),
        "signer": room.signers["ana"],
        "policy": room.policy,
        "roster": room.roster,
        "at": room.at,
        "nonce": room.nonce(),
    }


def test_what_arrived_after_until_is_not_asked_for(room: Room) -> None:
    until = room.at
    room.crowd(3, 2, first=50)
    request, _, _ = room.ask(at=room.at)
    assert request.rows == 42
    earlier, _, _ = desk.make_request(room.store, **asked(room, until=until))
    assert earlier.rows == 36


def test_what_was_not_scored_since_it_came_stays(room: Room) -> None:
    room.hear([body("rater/0", "late", "answer-9"), body("rater/new", "x", "answer-9")])
    _, _, choice = room.ask()
    assert choice.left_out == {"not scored yet": 2}
    room.score(["rater/0"])
    _, _, choice = room.ask()
    assert choice.left_out == {"not scored yet": 1}


def test_sources_that_scoring_holds_stay(room: Room) -> None:
    room.score(["rater/0", "rater/1"], verdict=Verdict.HOLD)
    request, _, choice = room.ask()
    assert (request.sources, choice.left_out) == (10, {"source on hold": 6})


def test_a_person_overrules_what_scoring_thinks_both_ways(room: Room) -> None:
    room.score(["rater/0"], verdict=Verdict.HOLD)
    hand = hand_of(room, "ana")
    desk.rule_source(room.store, SourceKey("app", "rater/0"), "clear", because="known", **hand)
    desk.rule_source(room.store, SourceKey("app", "rater/1"), "hold", because="odd", **hand)
    request, index, choice = room.ask()
    assert choice.left_out == {"source on hold": 3}
    assert {m.source for m in room.store.members(index)} == {f"rater/{n}" for n in range(12)} - {
        "rater/1"
    }
    assert request.sources == 11


def test_a_tier_is_a_persons_word_and_opens_the_policys_gate(room: Room) -> None:
    room.policy = load(
        shipped("default").replace('"24h"', '"0s"').replace("share = 0.05", "share = 1.0")
    )
    with pytest.raises(UnmetError):
        room.ask()
    hand = hand_of(room, "ana")
    desk.tier_source(room.store, SourceKey("app", "rater/0"), Tier.VETTED, because="met", **hand)
    request, _, _ = room.ask()
    assert request.rows == 3


def test_ruling_needs_a_source_a_reason_and_the_right_key(room: Room) -> None:
    key = SourceKey("app", "rater/0")
    hand = hand_of(room, "ana")
    with pytest.raises(UsageError, match="no source"):
        desk.rule_source(room.store, SourceKey("app", "nobody"), "hold", because="x", **hand)
    with pytest.raises(UsageError, match="say why"):
        desk.rule_source(room.store, key, "hold", because="  ", **hand)
    stolen = desk.Hand(by=hand["by"], signer=room.signers["ben"], at=hand["at"])
    with pytest.raises(NotAuthorisedError):
        desk.rule_source(room.store, key, "hold", because="x", **stolen)
    with pytest.raises(NotAuthorisedError):
        desk.tier_source(room.store, key, Tier.VETTED, because="x", **stolen)
    assert room.roster.standings == {}


def test_rows_taken_back_and_released_before_stay(room: Room) -> None:
    first, index, _ = room.ask()
    release(room, first)
    indexes = [member.index for member in room.store.members(index)]
    assert desk.released_indexes(room.store) == indexes
    take_back(room, indexes[:2])
    assert desk.released_indexes(room.store) == indexes[2:]
    assert desk.released_indexes(room.store, revoked=True) == indexes
    with pytest.raises(UnmetError, match="34 released before, 2 taken back"):
        room.ask()


def test_a_lifetime_budget_counts_across_releases(room: Room) -> None:
    text = LOOSE.replace("lifetime = 200", "lifetime = 4").replace("rows = 60", "rows = 4")
    room.policy = load(text)
    first, _, _ = room.ask()
    release(room, first)
    room.hear(
        [body(f"rater/{n}", f"more-{n}-{t}", f"new-{t}") for n in range(12) for t in range(3)]
    )
    room.score(["rater/0"])
    second, _, choice = room.ask()
    assert second.rows == 12
    assert choice.left_out["source over its lifetime budget"] == 24


def test_a_source_that_takes_its_word_back_is_heard(room: Room) -> None:
    room.hear([body("rater/0", "sorry", "elsewhere", supersedes="rater/0-1")])
    room.score(["rater/0"])
    request, index, choice = room.ask()
    assert choice.left_out == {"superseded by its source": 1}
    targets = [m.target for m in room.store.members(index) if m.source == "rater/0"]
    assert targets == ["answer-0", "answer-2", "elsewhere"]
    assert request.rows == 36


def test_an_aspect_is_seen_however_its_key_is_spelled(room: Room) -> None:
    plain = body("rater/0", "a", "answer-7", aspect="safety")
    hidden = body("rater/1", "b", "answer-7", aspect="safety").replace(
        b'"aspect"', b'"\\u0061spect"'
    )
    room.hear([plain, hidden])
    room.score(["rater/0"])
    _, _, choice = room.ask()
    assert choice.left_out == {"denied: no safety by applause": 2}


def test_what_a_revoked_key_said_since_stays_even_when_it_is_registered_anew(room: Room) -> None:
    since = room.later()
    room.crowd(2, 2, first=70)
    record = ProducerRevoked(at=room.later(), name="app", key="k1", since=since)
    room.store.record([act_of(record, room.operator)])
    room.producer("app")
    room.crowd(2, 2, first=80)
    request, _, choice = room.ask()
    assert (request.rows, choice.left_out) == (40, {"its key was revoked": 4})


def test_all_keys_of_a_producer_are_revoked_at_once(room: Room) -> None:
    record = ProducerRevoked(at=room.later(), name="app", since=START)
    room.store.record([act_of(record, room.operator)])
    with pytest.raises(UnmetError, match="36 its key was revoked"):
        room.ask()


def test_a_producer_is_not_blamed_for_anothers_key(room: Room) -> None:
    room.producer("shop")
    room.crowd(2, 2, first=70, producer="shop")
    record = ProducerRevoked(at=room.later(), name="app", since=START)
    room.store.record([act_of(record, room.operator)])
    request, _, choice = room.ask()
    assert (request.rows, choice.left_out) == (4, {"its key was revoked": 36})


def test_what_left_before_is_judged_by_its_aspect(room: Room) -> None:
    text = LOOSE.replace(
        '[[rule]]\nname = "people"',
        '[[rule]]\nname = "style"\nscopes = ["*"]\nkinds = ["rating"]\n'
        'origins = ["*"]\ntiers = ["*"]\n'
        'aspects = ["style"]\nmin_age = "0s"\ndwell = "0s"\nshare_of_scope = 0.25\n\n'
        '[[rule]]\nname = "people"',
    )
    room.policy = load(text)
    names = [f"rater/{n}" for n in range(12)]
    room.hear([body(name, f"{name}-s", f"style-{name}", aspect="style") for name in names])
    room.score(names)
    first, _, _ = room.ask()
    assert first.rows == 48
    release(room, first)
    more = [body(name, f"{name}-m", f"more-{name}", aspect="style") for name in names[:5]]
    room.hear([*more, body("rater/0", "plain", "plain")])
    room.score(names)
    second, _, choice = room.ask()
    assert second.rows == 1
    assert choice.left_out["over the share of the scope: style"] == 5


def test_the_registry_lowers_an_origin(room: Room) -> None:
    room.producer("bot", origin=Origin.AUTOMATED)
    room.crowd(4, 3, first=60, producer="bot")
    request, index, choice = room.ask()
    bots = [m for m in room.store.members(index) if m.producer == "bot"]
    assert (request.rows, len(bots)) == (45, 9)
    assert {m.source for m in bots} <= {f"rater/{60 + n}" for n in range(4)}
    assert choice.left_out == {"over the share of a release: machines among people": 3}


def test_what_an_unregistered_producer_said_stays(room: Room) -> None:
    room.crowd(4, 3, first=60, producer="ghost")
    _, _, choice = room.ask()
    assert choice.left_out == {"its producer is not registered": 12}


# Ways round the gate.


def test_approving_ones_own_request_is_refused_at_once(room: Room) -> None:
    request, _, _ = room.ask("ana")
    with pytest.raises(NotAuthorisedError, match="cannot approve it") as refused:
        room.vote(request, "ana")
    assert refused.value.exit_code == 4
    assert desk.votes_on(room.store, request) == []


def test_approving_ones_own_request_under_another_name_is_refused(room: Room) -> None:
    room.add("ana-laptop", person="ana")
    request, _, _ = room.ask("ana")
    with pytest.raises(NotAuthorisedError):
        room.vote(request, "ana-laptop")


def test_approving_ones_own_request_with_a_new_key_is_refused(room: Room) -> None:
    request, _, _ = room.ask("ana")
    room.signers["ana"] = new_key(room.folder / "ana-new.pem")
    room.add("ana")
    with pytest.raises(NotAuthorisedError, match="cannot approve it"):
        room.vote(request, "ana")


def test_an_own_approval_slipped_into_the_log_does_not_count(room: Room) -> None:
    request, _, _ = room.ask("ana")
    honest = room.vote(request, "ben")
    forged = honest.model_copy(
        update={"by": "ana", "key": room.signers["ana"].key_id, "nonce": "x", "at": room.later()}
    )
    room.slip_in(forged, "ana")
    assert room.stands(request).state is State.PENDING


def test_two_keys_of_one_person_are_one_vote(room: Room) -> None:
    room.add("ben-laptop", person="ben")
    request, _, _ = room.ask()
    room.vote(request, "ben")
    room.vote(request, "ben-laptop")
    found = room.stands(request)
    assert found.state is State.PENDING
    assert found.reasons[0] == "1 of 2 people approve"


def test_one_key_registered_for_two_people_is_none(room: Room) -> None:
    room.add("puppet", key="ben")
    request, _, _ = room.ask()
    room.vote(request, "ben")
    room.vote(request, "puppet")
    assert room.stands(request).counted == ()


def test_somebody_elses_key_is_refused(room: Room) -> None:
    request, _, _ = room.ask()
    with pytest.raises(NotAuthorisedError, match="not the one registered"):
        room.vote(request, "ben", sign="cleo")


def test_a_name_that_is_not_in_the_roster_is_refused(room: Room) -> None:
    request, _, _ = room.ask()
    ben = room.reviewer("ben")
    for claimed in (replace(ben, name="eve"), replace(ben, roles=("security",))):
        terms = terms_of(room, "ben") | {"by": claimed}
        with pytest.raises(NotAuthorisedError, match="not in the roster"):
            desk.cast(room.store, request, Decision.APPROVE, because="x", **terms)
        with pytest.raises(NotAuthorisedError, match="not in the roster"):
            desk.make_request(room.store, **asked(room) | {"by": claimed})
    assert room.stands(request).state is State.PENDING


def test_a_removed_reviewer_cannot_vote_and_what_came_since_does_not_count(room: Room) -> None:
    request, _, _ = room.ask()
    room.vote(request, "ben")
    before = room.at
    room.vote(request, "cleo")
    record = ReviewerRevoked(at=room.later(), name="cleo", since=before + MINUTE / 2)
    room.store.record([act_of(record, room.operator)])
    assert room.stands(request).state is State.PENDING
    with pytest.raises(NotAuthorisedError, match="does not decide"):
        room.vote(request, "cleo")


def test_a_stolen_key_that_dates_its_vote_back_does_not_count(room: Room) -> None:
    request, _, _ = room.ask()
    honest = room.vote(request, "ben")
    early = room.at
    record = ReviewerRevoked(at=room.later(), name="cleo", since=room.at)
    room.store.record([act_of(record, room.operator)])
    changes = {"by": "cleo", "key": room.signers["cleo"].key_id, "nonce": "y", "at": early}
    room.slip_in(honest.model_copy(update=changes), "cleo")
    room.later()
    assert room.stands(request).state is State.PENDING


def test_roles_are_filled_by_different_people(room: Room) -> None:
    room.policy = load(LOOSE.replace("roles = []", 'roles = ["security", "reviewer"]'))
    room.add("carol", roles=["security", "reviewer"])
    room.add("guest")
    request, _, _ = room.ask()
    room.vote(request, "carol")
    room.vote(request, "guest")
    assert room.stands(request).state is State.PENDING
    room.vote(request, "ben")
    assert room.stands(request).state is State.APPROVED


def test_a_role_granted_after_the_vote_does_not_count_for_it(room: Room) -> None:
    room.policy = load(LOOSE.replace("roles = []", 'roles = ["security"]'))
    request, _, _ = room.ask()
    room.vote(request, "ben")
    room.vote(request, "cleo")
    assert "nobody fills security" in room.stands(request).reasons[0]
    room.add("cleo", roles=["security"])
    assert room.stands(request).state is State.PENDING
    room.vote(request, "cleo")
    assert room.stands(request).state is State.APPROVED


def test_an_approval_of_other_bytes_counts_for_nothing(room: Room) -> None:
    request, _, _ = room.ask()
    other, _, _ = room.ask()
    room.vote(other, "ben")
    room.vote(other, "cleo")
    assert room.stands(other).state is State.APPROVED
    assert room.stands(request).state is State.PENDING


def test_an_approval_replayed_after_it_was_withdrawn_counts_for_nothing(room: Room) -> None:
    request, _, _ = room.ask()
    room.vote(request, "ben")
    yes = room.vote(request, "cleo")
    room.vote(request, "cleo", Decision.WITHDRAW)
    room.slip_in(yes, "cleo")
    assert room.stands(request).state is State.PENDING
    room.vote(request, "cleo")
    assert room.stands(request).state is State.APPROVED


def test_a_rejection_stops_it_until_it_is_withdrawn(room: Room) -> None:
    request, _, _ = room.ask()
    room.vote(request, "ben")
    room.vote(request, "dov", Decision.REJECT)
    assert room.stands(request).state is State.REJECTED
    with pytest.raises(UnmetError, match="rejected by dov; they can withdraw"):
        room.vote(request, "cleo")
    room.vote(request, "dov", Decision.WITHDRAW)
    room.vote(request, "cleo")
    assert room.stands(request).state is State.APPROVED


def test_an_expired_vote_and_an_expired_request_are_over(room: Room) -> None:
    room.policy = load(LOOSE.replace('vote_ttl = "1h"', 'vote_ttl = "10m"'))
    request, _, _ = room.ask()
    room.vote(request, "ben")
    room.later(11 * MINUTE)
    room.vote(request, "cleo")
    assert room.stands(request).state is State.PENDING
    room.later(HOUR)
    assert room.stands(request).state is State.EXPIRED
    with pytest.raises(UnmetError, match="expired"):
        room.vote(request, "ben")


def test_a_changed_policy_makes_request_and_votes_stale(room: Room) -> None:
    request, _, _ = room.ask()
    room.vote(request, "ben")
    room.policy = load(LOOSE.replace("people = 2", "people = 1"))
    assert room.stands(request).state is State.STALE
    with pytest.raises(StaleError) as refused:
        room.vote(request, "cleo")
    assert refused.value.exit_code == 7


def test_a_released_request_is_closed(room: Room) -> None:
    request, _, _ = room.ask()
    release(room, request)
    assert room.stands(request).state is State.RELEASED
    with pytest.raises(UnmetError, match="released as"):
        room.vote(request, "ben")


def test_a_clock_set_back_refuses_votes(room: Room) -> None:
    request, _, _ = room.ask()
    room.at -= 5 * MINUTE
    with pytest.raises(RefusedError, match="before request"):
        room.vote(request, "ben")


def test_whoever_owns_a_producer_has_an_interest(room: Room) -> None:
    room.producer("shop", owner="cleo")
    room.crowd(3, 3, first=30, producer="shop")
    request, _, _ = room.ask()
    with pytest.raises(NotAuthorisedError, match="cleo owns the producer shop"):
        room.vote(request, "cleo")
    yes = room.vote(request, "ben")
    changes = {"by": "cleo", "key": room.signers["cleo"].key_id, "nonce": "z", "at": room.later()}
    room.slip_in(yes.model_copy(update=changes), "cleo")
    found = room.stands(request)
    assert found.state is State.PENDING
    assert "cleo owns the producer shop" in found.reasons[1]
    room.vote(request, "cleo", Decision.REJECT)


def test_whoever_is_a_source_has_an_interest(room: Room) -> None:
    room.hear([body("rater/dov", "mine", "answer-1")])
    room.score(["rater/dov"])
    request, _, _ = room.ask()
    with pytest.raises(NotAuthorisedError, match="dov is the source rater/dov"):
        room.vote(request, "dov")


def test_a_forged_signature_in_the_log_stops_everything(room: Room) -> None:
    request, _, _ = room.ask()
    honest = room.vote(request, "ben")
    forged = honest.model_copy(update={"by": "cleo", "key": room.signers["cleo"].key_id})
    room.slip_in(forged, "ben")
    with pytest.raises(TamperedError, match="vote-cast at log row"):
        desk.votes_on(room.store, request)


def test_a_vote_changed_after_it_was_signed_stops_everything(room: Room) -> None:
    request, _, _ = room.ask()
    act = act_of(room.vote(request, "ben", Decision.REJECT), room.signers["ben"])
    envelope = unseal(act.body)
    vote = record_of(act)
    assert isinstance(vote, Vote)
    changed = vote.model_copy(update={"decision": Decision.APPROVE})
    envelope.payload = changed.canonical()
    body_ = seal(changed.canonical(), envelope.payload_type, [room.signers["ben"]])
    swapped = unseal(body_)
    swapped.signatures = envelope.signatures
    room.store.record([Act(act.kind, act.at, rfc8785.dumps(swapped.to_dict()))])
    with pytest.raises(TamperedError, match="does not hold"):
        room.stands(request)


def test_a_request_that_nobody_signed_stops_everything(room: Room) -> None:
    request, index, _ = room.ask()
    forged = request.model_copy(update={"nonce": "another", "by": "ben"})
    room.store.freeze(act_of(forged, room.signers["ben"]), room.store.members(index))
    with pytest.raises(TamperedError, match="request-made at log row"):
        desk.requests(room.store)


def test_a_key_registered_under_anothers_id_stops_everything(room: Room) -> None:
    honest, fake = room.signers["cleo"].key_id, room.signers["ben"]
    record = ReviewerAdded(
        at=room.later(), name="cleo", person="cleo", key=honest, public=fake.public, roles=()
    )
    room.store.record([act_of(record, room.operator)])
    with pytest.raises(TamperedError, match="not the one it names"):
        desk.requests(room.store)


# What was frozen is what is asked for.


def test_frozen_rows_are_what_the_request_names(room: Room) -> None:
    request, index, _ = room.ask()
    members = desk.recheck_members(room.store, index, request)
    assert len(members) == 36


@pytest.mark.parametrize(
    ("statement", "because"),
    [
        ("DELETE FROM member WHERE idx = (SELECT max(idx) FROM member)", "are not the ones"),
        ("UPDATE member SET leaf = zeroblob(32) WHERE idx = 9", "are not the ones"),
        ("UPDATE member SET cluster = 'one'", "other rows, sources or clusters"),
        (
            "UPDATE event SET body = CAST(replace(body, '4', '5') AS BLOB) WHERE idx = 9",
            "log row 9 changed",
        ),
        ("UPDATE event SET arrived = arrived - 1 WHERE idx = 9", "log row 9 changed"),
        ("UPDATE event SET id = 'x' WHERE idx = 9", "log row 9 changed"),
        ("DELETE FROM event WHERE idx = 9", "other rows, sources or clusters"),
    ],
)
def test_rows_changed_after_they_were_frozen_are_stale(
    room: Room, statement: str, because: str
) -> None:
    request, index, _ = room.ask()
    alter(room, statement)
    with pytest.raises(StaleError, match=because) as refused:
        desk.recheck_members(room.store, index, request)
    assert refused.value.exit_code == 7
    with pytest.raises(StaleError):
        room.vote(request, "ben")


def test_the_only_row_of_a_source_cannot_vanish(room: Room) -> None:
    room.hear([body("rater/once", "1", "answer-1")])
    room.score(["rater/once"])
    request, index, _ = room.ask()
    last = room.store.members(index)[-1].index
    alter(room, f"DELETE FROM event WHERE idx = {last}")
    with pytest.raises(StaleError, match=f"log row {last} of request .* is not held"):
        desk.recheck_members(room.store, index, request)


def test_rows_taken_back_after_they_were_frozen_are_stale(room: Room) -> None:
    request, index, _ = room.ask()
    take_back(room, [room.store.members(index)[0].index])
    with pytest.raises(StaleError, match=r"1 rows of request .* were taken back"):
        room.vote(request, "ben")


def test_a_source_held_after_it_was_frozen_makes_it_stale(room: Room) -> None:
    request, _, _ = room.ask()
    room.score(["rater/3"], verdict=Verdict.HOLD)
    with pytest.raises(StaleError, match=r"1 sources of request .* are on hold now"):
        room.vote(request, "ben")
    hand = hand_of(room, "ana")
    desk.rule_source(room.store, SourceKey("app", "rater/3"), "clear", because="known", **hand)
    room.vote(request, "ben")


def test_rows_that_another_request_released_are_stale(room: Room) -> None:
    request, index, _ = room.ask()
    twin, _, _ = room.ask("ben")
    release(room, twin)
    with pytest.raises(StaleError, match=r"36 rows of request .* were released before"):
        desk.recheck_members(room.store, index, request)
    with pytest.raises(StaleError):
        room.vote(request, "ben")


def test_two_requests_together_cannot_pass_a_lifetime(room: Room) -> None:
    text = LOOSE.replace("lifetime = 200", "lifetime = 4").replace("rows = 60", "rows = 3")
    room.policy = load(text)
    first, _, _ = room.ask()
    room.hear(
        [
            body(f"rater/{n}", f"x-{n}-{t}", f"x-{t}", scope="other")
            for n in range(12)
            for t in range(3)
        ]
    )
    room.score(["rater/0"])
    second, index, _ = desk.make_request(room.store, **asked(room, scope="other"))
    assert len(desk.recheck_members(room.store, index, second, room.policy)) == 36
    release(room, first)
    with pytest.raises(StaleError, match=r"24 voices of request .* left too often since"):
        desk.recheck_members(room.store, index, second, room.policy)
    with pytest.raises(StaleError):
        room.vote(second, "ben")


def test_a_ring_found_after_it_was_frozen_counts_as_one_life(room: Room) -> None:
    room.policy = load(
        LOOSE.replace("lifetime = 200", "lifetime = 35").replace("rows = 60", "rows = 3")
    )
    request, index, _ = room.ask()
    assert desk.recheck_members(room.store, index, request, room.policy)
    room.score([f"rater/{n}" for n in range(12)], cluster="ring")
    with pytest.raises(StaleError, match="1 voices of request"):
        desk.recheck_members(room.store, index, request, room.policy)


def test_a_request_that_the_log_does_not_have_is_stale(room: Room) -> None:
    request, _, _ = room.ask()
    with pytest.raises(StaleError, match="not in the log"):
        room.vote(request.model_copy(update={"rows": 35}), "ben")


def test_a_vote_says_when_it_ends_and_why(room: Room) -> None:
    request, _, _ = room.ask()
    vote = room.vote(request, "ben")
    assert vote.expires == min(vote.at + HOUR, request.expires)
    (cast,) = desk.votes_on(room.store, request)
    assert (cast.vote, cast.key) == (vote, room.signers["ben"].key_id)
    assert to_micros(vote.at) == to_micros(cast.logged or START)
    with pytest.raises(UsageError, match="say why"):
        desk.cast(room.store, request, Decision.REJECT, because=" ", **terms_of(room, "cleo"))


def terms_of(room: Room, name: str) -> desk.Terms:
    return {
        "by": room.reviewer(name),
        "signer": room.signers[name],
        "policy": room.policy,
        "roster": room.roster,
        "at": room.later(),
        "nonce": room.nonce(),
    }
