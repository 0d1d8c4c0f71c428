"""Who waits for the first word and says what is said is seen; an expert and a colleague are not."""

from __future__ import annotations

import numpy as np

from quarantine.detectors.tailing import DETECTOR
from quarantine.evidence import Evidence
from tests.crowd import HOUR, SECOND, START, Said, evidence
from tests.worded import scores

TARGETS, KINDS = 150, 6


def people(rng: np.random.Generator, sources: int = 40, *, skill: float = 0.7) -> list[Said]:
    """Answer some targets each, at any hour of a month, right as often as one is able."""
    return [
        Said(f"u{source}", f"t{target}", answer(rng, target, skill), at=hour(rng))
        for source in range(sources)
        for target in rng.choice(TARGETS, 25, replace=False).tolist()
    ]


def answer(rng: np.random.Generator, target: int, skill: float) -> str:
    right = rng.random() < skill
    return str(target % KINDS if right else int(rng.integers(0, KINDS)))


def hour(rng: np.random.Generator) -> int:
    return int(START + rng.integers(0, 720 * 60) * 60 * SECOND)


def behind(said: list[Said], rng: np.random.Generator, name: str, *, copies: bool) -> list[Said]:
    """Come seconds behind the first word at a target, with that word or a right one."""
    first: dict[str, Said] = {}
    for each in sorted(said, key=lambda event: event.at):
        first.setdefault(each.target, each)
    chosen = rng.choice(sorted(first), 40, replace=False).tolist()
    return [
        Said(
            name,
            target,
            first[target].answer if copies else answer(rng, int(target[1:]), 0.7),
            at=first[target].at + int(rng.integers(1, 20)) * SECOND,
        )
        for target in chosen
    ]


def judged(said: list[Said]) -> dict[str, float]:
    seen = evidence(said)
    return scores(seen, DETECTOR.examine(seen))


def assert_above_everybody(name: str, said: list[Said]) -> None:
    found = judged(said)
    assert found.pop(name) > 0.2
    assert max(found.values()) < 0.05


def test_who_repeats_the_first_word_moments_later_stands_above_everybody() -> None:
    rng = np.random.default_rng(1)
    said = people(rng)
    assert_above_everybody("parrot", [*said, *behind(said, rng, "parrot", copies=True)])


def test_who_knows_what_all_will_say_and_is_first_stands_above_everybody() -> None:
    rng = np.random.default_rng(2)
    said = people(rng)
    early = [
        Said("oracle", f"t{target}", str(target % KINDS), at=START - HOUR + target * SECOND)
        for target in range(60)
    ]
    assert_above_everybody("oracle", [*said, *early])


def test_neither_an_expert_nor_who_works_close_behind_another_is_accused() -> None:
    rng = np.random.default_rng(3)
    said = people(rng)
    expert = [
        Said("expert", f"t{target}", str(target % KINDS), at=hour(rng)) for target in range(60)
    ]
    colleague = behind(said, rng, "colleague", copies=False)
    found = judged([*said, *expert, *colleague])
    assert found["expert"] < 0.05
    assert found["colleague"] < 0.05


def test_its_words_say_where_it_comes_and_what_it_says() -> None:
    rng = np.random.default_rng(4)
    said = people(rng)
    seen: Evidence = evidence([*said, *behind(said, rng, "parrot", copies=True)])
    found = DETECTOR.examine(seen)
    worst = int(np.argmax(found.scores))
    assert "comes close behind another" in found.because(worst)
    assert "what the first one said" in found.because(worst)
    assert found.examples(worst)


def test_without_times_it_is_silent() -> None:
    assert DETECTOR.examine(evidence(people(np.random.default_rng(5)), timed=False)).silent
