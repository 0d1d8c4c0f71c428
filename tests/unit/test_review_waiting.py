"""What waits for a reviewer today, and what waits behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from approvals import desk
from approvals.appeals import open_appeals
from approvals.attest import act_of
from approvals.model import VerdictChanged
from approvals.rules import load
from approvals.screen.interview import begin
from approvals.screen.model import Choice, Staged
from approvals.screen.signing import sign
from approvals.screen.waiting import Queue, doubts, waiting
from quarantine.errors import NotAuthorisedError
from quarantine.model import SourceKey, Verdict
from tests.reviewing import LONER, RING, Book, asked, doubted, rulings, seat
from tests.room import Room, hand_of

DAY = """
[workload]
cases = {cases}
reserved = 0.5
patience = "30d"
"""


@pytest.fixture
def room(tmp_path: Path) -> Iterable[Room]:
    made = doubted(tmp_path)
    yield made
    made.store.close()


def day(room: Room, cases: int) -> Queue:
    """Return ben's queue under a policy whose day holds so many cases."""
    text = re.sub(r"\n\[workload\][^\[]*", "\n", room.policy.text)
    room.policy = load(text + DAY.format(cases=cases))
    return waiting(seat(room))


def names(queue: Queue) -> list[str]:
    return [case.name for case in queue.cases]


def test_a_day_holds_no_more_than_the_policy_says_and_a_ring_takes_its_turn(room: Room) -> None:
    found = day(room, 2)
    assert f"app/{LONER}" in names(found)  # the ring of six is one voice, and waits its turn
    assert (len(found.cases), found.later) == (2, 5)


def test_what_was_ruled_on_today_counts_to_the_day(room: Room) -> None:
    key = SourceKey("app", RING[0])
    desk.rule_source(room.store, key, "hold", because="seen", **hand_of(room, "cleo"))
    assert len(day(room, 2).cases) == 1


def test_requests_wait_beside_the_days_sources(room: Room) -> None:
    request = asked(room)
    room.policy = load(room.policy.text)
    assert names(waiting(seat(room)))[-1] == request.digest[:12]


def test_what_waited_too_long_is_not_shown_and_stays_behind(room: Room) -> None:
    change = VerdictChanged(at=room.at, producer="app", source=LONER, after=Verdict.WATCH)
    room.store.record([act_of(change, room.operator)])
    room.at += timedelta(days=31)
    found = day(room, 100)
    assert f"app/{LONER}" not in names(found)
    assert found.lapsed == 1
    talk = begin(seat(room), Book.read(room.store, room.roster.standings), found)
    assert "1 waited too long and stay behind" in talk.ended()


def test_holding_by_a_filter_reaches_beyond_the_day(room: Room) -> None:
    day(room, 2)
    assert len(doubts(seat(room))) == 7


def test_an_appeal_waits_for_another_person(room: Room) -> None:
    key = SourceKey("app", LONER)
    desk.rule_source(room.store, key, "hold", because="odd", **hand_of(room, "cleo"))
    assert f"app/{LONER}" not in names(waiting(seat(room)))
    desk.appeal(room.store, key, because="only a taste", **hand_of(room, "ana"))
    queue = waiting(seat(room))
    (case,) = [each for each in queue.cases if each.name == f"app/{LONER}"]
    talk = begin(seat(room), Book.read(room.store, room.roster.standings), queue)
    talk.press("/")
    talk.answer("appeal")
    assert talk.sitting.current == case
    assert talk.sitting.face is not None
    assert "ana appeals: only a taste" in talk.sitting.face.needs
    held_it = begin(seat(room, "cleo"), Book.read(room.store, room.roster.standings), queue)
    held_it.sitting.place = queue.cases.index(case)
    assert held_it.sitting.face is not None
    assert "another must rule" in held_it.sitting.face.hindrance
    (refused,) = sign(seat(room, "cleo"), [Staged(case, Choice.CLEAR, "well", room.later())])
    assert isinstance(refused.refused, NotAuthorisedError)
    (done,) = sign(seat(room, "ben"), [Staged(case, Choice.CLEAR, "well", room.later())])
    assert done.refused is None
    assert rulings(room) == {f"app/{LONER}": "clear"}
    assert open_appeals(room.store.acts()) == []
