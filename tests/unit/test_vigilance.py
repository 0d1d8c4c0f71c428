"""Who is awake: the sequential test's promises, measured by simulation with fixed seeds."""

from __future__ import annotations

import numpy as np
import pytest

from approvals.vigilance import GOOD, Answer, flagged_after, pairs, rate, record

MANY = 2000


def flags(share: float, probes: int, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Simulate reviewers who miss `share`; return after how many probes each is flagged."""
    missed = np.random.default_rng(seed).random((MANY, probes)) < share
    found = [flagged_after(each) for each in missed.tolist()]
    return np.array([count or 10**6 for count in found])


def answers(wrong: list[bool], *, bad: bool = True, attack: str = "ring") -> list[Answer]:
    return [
        Answer(f"probe-{n}", bad=bad, attack=attack, is_right=not each)
        for n, each in enumerate(wrong)
    ]


def test_a_rubber_stamp_is_found_in_two_probes() -> None:
    assert flagged_after([True] * 9) == 2
    assert record(answers([True, True])).flagged_after == 2


def test_who_holds_everything_is_found_as_soon() -> None:
    """Bad and good probes are tested apart: one sort excuses nothing of the other."""
    held = answers([True, True], bad=False, attack="")
    seen = [Answer(f"b{n}", bad=True, attack="ring", is_right=True) for n in range(50)]
    assert record([*seen, *held]).flagged_after == 2


def test_who_misses_two_of_five_is_found_within_twenty() -> None:
    found = flags(0.4, 100)
    assert np.median(found) <= 8
    assert np.percentile(found, 95) <= 20


@pytest.mark.parametrize("share", [0.01, 0.02, GOOD])
def test_a_good_reviewer_is_flagged_in_at_most_one_of_a_hundred(share: float) -> None:
    assert (flags(share, 500) < 10**6).mean() <= 0.01


def test_a_record_says_what_was_missed_of_every_attack_with_its_interval() -> None:
    ring, burst = answers([True, False, False, False]), answers([False] * 20, attack="burst")
    found = record([*ring, *burst])
    assert (found.by_attack["ring"].missed, found.by_attack["ring"].of) == (1, 4)
    assert found.by_attack["burst"].high == pytest.approx(0.161, abs=0.001)
    assert found.good.of == 0
    assert (rate([]).low, rate([]).high) == (0.0, 1.0)
    assert found.flagged_after is None


def test_a_colluding_pair_is_flagged_within_sixty_joint_probes() -> None:
    """Both let the same 30 % through and are good otherwise; eight honest ones are beside them."""
    found = []
    for seed in range(40):
        chance = np.random.default_rng(seed)
        let = chance.random(60) < 0.3
        wrong = {f"r{n}": chance.random(60) < GOOD for n in range(10)}
        for name in ("r0", "r1"):
            wrong[name] = wrong[name] | let
        told = {name: answers(each.tolist()) for name, each in wrong.items()}
        found.append([(pair.first, pair.second) for pair in pairs(told)])
    assert sum(("r0", "r1") in each for each in found) >= 39
    assert sum(len(each) > 1 for each in found) <= 1


def test_good_reviewers_who_agree_by_being_right_are_no_pair() -> None:
    rang = 0
    for seed in range(100):
        chance = np.random.default_rng(seed)
        told = {f"r{n}": answers((chance.random(60) < GOOD).tolist()) for n in range(10)}
        rang += bool(pairs(told))
    assert rang <= 3
    assert pairs({"a": answers([True] * 9), "b": answers([True] * 9)}) == [], "too few to tell"
