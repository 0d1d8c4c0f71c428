"""A loop is seen when it agrees with itself alone, is taught by its own labels, or drifts away."""

from __future__ import annotations

import numpy as np

from quarantine.detectors.loop import DETECTOR
from quarantine.model import Worded
from tests.crowd import Said, World, honest
from tests.worded import scores, worded

WORLD = World(targets=100, labels=3)
Event = tuple[Said, Worded]


def people(rng: np.random.Generator, name: str = "human") -> list[Event]:
    return [(said, Worded()) for said in honest(rng, WORLD, 30, each=40, name=name)]


def loop(
    rng: np.random.Generator,
    name: str,
    *,
    right: float = 0.9,
    generation: int = 1,
    model: str = "m",
) -> list[Event]:
    events = []
    for target in range(WORLD.targets):
        label = WORLD.truth(target) if rng.random() < right else 0
        said = Said(name, f"t{target}", str(label), kind="pseudo_label")
        events.append((said, Worded(model=model, generation=generation)))
    return events


def test_a_model_that_agrees_with_people_is_left_alone() -> None:
    rng = np.random.default_rng(1)
    seen = worded([*people(rng), *loop(rng, "loop/a")])
    assert scores(seen, DETECTOR.examine(seen)) == {"loop/a": 0.0} or (
        scores(seen, DETECTOR.examine(seen))["loop/a"] < 0.1
    )


def test_loops_of_one_model_do_not_confirm_each_other_against_people() -> None:
    rng = np.random.default_rng(2)
    events = people(rng)
    for number in range(5):
        events += loop(rng, f"loop/{number}", right=0.0)
    seen = worded(events)
    found = DETECTOR.examine(seen)
    assert min(scores(seen, found).values()) >= 0.5
    assert "from other models and people" in found.because(0)


def test_a_deep_generation_is_seen() -> None:
    rng = np.random.default_rng(3)
    seen = worded([*people(rng), *loop(rng, "loop/deep", generation=6)])
    found = DETECTOR.examine(seen)
    assert scores(seen, found)["loop/deep"] >= 0.5
    assert "beyond generation 3" in found.because(0)


def test_shares_far_from_the_first_released_ones_are_seen() -> None:
    rng = np.random.default_rng(4)
    before = people(rng, "known")
    seen = worded(
        [*before, *loop(rng, "loop/steady"), *loop(rng, "loop/drift", right=0.3, model="n")],
        released=len(before),
    )
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    assert by_name["loop/drift"] >= 0.5
    assert by_name["loop/steady"] < 0.2


def test_without_labels_of_a_model_it_is_silent() -> None:
    assert DETECTOR.examine(worded(people(np.random.default_rng(5)))).silent
