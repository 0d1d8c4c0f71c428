"""Raters who read and raters who do not: how far agreement on values tells them apart."""

from __future__ import annotations

import numpy as np

from quarantine.calibration import ALARM
from quarantine.detectors.disagreement import DETECTOR
from quarantine.detectors.standing import DETECTOR as STANDING
from quarantine.scoring import score
from tests.crowd import HOUR, START, Said, evidence, rating

PEOPLE, BAD = 100, 8


def crowd(seed: int, apart: float) -> list[Said]:
    """Let people rate popular things, `apart` from each other; the first eight roll dice."""
    rng = np.random.default_rng(seed)
    worth, popular = rng.uniform(0.2, 0.9, 150), 1.0 / np.arange(1, 151) ** 0.6
    said = []
    for person in range(PEOPLE):
        bias, count = rng.normal(0, apart), int(np.clip(rng.lognormal(3.2, 0.6), 8, 90))
        at = START + int(rng.integers(0, 800)) * HOUR
        for thing in rng.choice(150, count, replace=False, p=popular / popular.sum()).tolist():
            value = rng.random() if person < BAD else worth[thing] + bias + rng.normal(0, 0.2)
            at += int(rng.lognormal(3.5, 1.0) * 1_000_000)
            said.append(
                rating(f"p{person}", f"t{thing}", round(float(np.clip(value, 0, 1)), 3), at)
            )
    return said


def ranked(said: list[Said], scores: dict[str, float]) -> float:
    """Return how often one who rolls dice stands above one who does not."""
    named = {event.source for event in said}
    bad = np.array([scores.get(f"p{n}", 0.0) for n in range(BAD)])
    good = np.array([scores.get(name, 0.0) for name in named if int(name[1:]) >= BAD])
    return float((bad[:, None] > good).mean())


def test_who_rolls_dice_stands_last_though_no_alarm_rings_for_all() -> None:
    for seed in range(2):
        said = crowd(seed, apart=0.05)
        seen = evidence(said)
        found = DETECTOR.examine(seen)
        names = [seen.sources[code].source for code in found.sources]
        alone = dict(zip(names, found.scores.tolist(), strict=True))
        assert ranked(said, alone) > 0.98
        assert not {name for name, one in alone.items() if one >= ALARM and int(name[1:]) >= BAD}
        assert ranked(said, {one.source: one.score for one in score(seen).dossiers}) > 0.98


def test_being_new_and_quick_says_little_where_people_met_often() -> None:
    seen = evidence(crowd(0, apart=0.15))
    few = evidence([each for n, each in enumerate(crowd(0, apart=0.15)) if n % 12 == 0])
    assert STANDING.examine(seen).scores.max() < 0.25 < STANDING.examine(few).scores.max()


def test_where_honest_people_differ_much_little_is_said_of_anybody() -> None:
    close = DETECTOR.examine(evidence(crowd(0, apart=0.03))).scores
    wide = DETECTOR.examine(evidence(crowd(0, apart=0.3))).scores
    assert np.sort(wide)[-2 * BAD :].mean() < np.sort(close)[-2 * BAD :].mean()


def test_nothing_is_said_of_one_whom_nobody_met() -> None:
    said = [*crowd(0, apart=0.05), *(rating("alone", f"own{n}", 0.1 * n) for n in range(9))]
    seen = evidence(said)
    judged = {seen.sources[code].source for code in DETECTOR.examine(seen).sources}
    assert "p20" in judged
    assert "alone" not in judged
