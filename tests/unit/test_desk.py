"""The desk: requests frozen from a real store, and what is left out of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approvals import desk
from approvals.attest import act_of
from approvals.model import (
    ProducerRevoked,
    State,
)
from approvals.requesting import mends
from approvals.rules import load, shipped
from approvals.workflow import request_id
from quarantine.errors import (
    NotAuthorisedError,
    UnmetError,
    UsageError,
)
from quarantine.log import root_of
from quarantine.model import Origin, SourceKey, Tier, Verdict
from tests.room import (
    LOOSE,
    START,
    Room,
    asked,
    body,
    crowded,
    hand_of,
    release,
    take_back,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = crowded(tmp_path)
    with opened.store:
        yield opened


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
    room.policy = load(shipped("demo"))
    with pytest.raises(UnmetError, match=r"a source may be 5\.0% of a release, so it takes 20"):
        room.ask()
    with pytest.raises(UnmetError, match="none held"):
        desk.make_request(room.store, **asked(room, scope="elsewhere"))
    with pytest.raises(UsageError, match="there are correction, label"):
        desk.make_request(room.store, **asked(room, kind="thumbs"))
    assert desk.requests(room.store) == []


def test_what_stays_is_told_what_it_waits_for(room: Room) -> None:
    room.policy = load(shipped("default"))
    with pytest.raises(UnmetError, match=r"a source is heard for 1w first; `quarantine sources ti"):
        room.ask()
    waits = ["not held long enough: signals", "not scored yet", "said in words of no list"]
    assert mends(room.policy, waits) == [
        "under 'signals' an event is held for 1d first, so ask again then",
        "what scoring has not seen waits for its next pass (`quarantine up`)",
    ]
    (scope,) = mends(room.policy, ["over the share of the scope: signals"])
    assert scope.startswith("'signals' may be 20% of all that ever left for the scope")
    (crowd,) = mends(room.policy, ["over the share of a release: unvetted people"])
    assert crowd.startswith("'unvetted people' may be 25% of a release")
    assert crowd.endswith("; `quarantine sources tier` says whom you know")
    (machines,) = mends(room.policy, ["over the share of a release: machines among people"])
    assert "sources tier" not in machines
    twice = mends(room.policy, ["source over its budget", "cluster over its budget"])
    assert [each.partition(",")[0] for each in twice] == [
        "what is over a budget of this release may leave with a later one"
    ]


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
    desk.tier_sources(room.store, [SourceKey("app", "rater/0")], Tier.VETTED, because="met", **hand)
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
        desk.tier_sources(room.store, [key], Tier.VETTED, because="x", **stolen)
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
