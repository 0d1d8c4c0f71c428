"""The outsider channel: who tells nothing, who stands badly; and nobody is better than usual."""

from __future__ import annotations

import numpy as np

from quarantine.calibration import ALARM
from quarantine.detectors.disagreement import Disagreement
from quarantine.detectors.guessing import Guessing
from quarantine.detectors.standing import Standing
from quarantine.evidence import Evidence, Findings, Floats
from tests.crowd import DAY, START, Said, World, evidence, guessers, honest, liars, rating, untimed


def scores(seen: Evidence, found: Findings, name: str) -> Floats:
    pairs = zip(found.sources.tolist(), found.scores.tolist(), strict=True)
    return np.array([score for code, score in pairs if seen.sources[code].source.startswith(name)])


def throwaways(rng: np.random.Generator, world: World, count: int = 12) -> list[Said]:
    """Let accounts that live for an hour call three good targets bad and three bad ones good."""
    found = []
    for n in range(count):
        begin = START + 10 * DAY + int(rng.integers(0, DAY))
        for step, target in enumerate(rng.choice(world.targets, 6, replace=False).tolist()):
            value = float(world.truth(target) == 0)
            found.append(rating(f"thrown-{n}", f"t{target}", value, begin + step * 60_000_000))
    return found


def test_throwaway_contrarians_stand_worst_and_do_not_ring() -> None:
    rng, world = np.random.default_rng(0), World(kind="rating")
    seen = evidence(honest(rng, world, 80) + throwaways(rng, world))
    found = Standing().examine(seen)
    assert scores(seen, found, "thrown").min() > scores(seen, found, "honest").max()
    assert found.scores.max() < ALARM


def test_without_times_nobody_stands_better_than_usual() -> None:
    rng, world = np.random.default_rng(1), World(kind="rating")
    crowd = honest(rng, world, 80) + throwaways(rng, world)
    seen = evidence(untimed(crowd), timed=False)
    found = Standing().examine(seen)
    assert found.by_agreement
    assert (found.scores == 0).mean() > 0.4
    assert scores(seen, found, "thrown").mean() > scores(seen, found, "honest").mean() + 0.1


def test_a_crowd_of_sybils_does_not_look_usual_beside_a_reference() -> None:
    gaps = []
    for sybils in (3, 40):
        rng, world = np.random.default_rng(2), World(kind="rating")
        held = honest(rng, world, 60) + throwaways(rng, world, sybils)
        seen = evidence(held, honest(rng, world, 120, name="known"))
        found = Standing().examine(seen)
        gaps.append(scores(seen, found, "thrown").min() / scores(seen, found, "honest").max())
    assert min(gaps) > 5


def test_who_guesses_tells_least_and_who_agrees_most_is_no_better_than_usual() -> None:
    rng, world = np.random.default_rng(3), World()
    seen = evidence(honest(rng, world, 60) + guessers(rng, world, 6))
    found = Guessing().examine(seen)
    assert scores(seen, found, "guesser").min() > scores(seen, found, "honest").max()
    assert (scores(seen, found, "honest") == 0).any()


def test_guessing_points_at_what_is_likely_wrong() -> None:
    rng, world = np.random.default_rng(4), World()
    seen = evidence(honest(rng, world, 60) + liars(rng, world, 4))
    found = Guessing().examine(seen)
    lied = np.array([seen.sources[code].source.startswith("liar") for code in seen.held["source"]])
    assert found.events[lied].mean() > 0.7
    assert found.events[~lied].mean() < 0.2
    worst = int(found.scores.argmax())
    assert "beyond chance" in found.because(worst)
    assert set(found.examples(worst)) <= set(seen.targets)


def test_each_speaks_of_its_own_kind_of_answer() -> None:
    rng = np.random.default_rng(5)
    labels = evidence(honest(rng, World(), 30))
    values = evidence(honest(rng, World(kind="rating"), 30))
    assert Guessing().examine(values).silent
    assert Standing().examine(labels).silent
    assert Disagreement().examine(labels).silent
    assert not Guessing().examine(labels).silent
    assert not Standing().examine(values).silent


def test_only_what_lies_on_a_scale_counts_as_disagreement() -> None:
    rng = np.random.default_rng(6)
    values = honest(rng, World(kind="rating"), 40) + liars(rng, World(kind="rating"), 4)
    labels = liars(rng, World(), 3)
    alone, mixed = evidence(values), evidence(values + labels)
    found = Disagreement().examine(mixed)
    assert np.array_equal(
        np.sort(scores(alone, Disagreement().examine(alone), "honest")),
        np.sort(scores(mixed, found, "honest")),
    )
    assert found.events[mixed.held["value"].isna().to_numpy()].max() == 0
