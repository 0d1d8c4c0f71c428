"""A yes or a no is read as a label: who guesses is seen, and who only leans one way is not."""

from __future__ import annotations

import numpy as np

from quarantine.calibration import ALARM
from quarantine.detectors import disagreement, standing
from quarantine.detectors.unmoved import DETECTOR
from quarantine.evidence import Evidence
from quarantine.levels import closed, graded, levelled
from tests.crowd import Said, evidence, rating
from tests.worded import scores

TARGETS = 60


def thumbs(
    rng: np.random.Generator, name: str, *, lean: float = 0.0, moved: float = 1.0, each: int = 40
) -> list[Said]:
    """Say yes as often as a target is good, shifted by a lean."""
    targets = rng.choice(TARGETS, each, replace=False)
    odds = moved * np.where(targets % 3 == 0, 2.0, -2.0) + lean
    yes = rng.random(each) < 1.0 / (1.0 + np.exp(-odds))
    return [rating(name, f"t{t}", float(up)) for t, up in zip(targets.tolist(), yes, strict=True)]


def crowd(rng: np.random.Generator, *more: list[Said]) -> Evidence:
    people = [thumbs(rng, f"u{n}", lean=float(rng.normal(0, 0.5))) for n in range(60)]
    return evidence([said for each in (*people, *more) for said in each])


def test_values_at_two_levels_are_answers_of_a_closed_set() -> None:
    seen = crowd(np.random.default_rng(1))
    assert closed(seen).all()
    assert levelled(seen).all()
    assert not len(graded(seen).held)
    finer = evidence([rating(f"u{n}", f"t{n % 4}", n % 3 / 2) for n in range(60)])
    assert not closed(finer).any()
    assert len(graded(finer).held) == 60


def test_a_level_that_hardly_anybody_uses_makes_no_labels() -> None:
    seen = evidence([rating(f"u{n}", f"t{n % 9}", float(n < 3)) for n in range(60)])
    assert not levelled(seen).any()


def test_who_guesses_and_who_turns_answers_round_stand_above_everybody() -> None:
    rng = np.random.default_rng(2)
    seen = crowd(
        rng,
        thumbs(rng, "guesser", moved=0.0),
        thumbs(rng, "liar", moved=-1.0),
        thumbs(rng, "lenient", lean=2.0),
    )
    found = scores(seen, DETECTOR.examine(seen))
    assert found["liar"] > found["guesser"] > 0.3
    rest = [score for name, score in found.items() if name not in {"liar", "guesser"}]
    assert max(rest) < 0.2
    assert found["lenient"] < 0.1


def test_its_words_name_what_the_others_favour() -> None:
    rng = np.random.default_rng(3)
    seen = crowd(rng, thumbs(rng, "liar", moved=-3.0))
    found = DETECTOR.examine(seen)
    worst = int(np.argmax(found.scores))
    assert seen.sources[int(found.sources[worst])].source == "liar"
    assert found.scores[worst] >= ALARM
    assert "of what the others favour" in found.because(worst)
    assert found.examples(worst)
    pointed = np.flatnonzero(found.events)
    assert set(seen.held["source"].to_numpy()[pointed].tolist()) == {int(found.sources[worst])}
    assert "otherwise" in found.event_because(int(pointed[0]))


def test_a_scale_is_left_to_disagreement_and_a_thumb_is_not() -> None:
    seen = crowd(np.random.default_rng(4))
    assert disagreement.DETECTOR.examine(seen).silent
    finer = evidence([rating(f"u{n}", f"t{n % 4}", n % 3 / 2) for n in range(60)])
    assert DETECTOR.examine(finer).silent
    assert not disagreement.DETECTOR.examine(finer).silent


def test_how_one_came_ranks_nobody_whose_thumbs_are_measured_and_all_who_hardly_met() -> None:
    rng = np.random.default_rng(5)
    known = crowd(rng, thumbs(rng, "brief", each=2))
    found = scores(known, standing.DETECTOR.examine(known))
    assert {score for name, score in found.items() if name != "brief"} == {0.0}
    apart = evidence(
        [
            rating(f"u{n}", f"t{n // 2}-0" if k == 0 else f"t{n}-{k}", float((n + k) % 3 > 0))
            for n in range(300)
            for k in range(5)
        ]
    )
    found = scores(apart, standing.DETECTOR.examine(apart))
    assert min(found.values()) > 0.0
