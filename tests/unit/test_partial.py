"""A judge who favours one model, or lies on one topic, is seen by how it rates the rest."""

from __future__ import annotations

import numpy as np

from quarantine.detectors.partial import DETECTOR
from quarantine.evidence import Evidence
from quarantine.model import Worded
from tests.crowd import Said, rating
from tests.worded import scores, worded

TARGETS, MODELS = 80, 4
Event = tuple[Said, Worded]


def worth(target: int) -> float:
    return 0.3 + 0.4 * ((target * 7) % 11) / 10


def rated(
    rng: np.random.Generator, name: str, *, lift: float = 0.0, turned: bool = False
) -> list[Event]:
    """Rate half of the targets, with a level of one's own; those of the first model otherwise."""
    level, found = float(rng.normal(0, 0.05)), []
    for target in rng.choice(TARGETS, TARGETS // 2, replace=False).tolist():
        value = worth(target) + level + float(rng.normal(0, 0.08))
        if target % MODELS == 0:
            value = 1.0 - value if turned else value + lift
        given = round(float(np.clip(value, 0, 1)), 2)
        found.append((rating(name, f"t{target}", given), Worded(model=f"m{target % MODELS}")))
    return found


def crowd(rng: np.random.Generator, *more: list[Event]) -> list[Event]:
    people = [rated(rng, f"u{n}") for n in range(30)]
    return [event for each in (*people, *more) for event in each]


def test_who_lifts_one_model_rings_and_the_model_is_named() -> None:
    rng = np.random.default_rng(1)
    seen = worded(crowd(rng, rated(rng, "bought", lift=0.25)))
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    assert by_name.pop("bought") >= 0.5
    assert max(by_name.values()) < 0.2
    worst = int(np.argmax(found.scores))
    assert "of the model m0" in found.because(worst)
    assert all(int(target[1:]) % MODELS == 0 for target in found.examples(worst))
    pointed = seen.held["target"].to_numpy()[found.events > 0]
    assert {int(seen.targets[code][1:]) % MODELS for code in pointed} == {0}


def test_who_turns_one_topic_round_stands_above_everybody() -> None:
    rng = np.random.default_rng(2)
    events = [(said, Worded()) for said, _ in crowd(rng, rated(rng, "sleeper", turned=True))]
    seen: Evidence = worded(
        events, topics={f"t{target}": f"topic-{target % MODELS}" for target in range(TARGETS)}
    )
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    assert by_name.pop("sleeper") > max(0.3, *by_name.values())
    assert max(by_name.values()) < 0.2
    assert "on the topic topic-0" in found.because(int(np.argmax(found.scores)))


def test_who_is_lenient_everywhere_is_not_partial() -> None:
    rng = np.random.default_rng(3)
    lenient = [
        (rating("lenient", said.target, min(1.0, (said.value or 0.0) + 0.2)), words)
        for said, words in rated(rng, "lenient")
    ]
    seen = worded(crowd(rng, lenient))
    assert max(scores(seen, DETECTOR.examine(seen)).values()) < 0.2


def test_where_nothing_has_a_name_it_is_silent() -> None:
    rng = np.random.default_rng(4)
    assert DETECTOR.examine(worded([(said, Worded()) for said, _ in crowd(rng)])).silent
