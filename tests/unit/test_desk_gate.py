"""Ways round the gate: votes with real keys, none of which gets a request approved alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import rfc8785

from approvals import desk
from approvals.attest import act_of, record_of, seal, unseal
from approvals.model import (
    Decision,
    ReviewerAdded,
    ReviewerRevoked,
    State,
    Vote,
)
from approvals.rules import load
from approvals.signers.file import new_key
from quarantine.errors import (
    NotAuthorisedError,
    RefusedError,
    StaleError,
    TamperedError,
    UnmetError,
)
from quarantine.model import Act
from tests.room import (
    LOOSE,
    MINUTE,
    Room,
    asked,
    body,
    crowded,
    release,
    terms_of,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = crowded(tmp_path)
    with opened.store:
        yield opened


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
