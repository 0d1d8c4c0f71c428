"""Who waits longest is next, and who brings much more than another has the door for short turns."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fairness import LONG, PACE, PORTION, RECENT, SHORT, Line, Shares

START = datetime(2026, 1, 1, tzinfo=UTC)
KIB = 1024


def sizes(shares: Shares, stream: str, weights: list[int], at: datetime = START) -> list[int]:
    return [sum(weights[some]) for some in shares.cut(stream, weights, at)]


def test_the_lock_goes_to_who_waits_longest_and_not_back_at_once() -> None:
    line, order = Line(), []

    def take(name: str) -> None:
        with line:
            order.append(name)

    with line:
        waiting = []
        for name in "abc":
            waiting.append(threading.Thread(target=take, args=(name,)))
            waiting[-1].start()
            while len(line._waiting) < len(waiting):
                pass
    with line:
        order.append("again")
    for thread in waiting:
        thread.join()
    assert order == ["a", "b", "c", "again"]


def test_the_lock_is_passed_on_when_something_goes_wrong_under_it() -> None:
    line = Line()
    for _ in range(2):
        with pytest.raises(KeyError), line:
            {}["missing"]
    with line:
        assert line._taken
    assert not line._taken


def test_who_is_alone_takes_long_turns() -> None:
    shares = Shares()
    alone = [64 * KIB] * 100
    assert sizes(shares, "one", alone) == [PORTION, PORTION, PORTION, 4 * 64 * KIB]
    assert sizes(shares, "two", alone, START + RECENT)[0] == PORTION


def test_who_brings_about_as_much_as_the_others_takes_turns_that_are_not_short() -> None:
    shares = Shares()
    sizes(shares, "one", [KIB] * 2000)
    long, most = sizes(shares, "two", [KIB] * 2000)[:1], PACE * LONG.total_seconds()
    assert most <= long[0] <= most + KIB


def test_who_brings_much_more_than_another_takes_short_turns_until_that_one_is_silent() -> None:
    shares = Shares()
    assert sizes(shares, "quiet", [KIB]) == [KIB]
    short = PACE * SHORT.total_seconds()
    assert all(short <= size <= short + KIB for size in sizes(shares, "loud", [KIB] * 1000)[:-1])
    later = START + RECENT
    assert len(sizes(shares, "loud", [KIB] * 1000, later)) == 1


def test_turns_of_what_is_slow_to_take_in_hold_less() -> None:
    shares = Shares()
    sizes(shares, "good", [KIB] * 100)
    sizes(shares, "bad", [KIB])
    shares.lasted("bad", KIB, timedelta(milliseconds=10))
    assert sizes(shares, "bad", [KIB] * 100) == [4 * KIB] * 25


def test_short_turns_last_about_as_long_whatever_is_in_them() -> None:
    shares = Shares()
    sizes(shares, "quiet", [KIB])
    weights, took = [KIB] * 400, []
    for some in shares.cut("loud", weights, START):
        weight = sum(weights[some])
        took.append(weight / (KIB * KIB))
        shares.lasted("loud", weight, timedelta(seconds=took[-1]))
    assert took[0] > 3 * SHORT.total_seconds(), "nothing was known of its pace yet"
    assert all(abs(each - SHORT.total_seconds()) < 0.003 for each in took[1:-1])


@given(st.lists(st.integers(0, 3 * KIB * KIB), max_size=60), st.booleans())
def test_nothing_is_left_out_and_the_order_stays(weights: list[int], crowded: object) -> None:
    shares = Shares()
    if crowded:
        sizes(shares, "quiet", [1])
    cut = list(shares.cut("app", weights, START))
    assert [each for some in cut for each in range(len(weights))[some]] == list(range(len(weights)))
    assert all(some.start < some.stop for some in cut)
