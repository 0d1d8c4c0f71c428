"""A review: what may be decided when, what can be taken back, where the reviewer is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.screen.model import Case, Choice
from approvals.screen.modes import Mode
from approvals.screen.sitting import enough
from approvals.screen.talk import Talk
from tests.reviewing import LONER, RING, SECOND, asked, doubted, talking
from tests.room import Room

LONG = timedelta(seconds=10)


@pytest.fixture
def room(tmp_path: Path) -> Iterable[Room]:
    made = doubted(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def talk(room: Room) -> Talk:
    return talking(room)


def press(room: Room, talk: Talk, *keys: str) -> None:
    """Press keys as a person would who reads for ten seconds before each."""
    for key in keys:
        talk.shown()
        room.later(LONG)
        talk.press(key)


def decided(talk: Talk) -> dict[str, str]:
    return {each.case.name: each.choice.value for each in talk.sitting.staged}


def current(talk: Talk) -> str:
    case = talk.sitting.current
    return "" if case is None else case.name


def test_what_does_most_harm_comes_first_and_requests_come_last(room: Room) -> None:
    asked(room)
    cases = talking(room).sitting.cases
    assert [case.name for case in cases[:7]] == [*(f"app/{name}" for name in RING), f"app/{LONER}"]
    assert [case.is_request for case in cases] == [False] * 7 + [True]


def test_who_is_cleared_already_does_not_wait(talk: Talk) -> None:
    assert not any("rater/" in case.name for case in talk.sitting.cases)


def test_a_yes_is_staged_after_the_samples_were_on_the_screen(room: Room, talk: Talk) -> None:
    talk.press("a")
    assert talk.message == "read the samples first: space shows those that are left"
    press(room, talk, "a")
    assert decided(talk) == {"app/ring/0": "clear"}
    assert talk.sitting.staged[0].because == "read 3 samples in 10 s"


def test_a_yes_needs_every_sample_where_the_screen_shows_one_at_a_time(
    room: Room, talk: Talk
) -> None:
    talk.fits = 1
    press(room, talk, "a", "space", "a", "space")
    assert decided(talk) == {}
    press(room, talk, "a")
    assert decided(talk) == {"app/ring/0": "clear"}


def test_a_key_that_sticks_lets_nothing_through(room: Room, talk: Talk) -> None:
    press(room, talk, "a")
    for _ in range(20):
        talk.shown()
        talk.press("a")
    assert decided(talk) == {"app/ring/0": "clear"}
    assert talk.message == "read it first: it came up only now"


def test_stopping_something_needs_no_reading(talk: Talk) -> None:
    talk.press("h")
    assert decided(talk) == {"app/ring/0": "hold"}
    assert talk.sitting.staged[0].because == "held for lockstep"


def test_no_key_decides_by_default(room: Room, talk: Talk) -> None:
    press(room, talk, "enter", "y", "escape", "1", "x", "j", "k")
    assert decided(talk) == {}


def test_a_rejection_needs_its_reason(room: Room, talk: Talk) -> None:
    press(room, talk, "r")
    assert talk.mode is Mode.WHY
    press(room, talk, "x")
    assert decided(talk) == {}
    press(room, talk, "r", "1")
    assert talk.sitting.staged[0].because.startswith("one of a ring")


def test_a_reason_can_be_in_ones_own_words_but_not_empty(room: Room, talk: Talk) -> None:
    press(room, talk, "r", "0")
    talk.answer("  ")
    assert decided(talk) == {}
    press(room, talk, "r", "0")
    talk.answer("seen this face before")
    assert talk.sitting.staged[0].because == "seen this face before"


def test_undo_takes_the_last_decision_back_and_returns_to_it(room: Room, talk: Talk) -> None:
    press(room, talk, "h", "h", "u")
    assert decided(talk) == {"app/ring/0": "hold"}
    assert current(talk) == "app/ring/1"
    press(room, talk, "u")
    assert (decided(talk), current(talk)) == ({}, "app/ring/0")
    press(room, talk, "u")
    assert talk.message == "nothing is staged"


def test_a_decision_made_again_and_undone_twice_leaves_nothing(room: Room, talk: Talk) -> None:
    press(room, talk, "h", "k", "a", "u")
    assert decided(talk) == {"app/ring/0": "hold"}
    press(room, talk, "u")
    assert decided(talk) == {}


def test_a_group_is_held_by_one_key_and_freed_by_one_undo(room: Room, talk: Talk) -> None:
    press(room, talk, "g")
    assert talk.message.startswith("the next decision is on 6 cases alike")
    press(room, talk, "h")
    assert decided(talk) == dict.fromkeys([f"app/{name}" for name in RING], "hold")
    assert current(talk) == f"app/{LONER}"
    press(room, talk, "u")
    assert decided(talk) == {}


def test_a_group_is_let_through_only_when_all_drawn_were_read(room: Room, talk: Talk) -> None:
    press(room, talk, "g", "a")
    assert decided(talk) == {}
    assert "1 of the 5 drawn were read" in talk.message
    for _ in range(5):
        press(room, talk, "space")
    press(room, talk, "a")
    assert list(decided(talk).values()) == ["clear"] * 6


def test_a_case_alone_is_no_group(room: Room, talk: Talk) -> None:
    talk.answer("")
    talk.mode = Mode.FIND
    talk.answer(LONER)
    press(room, talk, "g")
    assert talk.message == "no other case is like this one"
    assert not talk.sitting.grouped


def test_how_many_must_be_read_of_a_group() -> None:
    assert [enough(n) for n in (1, 2, 6, 37, 10_000)] == [1, 2, 5, 11, 14]
    assert 0.8 ** enough(10_000) <= 0.05


def test_search_goes_to_the_next_that_holds_all_words(room: Room, talk: Talk) -> None:
    press(room, talk, "/")
    talk.answer("verdict:watch Odd")
    assert (current(talk), talk.message) == (
        f"app/{LONER}",
        "1 of 1 that hold verdict:watch Odd (n: the next)",
    )
    press(room, talk, "/")
    talk.answer("ring/")
    assert current(talk) == "app/ring/0"
    press(room, talk, "n")
    assert current(talk) == "app/ring/1"
    press(room, talk, "/")
    talk.answer("nobody")
    assert talk.message == "no case holds these words"


def test_skipped_cases_stay_undecided(room: Room, talk: Talk) -> None:
    press(room, talk, *"sssssss")
    assert current(talk) == ""
    assert talk.sitting.left() == 0
    press(room, talk, "s", "a")
    assert talk.message.startswith("this is the end of the queue")
    press(room, talk, "q")
    assert (talk.mode, talk.signs) == (Mode.GONE, False)


def test_leaving_shows_what_is_staged_and_asks(room: Room, talk: Talk) -> None:
    press(room, talk, "h", "a", "q")
    assert talk.asks().startswith("2 staged (1 clear, 1 hold): y signs each")
    press(room, talk, "x")
    assert talk.mode is Mode.READ
    press(room, talk, "q", "n")
    assert (talk.mode, talk.signs) == (Mode.GONE, False)


def test_time_left_follows_the_pace_of_this_sitting(room: Room, talk: Talk) -> None:
    assert "7 left, about 2 min" in talk.progress()  # nobody knows better yet: 18 s each
    for _ in range(2):
        talk.shown()
        room.later(timedelta(minutes=3))
        talk.press("h")
    assert "5 left, about 15 min" in talk.progress()


def test_a_request_is_approved_or_rejected_and_never_held(room: Room) -> None:
    asked(room)
    talk = talking(room)
    press(room, talk, "/")
    talk.answer("request")
    press(room, talk, "h")
    assert talk.message == "h holds a source; a request is approved or rejected (r)"
    press(room, talk, "g")
    assert talk.message == "no other case is like this one"
    press(room, talk, "a")
    assert list(decided(talk).values()) == ["approve"]


def test_who_made_a_request_is_told_that_they_may_not_approve_it(room: Room) -> None:
    asked(room, "ben")
    talk = talking(room, "ben")
    talk.mode = Mode.FIND
    talk.answer("request")
    face = talk.sitting.face
    assert face is not None
    assert "is who made request" in face.hindrance
    press(room, talk, "a")
    assert decided(talk) == {}
    assert "cannot approve it" in talk.message
    press(room, talk, "r", "9")
    assert list(decided(talk).values()) == ["reject"]


def test_a_second_look_is_not_told_of_the_first(room: Room) -> None:
    request = asked(room)
    cases = talking(room, "ben").sitting.cases
    before = talking(room, "ben", [cases[-1]]).sitting.face
    room.vote(request, "cleo")
    after = talking(room, "ben", [cases[-1]]).sitting.face
    assert before is not None
    assert after is not None
    assert (before.needs, before.more) == (after.needs, after.more)
    assert "cleo" not in repr(after)


def test_what_one_voted_on_waits_no_longer(room: Room) -> None:
    request = asked(room)
    room.vote(request, "ben")
    assert not any(case.is_request for case in talking(room, "ben").sitting.cases)
    assert any(case.is_request for case in talking(room, "cleo").sitting.cases)


def test_space_shows_all_that_a_source_said_and_begins_again(room: Room) -> None:
    talk = talking(room)
    talk.fits = 2
    seen = []
    for _ in range(2):
        seen += [sample.about for sample in talk.samples[1]]
        press(room, talk, "space")
    assert sorted(seen) == ["answer-0", "answer-1", "answer-2"]
    assert talk.samples[0] == 1
    assert talk.message == "these are all; from the first again"


def test_choices_say_what_lets_through() -> None:
    assert [choice for choice in Choice if choice.lets_through] == [Choice.CLEAR, Choice.APPROVE]
    case = Case("x", None, "", "", "")  # type: ignore[arg-type]  # any subject that is no request
    assert (case.yes, case.no) == (Choice.CLEAR, Choice.HOLD)


def test_a_page_of_details_closes_with_any_key(room: Room, talk: Talk) -> None:
    press(room, talk, "d")
    assert any("lockstep" in line for line in talk.page())
    press(room, talk, "q")
    assert talk.mode is Mode.READ
    press(room, talk, "?")
    assert any("undo" in line for line in talk.page())
    assert SECOND < LONG
