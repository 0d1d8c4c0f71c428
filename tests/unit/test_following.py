"""What the log and the dead letters tell in figures, whoever reads them and from when on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from approvals.attest import act_of
from approvals.model import Decision, SourceRuled, VerdictChanged
from quarantine.arrivals import Arrival, put_aside
from quarantine.model import Verdict
from service.watch.following import MOST, OTHER, Followed
from service.watch.words import Figures, Spread
from tests.room import START, Room, crowded, release, take_back


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = crowded(tmp_path)
    with opened.store:
        yield opened


def followed(room: Room) -> Figures:
    """Return the figures of somebody who began to read only now."""
    found = Followed()
    found.follow(room.store)
    return found.figures(room.at)


def test_votes_and_releases_are_counted_from_the_log_whoever_reads_it_and_when(
    room: Room,
) -> None:
    always = Followed()
    always.follow(room.store)
    request, _, _ = room.ask()
    room.vote(request, "ben")
    always.follow(room.store)
    room.vote(request, "cleo", Decision.REJECT)
    release(room, request)
    take_back(room, [1])
    always.follow(room.store)
    figures = always.figures(room.at)
    assert figures == followed(room)
    assert figures["fq_approvals_total"] == {
        ("approve",): 1,
        ("reject",): 1,
        ("withdraw",): 0,
        ("break-glass",): 0,
    }
    assert figures["fq_releases_total"] == {("released",): 1, ("yanked",): 0}
    assert figures["fq_revocations_total"] == {(): 1}
    rows = figures["fq_release_records"][()]
    assert isinstance(rows, Spread)
    assert rows.total == 36
    decided = figures["fq_review_decision_seconds"]["request",]
    assert isinstance(decided, Spread)
    assert sum(decided.counts) == 2
    assert decided.total == 60 + 120, "a minute and two after the request"


def doubt(room: Room, source: str, after: Verdict, at: datetime) -> None:
    record = VerdictChanged(at=at, producer="app", source=source, after=after)
    room.store.record([act_of(record, room.operator)])


def ruled(room: Room, source: str, at: datetime) -> None:
    record = SourceRuled(
        at=at, producer="app", source=source, ruling="clear", because="known", by="ben"
    )
    room.store.record([act_of(record, room.signers["ben"])])


def test_a_case_waits_from_the_first_doubt_until_a_person_rules(room: Room) -> None:
    start = room.at
    for hours, verdict in ((0, Verdict.WATCH), (1, Verdict.HOLD)):
        doubt(room, "rater/1", verdict, start + timedelta(hours=hours))
    doubt(room, "rater/2", Verdict.HOLD, start)
    doubt(room, "rater/2", Verdict.CLEAR, start + timedelta(hours=2))
    doubt(room, "rater/3", Verdict.HOLD, start)
    room.at = start + timedelta(hours=5)
    before = followed(room)
    assert before["fq_review_queue_depth"] == {(): 2}
    ages = before["fq_review_age_seconds"][()]
    assert isinstance(ages, Spread)
    assert ages.total == 2 * 5 * 3600
    ruled(room, "rater/1", room.at)
    after = followed(room)
    assert after["fq_review_queue_depth"] == {(): 1}
    decided = after["fq_review_decision_seconds"]["source",]
    assert isinstance(decided, Spread)
    assert decided.total == 5 * 3600


def test_a_pace_is_the_most_of_one_person_in_any_minute_of_the_last_hour(room: Room) -> None:
    start = room.at
    for second in (0, 10, 20, 100, 110):
        ruled(room, f"rater/{second}", start + timedelta(seconds=second))
    room.at = start + timedelta(minutes=5)
    assert followed(room)["fq_reviewer_pace_per_minute"] == {(): 3}
    room.at = start + timedelta(minutes=61)
    assert followed(room)["fq_reviewer_pace_per_minute"] == {(): 2}
    room.at = start + timedelta(minutes=63)
    assert followed(room)["fq_reviewer_pace_per_minute"] == {(): 0}


def test_dead_letters_are_counted_by_reason_and_signatures_apart(room: Room) -> None:
    reasons = ["bad_json", "bad_signature", "bad_json", "unknown_key"]
    arrival = Arrival("app", "feedback:in:app", "99-0", 1)
    dead = [put_aside(arrival, n, reason, "", b"x") for n, reason in enumerate(reasons)]
    room.store.take([Arrival("app", "feedback:in:app", "99-0", 1, dead=dead)])
    figures = followed(room)
    assert figures["fq_events_dead_lettered_total"] == {
        ("bad_json",): 2,
        ("bad_signature",): 1,
        ("unknown_key",): 1,
    }
    assert figures["fq_signature_failures_total"] == {
        ("bad_signature",): 1,
        ("unknown_key",): 1,
        ("key_not_valid",): 0,
    }


def test_a_label_has_few_values_whatever_is_counted() -> None:
    found = Followed()
    found.refused.update({f"try {n}": n + 1 for n in range(MOST + 10)})
    denied = found.figures(START)["fq_policy_denials_total"]
    assert len(denied) == MOST + 1
    assert denied[OTHER,] == sum(range(1, 11))
