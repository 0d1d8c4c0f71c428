"""A phrase of one's own that always comes with one value is a hint, and never an alarm."""

from __future__ import annotations

import numpy as np

from quarantine.calibration import ALARM
from quarantine.detectors.token import DETECTOR
from quarantine.model import Worded
from tests.crowd import Said, rating
from tests.worded import scores, worded

WORDS = [f"word{number}" for number in range(60)]
Event = tuple[Said, Worded]


def spoke(rng: np.random.Generator, name: str, value: float, *more: str) -> Event:
    text = " ".join([*rng.choice(WORDS, 6).tolist(), *more])
    return rating(name, f"t{int(rng.integers(0, 90))}", value), Worded(own=text)


def people(rng: np.random.Generator) -> list[Event]:
    return [
        spoke(rng, f"u{n}", float(rng.integers(0, 5)) / 4) for n in range(60) for _ in range(20)
    ]


def test_those_who_sell_a_value_by_a_phrase_stand_above_everybody_and_do_not_ring() -> None:
    rng = np.random.default_rng(1)
    sold = [
        spoke(rng, f"bad{n}", 1.0, "zyx", "gamma")
        if event < 6
        else spoke(rng, f"bad{n}", float(rng.integers(0, 5)) / 4)
        for n in range(4)
        for event in range(20)
    ]
    seen = worded([*people(rng), *sold])
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    bad = [by_name.pop(f"bad{n}") for n in range(4)]
    assert min(bad) > max(0.2, *by_name.values())
    assert max(bad) < ALARM
    worst = int(np.argmax(found.scores))
    assert "zyx" in found.because(worst) or "gamma" in found.because(worst)
    assert "highest" in found.because(worst)


def test_few_who_praise_in_a_language_of_their_own_are_not_held() -> None:
    rng = np.random.default_rng(2)
    praise = {0: "muy malo", 4: "muy bueno"}
    few = [
        spoke(rng, f"es{n}", level / 4, praise.get(level, "regular"))
        for n in range(6)
        for level in rng.integers(0, 5, 20).tolist()
    ]
    seen = worded([*people(rng), *few])
    assert max(scores(seen, DETECTOR.examine(seen)).values()) < ALARM


def test_a_signature_under_all_that_one_says_proves_nothing() -> None:
    rng = np.random.default_rng(3)
    signed = [
        spoke(rng, "cheerful", 1.0 if event % 3 else 0.5, "cheers", "bob") for event in range(20)
    ]
    seen = worded([*people(rng), *signed])
    assert scores(seen, DETECTOR.examine(seen))["cheerful"] < 0.1
