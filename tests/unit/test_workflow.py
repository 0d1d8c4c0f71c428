"""The decision: who counts, what for, until when; each condition flipped alone changes it."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timedelta
from subprocess import run

import pytest

from approvals.model import Decision, Request, State, Vote
from approvals.policy import Policy
from approvals.roster import Reviewer, Tenure
from approvals.rules import load, shipped
from approvals.workflow import Cast, Outcome, decide, request_id, unfilled_roles
from tests.room import MINUTE, START

DAY = timedelta(days=1)
TEXT = shipped("default")


def policy(**changes: str) -> Policy:
    text = TEXT
    for name, value in changes.items():
        before = next(line for line in text.splitlines() if line.startswith(f"{name} = "))
        text = text.replace(before, f"{name} = {value}")
    return load(text)


POLICY = policy()
TWO_ROLES = policy(roles='["security", "reviewer"]', veto='["security"]')


def reviewer(name: str, *, person: str = "", roles: tuple[str, ...] = ("reviewer",)) -> Reviewer:
    return Reviewer(name, person or name, f"key-{name}", "", roles, Tenure(START - DAY))


PEOPLE = [reviewer(name) for name in ("ana", "ben", "cleo", "dov")]


def request_of(policy: Policy = POLICY) -> Request:
    return Request(
        at=START,
        scope="helpful",
        kind="rating",
        purpose="training",
        by="ana",
        key="key-ana",
        root="00",
        rows=1,
        sources=1,
        clusters=1,
        policy=policy.digest,
        dossiers="",
        log_size=1,
        log_root="",
        until=START,
        expires=START + 7 * DAY,
        nonce="n",
    )


REQUEST = request_of()


def vote(by: str, place: int = 1, *, on: Request = REQUEST, **changes: object) -> Cast:
    said = {
        "at": START + place * MINUTE,
        "request": on.digest,
        "policy": on.policy,
        "scope": on.scope,
        "purpose": on.purpose,
        "decision": Decision.APPROVE,
        "by": by,
        "key": f"key-{by}",
        "because": "read it",
        "expires": START + DAY,
        "nonce": f"{by}-{place}",
    }
    return Cast(Vote.model_validate(said | changes), f"key-{by}", place)


def stand(
    votes: list[Cast],
    *,
    people: list[Reviewer] = PEOPLE,
    policy: Policy = POLICY,
    request: Request | None = None,
    at: datetime = START + timedelta(hours=2),
) -> Outcome:
    return decide(policy, request or request_of(policy), votes, people, at)


def test_two_other_people_approve() -> None:
    found = stand([vote("ben"), vote("cleo", 2)])
    assert found.state is State.APPROVED
    assert found.reasons == ()
    assert [each.vote.by for each in found.counted] == ["ben", "cleo"]


def test_nobody_has_voted_and_it_waits() -> None:
    found = stand([])
    assert found.state is State.PENDING
    assert found.reasons == ("0 of 2 people approve",)


def test_one_person_is_not_two() -> None:
    assert stand([vote("ben"), vote("ben", 2)]).state is State.PENDING


def test_two_keys_of_one_person_count_once() -> None:
    people = [*PEOPLE, reviewer("ben-laptop", person="ben")]
    found = stand([vote("ben"), vote("ben-laptop", 2)], people=people)
    assert found.state is State.PENDING
    assert found.reasons[0] == "1 of 2 people approve"


def test_one_key_of_two_persons_counts_for_neither() -> None:
    people = [PEOPLE[0], PEOPLE[1], replace(PEOPLE[2], key="key-ben")]
    shared = vote("cleo", 2, key="key-ben")._replace(key="key-ben")
    found = stand([vote("ben"), shared], people=people)
    assert found.state is State.PENDING
    assert found.counted == ()
    assert "several people" in found.reasons[1]


def test_whoever_made_it_does_not_count() -> None:
    found = stand([vote("ana"), vote("ben", 2)])
    assert found.state is State.PENDING
    assert "whoever made a request" in found.reasons[1]


def test_whoever_made_it_does_not_count_under_another_name() -> None:
    people = [*PEOPLE, reviewer("alias", person="ana")]
    assert stand([vote("alias"), vote("ben", 2)], people=people).state is State.PENDING


def test_whoever_made_it_does_not_count_when_known_by_key_alone() -> None:
    people = [replace(PEOPLE[0], name="renamed"), *PEOPLE[1:]]
    mine = vote("renamed", key="key-ana")._replace(key="key-ana")
    assert stand([mine, vote("ben", 2)], people=people).state is State.PENDING
    assert stand([vote("cleo"), vote("ben", 2)], people=people).state is State.APPROVED


def test_a_request_by_nobody_known_is_never_approved() -> None:
    found = stand([vote("ben"), vote("cleo", 2)], people=PEOPLE[1:])
    assert found.state is State.PENDING
    assert "not in the roster" in found.reasons[0]


def test_a_person_with_an_interest_does_not_count() -> None:
    tied = vote("ben")._replace(tied="ben owns the producer app")
    found = stand([tied, vote("cleo", 2)])
    assert found.state is State.PENDING
    assert "ben owns the producer app" in found.reasons[1]


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"request": "ff" * 32}, "other bytes"),
        ({"policy": "ff" * 32}, "another policy"),
        ({"scope": "harmless"}, "another policy, scope"),
        ({"purpose": "evaluation"}, "scope or purpose"),
        ({"nonce": "ben-1"}, "nonce was used"),
        ({"at": START - MINUTE}, "older than the request"),
        ({"key": "key-ben"}, "not the one registered"),
        ({"expires": START + MINUTE}, "expired at"),
    ],
)
def test_a_vote_bound_to_something_else_does_not_count(
    changes: dict[str, object], because: str
) -> None:
    found = stand([vote("ben"), vote("cleo", 2, **changes)])
    assert found.state is State.PENDING
    assert [each.vote.by for each in found.counted] == ["ben"]
    assert because in found.reasons[1]


def test_a_vote_of_the_very_moment_of_the_request_counts() -> None:
    assert stand([vote("ben"), vote("cleo", 2, at=START)]).state is State.APPROVED


def test_a_vote_by_a_key_that_is_not_the_names_does_not_count() -> None:
    stolen = vote("cleo", 2)._replace(key="key-dov")
    assert stand([vote("ben"), stolen]).state is State.PENDING


def test_a_vote_by_a_stranger_does_not_count() -> None:
    found = stand([vote("ben"), vote("eve", 2)])
    assert found.state is State.PENDING
    assert "no such name" in found.reasons[1]


def test_a_role_granted_after_the_vote_does_not_count() -> None:
    late = [*PEOPLE[:2], replace(PEOPLE[2], tenure=Tenure(START + timedelta(hours=1)))]
    assert stand([vote("ben"), vote("cleo", 2)], people=late).state is State.PENDING
    assert stand([vote("ben"), vote("cleo", 90)], people=late).state is State.APPROVED


def test_a_key_revoked_since_before_the_vote_does_not_count() -> None:
    gone = [*PEOPLE[:2], replace(PEOPLE[2], tenure=Tenure(START - DAY, START + MINUTE))]
    assert stand([vote("ben"), vote("cleo", 2)], people=gone).state is State.PENDING


def test_a_key_revoked_later_leaves_the_vote_standing() -> None:
    later = [*PEOPLE[:2], replace(PEOPLE[2], tenure=Tenure(START - DAY, START + 3 * MINUTE))]
    assert stand([vote("ben"), vote("cleo", 2)], people=later).state is State.APPROVED


def test_a_vote_dated_back_before_a_revocation_does_not_count() -> None:
    gone = [*PEOPLE[:2], replace(PEOPLE[2], tenure=Tenure(START - DAY, START + 3 * MINUTE))]
    backdated = vote("cleo", 2)._replace(logged=START + 4 * MINUTE)
    assert stand([vote("ben"), backdated], people=gone).state is State.PENDING


def test_a_vote_expires_with_the_policys_time_whatever_it_says_itself() -> None:
    votes = [vote("ben", expires=START + 6 * DAY), vote("cleo", 2, expires=START + 6 * DAY)]
    assert stand(votes, at=START + timedelta(hours=71)).state is State.APPROVED
    assert stand(votes, at=START + timedelta(hours=72, minutes=1)).state is State.PENDING


def test_a_vote_that_expires_this_very_moment_is_over() -> None:
    votes = [vote("ben"), vote("cleo", 2)]
    assert stand(votes, at=START + DAY - timedelta(microseconds=1)).state is State.APPROVED
    assert stand(votes, at=START + DAY).state is State.PENDING


def test_the_last_vote_of_a_person_wins_in_the_logs_order() -> None:
    back = vote("ben", 3, decision=Decision.WITHDRAW)
    assert stand([back, vote("cleo", 2), vote("ben", 1)]).state is State.PENDING
    again = vote("ben", 4)
    assert stand([again, back, vote("cleo", 2), vote("ben", 1)]).state is State.APPROVED


def test_an_expired_withdrawal_brings_no_older_vote_back() -> None:
    back = vote("ben", 3, decision=Decision.WITHDRAW, expires=START + 4 * MINUTE)
    assert stand([vote("ben"), vote("cleo", 2), back]).state is State.PENDING


def test_a_withdrawal_by_another_key_of_the_person_counts() -> None:
    people = [*PEOPLE, reviewer("ben-laptop", person="ben")]
    back = vote("ben-laptop", 3, decision=Decision.WITHDRAW)
    assert stand([vote("ben"), vote("cleo", 2), back], people=people).state is State.PENDING


def test_a_replayed_approval_does_not_undo_a_withdrawal() -> None:
    first = vote("ben")
    back = vote("ben", 3, decision=Decision.WITHDRAW)
    replayed = first._replace(place=4)
    assert stand([first, vote("cleo", 2), back, replayed]).state is State.PENDING


def test_a_clock_set_back_brings_no_expired_or_withdrawn_vote_to_life() -> None:
    early = START + 2 * MINUTE
    back = vote("ben", 60, decision=Decision.WITHDRAW)
    assert stand([vote("ben"), vote("cleo", 2), back], at=early).state is State.PENDING
    short = vote("ben", expires=START + 30 * MINUTE)
    late = vote("dov", 60, decision=Decision.WITHDRAW)
    assert stand([short, vote("cleo", 2), late], at=early).state is State.PENDING


def test_a_rejection_by_anyone_stops_it_where_the_policy_says_anyone() -> None:
    found = stand([vote("ben"), vote("cleo", 2), vote("dov", 3, decision=Decision.REJECT)])
    assert found.state is State.REJECTED
    assert found.reasons == ("rejected by dov",)


def test_whoever_made_it_may_reject_it() -> None:
    votes = [vote("ben"), vote("cleo", 2), vote("ana", 3, decision=Decision.REJECT)]
    assert stand(votes).state is State.REJECTED


def test_only_a_veto_role_stops_it_where_the_policy_names_one() -> None:
    request = request_of(TWO_ROLES)
    people = [*PEOPLE, reviewer("sam", roles=("security",))]

    def by(name: str, place: int, **changes: object) -> Cast:
        return vote(name, place, on=request, **changes)

    approved = [by("ben", 1), by("sam", 2)]
    ignored = [*approved, by("dov", 3, decision=Decision.REJECT)]
    assert stand(ignored, people=people, policy=TWO_ROLES).state is State.APPROVED
    stopped = [by("ben", 1), by("cleo", 2), by("sam", 3, decision=Decision.REJECT)]
    assert stand(stopped, people=people, policy=TWO_ROLES).state is State.REJECTED


def test_a_withdrawn_rejection_stops_nothing() -> None:
    no, back = vote("dov", 3, decision=Decision.REJECT), vote("dov", 4, decision=Decision.WITHDRAW)
    assert stand([vote("ben"), vote("cleo", 2), no, back]).state is State.APPROVED


def test_one_person_fills_one_role() -> None:
    request = request_of(TWO_ROLES)
    both = reviewer("carol", roles=("security", "reviewer"))
    other = reviewer("eli", roles=("guest",))
    votes = [vote("carol", on=request), vote("eli", 2, on=request)]
    found = stand(votes, people=[PEOPLE[0], both, other], policy=TWO_ROLES)
    assert found.state is State.PENDING
    assert "one person fills one role" in found.reasons[0]


def test_roles_are_matched_and_not_taken_in_order() -> None:
    both, one = ("security", "reviewer"), ("security",)
    assert unfilled_roles(["security", "reviewer"], [both, one]) == []
    assert unfilled_roles(["reviewer", "security"], [one, both]) == []
    assert unfilled_roles(["security", "security"], [both, ("reviewer",)]) == ["security"]
    assert unfilled_roles(["a", "b", "c"], [("a", "b"), ("b", "c"), ("a",)]) == []


def test_every_person_counts_even_beyond_the_roles() -> None:
    three = policy(roles='["reviewer"]', people="3")
    request = request_of(three)
    votes = [vote(name, n, on=request) for n, name in enumerate(("ben", "cleo", "dov"), 1)]
    assert stand(votes[:2], policy=three).state is State.PENDING
    assert stand(votes, policy=three).state is State.APPROVED


def test_a_request_expires_even_when_approved() -> None:
    slow = policy(vote_ttl='"9d"')
    votes = [vote(name, n, on=request_of(slow)) for n, name in enumerate(("ben", "cleo"), 1)]
    assert stand(votes, policy=slow, at=START + DAY / 2).state is State.APPROVED
    assert stand(votes, policy=slow, at=START + 7 * DAY).state is State.EXPIRED


def test_a_request_expires_with_the_policys_time_whatever_it_says_itself() -> None:
    quick = policy(request_ttl='"1h"')
    request = request_of(quick)
    assert stand([], policy=quick, request=request, at=START + MINUTE).state is State.PENDING
    assert stand([], policy=quick, request=request).state is State.EXPIRED


def test_a_policy_changed_after_the_votes_makes_it_stale() -> None:
    votes = [vote("ben"), vote("cleo", 2)]
    looser = policy(people="1")
    assert stand(votes, policy=looser, request=REQUEST).state is State.STALE
    assert load(TEXT + "\n").digest != POLICY.digest


def test_a_request_is_called_by_the_start_of_its_digest() -> None:
    assert request_id(REQUEST) == REQUEST.digest[:12]


def test_deciding_imports_no_heavy_library() -> None:
    code = (
        "import sys, approvals.workflow, approvals.rules, approvals.desk;"
        "print(*{'pandas', 'numpy', 'pyarrow', 'sklearn', 'scipy', 'faststream'} & {*sys.modules})"
    )
    found = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
