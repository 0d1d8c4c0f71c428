"""A whole review at the screen, by keys alone (Textual's pilot), and the same in plain lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from rich.color import Color
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from approvals import desk
from approvals.screen.app import Screen
from approvals.screen.model import Case, Shown
from approvals.screen.plain import Plain
from approvals.screen.signing import sign
from approvals.screen.talk import Talk
from quarantine.errors import StaleError, UnavailableError
from quarantine.model import SourceKey
from tests.reviewing import LONER, RING, asked, doubted, rulings, seat, talking
from tests.room import Room, hand_of

AWHILE = timedelta(seconds=10)


@pytest.fixture
def room(tmp_path: Path) -> Iterable[Room]:
    made = doubted(tmp_path)
    yield made
    made.store.close()


class Reader:
    """Somebody at the screen, who reads for ten seconds before each key."""

    def __init__(self, room: Room, app: Screen, pilot: Pilot[bool]) -> None:
        self.room = room
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.room.later(AWHILE)
            await self.pilot.press(key)
            await self.pilot.pause()

    @property
    def lines(self) -> list[str]:
        """Return what stands on the screen, a string a line."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(part.text for part in strip) for strip in strips]

    @property
    def whole(self) -> str:
        return "\n".join(self.lines)


@asynccontextmanager
async def at_the_screen(
    room: Room, talk: Talk, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Reader]:
    app = Screen(talk, "ben")
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Reader(room, app, pilot)


async def test_a_whole_review_by_keys_alone(room: Room) -> None:
    request = asked(room)
    talk = talking(room)
    async with at_the_screen(room, talk) as reader:
        assert len(reader.lines) == 24
        assert "review · ben · 1 of 8 · nothing staged · 8 left" in reader.lines[0]
        assert "app/ring/0   HOLD" in reader.lines[1]
        await reader.press("g")
        assert "the next decision is on 6 cases alike" in reader.lines[22]
        await reader.press("h")
        assert "6 hold staged" in reader.lines[0]
        assert f"app/{LONER}" in reader.lines[1]
        await reader.press("u")
        assert "nothing staged" in reader.lines[0]
        await reader.press("slash", *"watch", "enter")
        assert f"app/{LONER}" in reader.lines[1]
        await reader.press("r", "3", "u", "a")
        assert "clear: app/odd/1" in reader.whole
        assert f"request {request.digest[:12]}" in reader.lines[1]
        await reader.press("a", "q")
        assert "2 staged (1 clear, 1 approve): y signs each" in reader.lines[23]
        await reader.press("y")
    assert reader.app.return_value is True
    assert [each.refused for each in sign(seat(room), talk.sitting.staged)] == [None, None]
    assert rulings(room) == {f"app/{LONER}": "clear"}
    assert [each.vote.by for each in desk.votes_on(room.store, request)] == ["ben"]


async def test_leaving_without_signing_leaves_nothing(room: Room) -> None:
    talk = talking(room)
    async with at_the_screen(room, talk) as reader:
        await reader.press("h", "h", "q", "n")
    assert reader.app.return_value is False
    assert rulings(room) == {}


async def test_nothing_staged_needs_no_question(room: Room) -> None:
    async with at_the_screen(room, talking(room)) as reader:
        await reader.press("q")
    assert reader.app.return_value is False


async def test_control_c_asks_as_q_does(room: Room) -> None:
    async with at_the_screen(room, talking(room)) as reader:
        await reader.press("h", "ctrl+c")
        assert "1 staged (1 hold): y signs each" in reader.whole
        await reader.press("escape")
        assert "1 staged (1 hold): y" not in reader.whole


async def test_a_race_that_was_lost_is_told_when_it_is_signed(room: Room) -> None:
    asked(room)
    talk = talking(room)
    async with at_the_screen(room, talk) as reader:
        await reader.press("slash", *"request", "enter", "a", "q", "y")
    key = SourceKey("app", "rater/3")
    desk.rule_source(room.store, key, "hold", because="seen", **hand_of(room, "cleo"))
    (done,) = sign(seat(room), talk.sitting.staged)
    assert isinstance(done.refused, StaleError)
    assert "on hold now" in str(done.refused)


async def test_words_are_typed_and_can_be_left_again(room: Room) -> None:
    async with at_the_screen(room, talking(room)) as reader:
        await reader.press("r", "0", *"ahq")
        assert reader.app.query_one("#typed", Input).value == "ahq"  # letters, and no keys
        await reader.press("escape")
        assert "nothing staged" in reader.lines[0]
        assert not reader.app.query_one("#typed", Input).display
        await reader.press("r", "0", *"mine", "enter")
    assert [each.because for each in reader.app.talk.sitting.staged] == ["mine"]


async def test_what_is_pasted_is_shown_as_letters(room: Room) -> None:
    async with at_the_screen(room, talking(room)) as reader:
        await reader.press("slash")
        reader.app.query_one("#typed", Input).post_message(Paste("\x1b]52;c;eA==\x07\u202ex"))
        await reader.pilot.pause()
        assert "^[]52;c;eA==^G<U+202E>x" in reader.whole
        assert all(line.isprintable() for line in reader.lines)
        await reader.press("enter")
        assert "no case holds these words" in reader.whole


async def test_help_and_details_are_pages_over_the_case(room: Room) -> None:
    async with at_the_screen(room, talking(room)) as reader:
        await reader.press("question_mark")
        assert "undo the last decision" in reader.whole
        await reader.press("down", "x", "d")
        assert "lockstep 0.900, above 68.4%" in reader.whole
        assert "the 6 sources of its cluster:" in reader.whole
        await reader.press("escape")
        assert "needs one signature" in reader.whole


async def test_a_small_terminal_shows_one_sample_at_a_time(room: Room) -> None:
    async with at_the_screen(room, talking(room), size=(60, 15)) as reader:
        await reader.press("a")
        assert "read the samples first" in reader.whole
        await reader.press("space", "space", "a")
        assert "clear: app/ring/0" in reader.whole


async def test_the_screen_follows_the_size_of_the_terminal(room: Room) -> None:
    async with at_the_screen(room, talking(room)) as reader:
        await reader.pilot.resize_terminal(120, 40)
        await reader.pilot.pause()
        assert len(reader.lines) == 40
        assert "needs one signature" in reader.lines[37]


async def test_the_end_of_the_queue_says_so(room: Room) -> None:
    async with at_the_screen(room, talking(room)) as reader:
        await reader.press(*"sssssss")
        assert "This is the end of the queue. nothing is staged" in reader.whole
        await reader.press("k", "h")
        assert "1 hold staged" in reader.lines[0]


async def test_an_empty_queue_is_a_screen_too(room: Room) -> None:
    async with at_the_screen(room, talking(room, "ben", [])) as reader:
        assert "This is the end of the queue" in reader.whole
        await reader.press("a", "space", "d", "q", "q")
    assert reader.app.return_value is False


def colours(reader: Reader) -> tuple[set[Color], set[Color]]:
    """Return the colours on the screen: of the ground, of the letters."""
    styles = [
        part.style
        for strip in reader.app.screen._compositor.render_strips()
        for part in strip
        if part.style is not None
    ]
    grounds = {style.bgcolor for style in styles if style.bgcolor is not None}
    return grounds, {style.color for style in styles if style.color is not None}


async def test_colours_are_the_terminals_own(room: Room) -> None:
    """So that it can be read on a light ground as on a dark one."""
    async with at_the_screen(room, talking(room)) as reader:
        grounds, inks = colours(reader)
    assert {ground.name for ground in grounds} == {"default"}
    assert len(inks) > 2
    assert all(ink.is_default or (ink.number is not None and ink.number < 16) for ink in inks)


async def test_without_colour_all_is_said_in_words(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with at_the_screen(room, talking(room)) as reader:
        assert "HOLD" in reader.whole
        assert "you may" in reader.whole
        assert {colour.name for colour in set.union(*colours(reader))} == {"default"}


class Pipe:
    """Lines that are typed, and what was written."""

    def __init__(self, room: Room, typed: Iterable[str]) -> None:
        self._room = room
        self._typed: Iterator[str] = iter(typed)
        self.written: list[str] = []

    def read(self, prompt: str) -> str:
        self._room.later(AWHILE)
        self.written.append(prompt)
        try:
            return next(self._typed)
        except StopIteration:
            raise EOFError from None

    @property
    def whole(self) -> str:
        return "\n".join(self.written)


def plain(room: Room, *typed: str) -> tuple[Pipe, Talk, bool]:
    talk, pipe = talking(room), Pipe(room, typed)
    return pipe, talk, Plain(talk, pipe.read, pipe.written.append).run()


def test_plain_lines_take_the_same_keys(room: Room) -> None:
    pipe, talk, signs = plain(room, "g", "h", "/watch", "r3", "u", "a", "q", "y")
    assert signs
    assert {each.case.name: each.choice.value for each in talk.sitting.staged} == {
        **{f"app/{name}": "hold" for name in RING},
        f"app/{LONER}": "clear",
    }
    for said in (
        "1 of 7 · nothing staged · 7 left, about 2 min",
        "why 1: lockstep 0.90",
        "sample 1, weightiest: answer-",
        "6 cases alike",
        "7 staged (1 clear, 6 hold): y signs each",
    ):
        assert said in pipe.whole, said


def test_plain_lines_that_end_sign_nothing(room: Room) -> None:
    _, talk, signs = plain(room, "h", "h")
    assert (len(talk.sitting.staged), signs) == (2, False)


def test_an_empty_line_decides_nothing(room: Room) -> None:
    _, talk, _ = plain(room, "", "", "q")
    assert talk.sitting.staged == []


def test_plain_lines_take_a_reason_in_words(room: Room) -> None:
    _, talk, _ = plain(room, "r0seen this before", "r", "0", "and this", "r", "x", "q", "n")
    assert [each.because for each in talk.sitting.staged] == ["seen this before", "and this"]


def test_plain_lines_show_help_details_and_more_samples(room: Room) -> None:
    pipe, _, _ = plain(room, "?", "d", "space", ".", " ", "q")
    assert "undo the last decision" in pipe.whole
    assert "the 6 sources of its cluster:" in pipe.whole
    assert "these are all; from the first again" in pipe.whole


async def test_an_error_ends_the_review_with_nothing_signed(room: Room) -> None:
    talk = talking(room)
    good = talk.sitting.show

    def show(case: Case) -> Shown:
        if case.name == f"app/{RING[1]}":
            raise UnavailableError("the store does not answer")
        return good(case)

    talk.sitting.show = show
    async with at_the_screen(room, talk) as reader:
        await reader.press("h")
    assert reader.app.return_value is False
    assert isinstance(reader.app.failed, UnavailableError)
    assert rulings(room) == {}
