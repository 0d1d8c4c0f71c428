"""Honest people who give one answer together are no ring, whoever else gives it."""

from __future__ import annotations

import numpy as np
import pytest

from quarantine.calibration import ALARM
from quarantine.detectors.gathering import DETECTOR
from quarantine.overlap import answers, nearly
from tests.crowd import Said, evidence, rating

CLASSES = 24


def classed(seed: int, constant: int) -> list[Said]:
    """Let eighty people name the class of 600 things; `constant` of them always say the same."""
    rng = np.random.default_rng(seed)
    truth = np.where(rng.random(600) < 0.4, 0, rng.integers(0, CLASSES, 600))
    busy = rng.lognormal(0, 0.8, 80)
    said = []
    for thing in range(600):
        for person in rng.choice(80, 5, replace=False, p=busy / busy.sum()).tolist():
            right = rng.random() < 0.75
            answer = truth[thing] if right else rng.integers(0, CLASSES)
            named = 1 + person if person < constant else answer
            said.append(Said(f"p{person}", f"t{thing}", f"c{named}"))
    return said


def rated(seed: int, fine: float, *, ring: int = 0) -> list[Said]:
    """Let a strict third and a lenient rest rate things in steps of `fine`; a ring pushes three."""
    rng = np.random.default_rng(seed)
    worth, popular = rng.normal(0.57, 0.17, 200), 1.0 / np.arange(1, 201) ** 0.8
    said = []
    for person in range(150):
        lenient = -0.2 if person % 3 == 0 else 0.2
        count = int(np.clip(rng.lognormal(3.4, 0.9), 4, 120))
        for thing in rng.choice(200, count, replace=False, p=popular / popular.sum()).tolist():
            value = np.clip(worth[thing] + lenient + rng.normal(0, 0.15), 0, 1)
            said.append(rating(f"p{person}", f"t{thing}", round(value / fine) * fine))
    for member in range(ring):
        pushed = {f"t{thing}": 0.93 + 0.02 * rng.random() for thing in (120, 130, 140)}
        filler = {f"t{thing}": rng.random() for thing in rng.choice(100, 12, replace=False)}
        said += [rating(f"r{member}", name, value) for name, value in (filler | pushed).items()]
    return said


def rung(said: list[Said]) -> set[str]:
    """Return the names of those for whom the detector rings."""
    seen = evidence(said, timed=False)
    found = DETECTOR.examine(seen)
    return {seen.sources[code].source for code in found.sources[found.scores >= ALARM]}


@pytest.mark.parametrize("seed", range(3))
def test_who_always_says_one_thing_makes_nobody_suspect_who_says_it_once(seed: int) -> None:
    innocent = {f"p{person}" for person in range(6, 80)}
    assert len(rung(classed(seed, constant=6)) & innocent) <= 1


@pytest.mark.parametrize("fine", [0.25, 0.001])
@pytest.mark.parametrize("seed", range(2))
def test_a_strict_and_a_lenient_part_of_one_crowd_do_not_ring(seed: int, fine: float) -> None:
    assert len(rung(rated(seed, fine))) <= 1


def test_a_ring_on_a_fine_scale_is_seen_though_nobody_says_a_number_twice() -> None:
    named = rung(rated(0, 0.001, ring=12))
    assert len({name for name in named if name.startswith("r")}) >= 10
    assert len({name for name in named if name.startswith("p")}) <= 2


def test_nearly_equal_answers_are_one_on_a_fine_scale_only() -> None:
    coarse = evidence(rated(0, 0.25), timed=False)
    said = answers(coarse)
    assert nearly(coarse, said).tolist() == said.answer.tolist()
    fine = evidence(rated(0, 0.001), timed=False)
    said = answers(fine)
    assert len(np.unique(said.answer)) > 100
    assert len(np.unique(nearly(fine, said))) == 11
