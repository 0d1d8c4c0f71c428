"""Who floods or sends mostly what is bad waits, longer each time; who does not never waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from quarantine.arrivals import Arrival, Taken, put_aside
from service.breaker import Breaker, Limits

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMITS = Limits(window=10 * SECOND, flood=1000, least=100)


def took(good: int, bad: int = 0) -> Taken:
    """Make what came of some entries."""
    letter = put_aside(Arrival("app", "s", "1-0", 0), -1, "bad_json", "", b"")
    return Taken(good, 0, [letter] * bad)


def test_mostly_malformed_input_pauses_its_producer_and_no_other() -> None:
    breaker = Breaker(LIMITS)
    assert breaker.heard("app", took(5, 94), START) is None
    assert breaker.heard("other", took(100), START) is None
    pause = breaker.heard("app", took(0, 1), START)
    assert pause is not None
    assert (pause.producer, pause.until) == ("app", START + LIMITS.shortest)
    assert pause.because == "95 of 100 events were put aside"
    assert breaker.heard("other", took(100), START) is None


def test_a_pause_that_did_not_help_is_doubled_and_a_calm_time_forgives_it() -> None:
    breaker = Breaker(LIMITS)
    at, waits = START, []
    for _ in range(12):
        pause = breaker.heard("app", took(0, 100), at)
        assert pause is not None
        waits.append(pause.until - at)
        at = pause.until
    assert waits[:4] == [LIMITS.shortest * 2**n for n in range(4)]
    assert waits[-1] == LIMITS.longest
    for _ in range(20):
        at += LIMITS.window
        assert breaker.heard("app", took(100), at) is None
    pause = breaker.heard("app", took(0, 1000), at + LIMITS.window)
    assert pause is not None
    assert pause.until - pause.at == LIMITS.shortest


def test_a_flood_pauses_who_floods_while_others_speak() -> None:
    breaker = Breaker(LIMITS)
    breaker.heard("quiet", took(10), START)
    assert breaker.heard("loud", took(999), START) is None
    pause = breaker.heard("loud", took(1), START)
    assert pause is not None
    assert "1000 events" in pause.because
    assert breaker.heard("quiet", took(10), START) is None


def test_who_is_alone_disturbs_nobody() -> None:
    breaker = Breaker(LIMITS)
    assert breaker.heard("alone", took(1_000_000), START) is None


def test_producers_that_send_much_alike_are_no_flood() -> None:
    breaker = Breaker(LIMITS)
    for second in range(5):
        for name in ("one", "two", "three"):
            assert breaker.heard(name, took(900), START + second * SECOND) is None


def test_a_window_that_just_began_does_not_make_an_equal_look_quiet() -> None:
    breaker = Breaker(LIMITS)
    assert breaker.heard("one", took(900), START) is None
    assert breaker.heard("other", took(900), START + 9 * SECOND) is None
    assert breaker.heard("one", took(1), START + 10 * SECOND) is None
    assert breaker.heard("other", took(900), START + 18 * SECOND) is None


def test_two_who_flood_together_do_not_hide_each_other() -> None:
    breaker = Breaker(LIMITS)
    breaker.heard("quiet", took(10), START)
    assert breaker.heard("one", took(1000), START) is not None
    assert breaker.heard("two", took(1000), START) is not None


def test_who_has_a_budget_is_judged_by_that_and_may_send_much_at_once() -> None:
    breaker = Breaker(LIMITS)
    breaker.heard("quiet", took(10), START)
    assert breaker.heard("bulk", took(50_000), START, budget=50_000) is None
    assert breaker.heard("bulk", took(1), START, budget=50_000) is not None


def test_a_few_bad_events_among_little_are_no_reason() -> None:
    breaker = Breaker(LIMITS)
    assert breaker.heard("app", took(0, 99), START) is None
    assert breaker.heard("app", took(0, 99), START + LIMITS.window) is None


def test_who_is_over_its_budget_waits_until_some_is_there_again() -> None:
    breaker = Breaker(LIMITS)
    assert breaker.heard("app", took(3600), START, budget=3600) is None
    pause = breaker.heard("app", took(60), START, budget=3600)
    assert pause is not None
    assert pause.until - START == timedelta(seconds=120)
    assert breaker.heard("app", took(60), pause.until, budget=3600) is None


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=40))
def test_an_hours_budget_is_never_exceeded_by_more_than_one_reading(sent: list[int]) -> None:
    breaker, at, hour, total = Breaker(Limits()), START, timedelta(hours=1), 0
    for events in sent:
        pause = breaker.heard("app", took(events), at, budget=10_000)
        total += events
        at = pause.until if pause else at
    assert total <= 10_000 * (1 + (at - START) / hour) + max(sent)


def test_dead_letters_fill_the_store_by_no_more_than_so_many_an_hour() -> None:
    """One in three is bad: no window is bad enough to rest for, and yet they add up."""
    breaker = Breaker(Limits(window=10 * SECOND, letters=3600))
    at, total = START, 0
    for _ in range(2000):
        pause = breaker.heard("app", took(40, 20), at)
        total += 20
        at = pause.until if pause else at + SECOND
    assert pause is None or "3600 dead letters" in pause.because
    assert total <= 3600 * (1 + (at - START) / timedelta(hours=1)) + 20


def test_strangers_share_one_room_for_dead_letters() -> None:
    breaker = Breaker(Limits(letters=100))
    assert breaker.heard("a", took(0, 60), START, registered=False) is None
    pause = breaker.heard("b", took(0, 60), START, registered=False)
    assert pause is not None
    assert pause.producer == "b"
    assert breaker.heard("app", took(0, 60), START) is None


def test_what_a_pause_was_given_for_counts_towards_the_hour_too() -> None:
    breaker = Breaker(Limits(window=10 * SECOND, least=100, letters=150))
    first = breaker.heard("app", took(0, 100), START)
    assert first is not None
    assert "were put aside" in first.because
    second = breaker.heard("app", took(0, 100), first.until)
    assert second is not None
    assert "150 dead letters" in second.because
    assert second.until - first.until > timedelta(minutes=10)
