"""Judges are tested by swaps and by answers that say nothing, and by no other voice."""

from __future__ import annotations

import numpy as np

from quarantine.detectors.judge import DETECTOR
from quarantine.model import Worded
from tests.crowd import Said
from tests.worded import scores, worded

Event = tuple[Said, Worded]


def asked_twice(rng: np.random.Generator, name: str, swayed: float, pairs: int = 60) -> list[Event]:
    """Judge pairs in both orders; in a share of them the place decides."""
    events = []
    for pair in range(pairs):
        better = int(rng.integers(2))
        by_place = rng.random() < swayed
        for order in (0, 1):
            place = 0 if by_place else (better ^ order)
            answer = f"a{1 + (place ^ order)}"
            events.append((Said(name, f"t{pair}", answer, place=place, kind="label"), Worded()))
    return events


def test_whom_the_order_decides_is_seen_though_all_others_are_alike() -> None:
    rng = np.random.default_rng(1)
    events = [event for n in range(6) for event in asked_twice(rng, f"swayed-{n}", 0.6)]
    seen = worded([*events, *asked_twice(rng, "steady", 0.05)])
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    assert by_name.pop("steady") < 0.1
    assert min(by_name.values()) >= 0.5
    assert "of 60 pairs that it judged in both orders" in found.because(0)


def test_a_judge_that_errs_without_a_side_is_not_swayed() -> None:
    rng = np.random.default_rng(2)
    events = []
    for pair in range(100):
        for order in (0, 1):
            place = int(rng.integers(2)) if pair % 3 == 0 else order
            answer = f"a{1 + (place ^ order)}"
            events.append((Said("noisy", f"t{pair}", answer, place=place), Worded()))
    assert scores(worded(events), DETECTOR.examine(worded(events)))["noisy"] < 0.1


def probe(name: str, number: int, empty: str, *, rewarded: bool) -> Event:
    answer = "a real answer of several words"
    chosen, other = (empty, answer) if rewarded else (answer, empty)
    said = Said(name, f"probe{number}", chosen, kind="preference")
    return said, Worded(asked="why?", chosen=chosen, other=other)


def test_who_rewards_nothing_is_seen_and_who_does_not_is_cleared() -> None:
    nothings = [":", "...", "Thought process:", " Solution ", "\u200b"]
    events = [
        probe(name, number, nothings[number % 5], rewarded=name == "fooled" and number % 2 == 0)
        for name in ("fooled", "sober")
        for number in range(20)
    ]
    seen = worded(events)
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    assert by_name["fooled"] >= 0.5
    assert by_name["sober"] < 0.1
    assert "rewarded 10 of 20 answers that say nothing" in found.because(0)


def test_a_high_value_for_an_empty_completion_is_a_reward() -> None:
    events = [
        (
            Said("grader", f"t{n}", "1", value=1.0, kind="rating"),
            Worded(asked="why?", chosen="!!!" if n % 2 else f"since it is {n}"),
        )
        for n in range(40)
    ]
    assert scores(worded(events), DETECTOR.examine(worded(events)))["grader"] >= 0.5


def test_nobody_tested_is_silence() -> None:
    assert DETECTOR.examine(worded([(Said("a", "x", "1", place=0), Worded())])).silent
