"""Rules that need no reading are seen; people who lean, and people who are able, are left alone."""

from __future__ import annotations

import numpy as np

from quarantine.detectors.habit import DETECTOR
from quarantine.evidence import Evidence
from quarantine.model import Worded
from tests.crowd import Said, World, evidence, honest
from tests.worded import scores, worded

WORLD = World(targets=60, labels=3)


def crowd(rng: np.random.Generator) -> list[Said]:
    return honest(rng, WORLD, 80, each=25)


def constant(name: str, label: int, each: int = 40) -> list[Said]:
    return [Said(name, f"t{target}", str(label)) for target in range(each)]


def test_one_answer_to_all_is_seen_and_said() -> None:
    seen = evidence([*crowd(np.random.default_rng(1)), *constant("lazy", 2)])
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    assert by_name.pop("lazy") >= 0.5
    assert max(by_name.values()) < 0.3
    place = [seen.sources[int(code)].source for code in found.sources].index("lazy")
    assert found.because(place).startswith("answered 2 in 100% of 40 events")


def test_an_able_source_whose_targets_are_all_alike_follows_no_rule() -> None:
    alike = [target for target in range(WORLD.targets) if WORLD.truth(target) == 1]
    able = [Said("able", f"t{target}", "1") for target in alike]
    seen = evidence([*crowd(np.random.default_rng(2)), *able])
    assert len(able) >= 15
    assert scores(seen, DETECTOR.examine(seen))["able"] < 0.1


def pairs(rng: np.random.Generator, reader: str, rule: str) -> list[tuple[Said, Worded]]:
    """Judge pairs of texts: the first half of targets has a longer right answer, the others not."""
    events = []
    for target in rng.permutation(60)[:30].tolist():
        right, wrong = "good " * (9 if target % 2 else 3), "bad " * (3 if target % 2 else 9)
        longer, shorter = sorted((right, wrong), key=len, reverse=True)
        chosen = right if rng.random() < 0.85 else wrong
        chosen = longer if rule == "longer" else chosen
        other = wrong if chosen == right else right
        place = 0 if rule == "first" else int(rng.integers(2))
        if rule == "first":
            chosen, other = (right, wrong) if rng.random() < 0.5 else (wrong, right)
        assert shorter in {chosen, other}
        said = Said(reader, f"p{target}", chosen, kind="preference", place=place)
        events.append((said, Worded(asked="why?", chosen=chosen, other=other)))
    return events


def readers(seed: int, *rules: str) -> Evidence:
    rng = np.random.default_rng(seed)
    events = [pairs(rng, f"honest-{n}", "") for n in range(60)]
    events += [pairs(rng, rule, rule) for rule in rules]
    return worded([event for one in events for event in one])


def test_who_always_chooses_the_longer_text_is_seen() -> None:
    seen = readers(3, "longer")
    by_name = scores(seen, DETECTOR.examine(seen))
    assert by_name.pop("longer") >= 0.5
    assert max(by_name.values()) < 0.3


def test_who_always_chooses_what_is_shown_first_is_seen() -> None:
    seen = readers(4, "first")
    by_name = scores(seen, DETECTOR.examine(seen))
    assert by_name.pop("first") >= 0.5
    assert max(by_name.values()) < 0.3


def test_one_value_on_a_scale_is_a_hint_and_no_alarm() -> None:
    rng = np.random.default_rng(5)
    world = World(targets=60, labels=5, kind="rating")
    alike = [world.says("alike", target, 0, 0) for target in range(50)]
    seen = evidence([*honest(rng, world, 60, each=25), *alike])
    assert 0.05 < scores(seen, DETECTOR.examine(seen))["alike"] < 0.5


def test_held_spammers_do_not_teach_what_is_usual_where_enough_is_released() -> None:
    rng = np.random.default_rng(6)
    before = honest(rng, WORLD, 120, each=25, name="known")
    few = [said for n in range(2) for said in constant(f"lazy-{n}", 2)]
    many = [said for n in range(40) for said in constant(f"lazy-{n}", 2, each=20 + n % 20)]
    for lazy in (few, many):
        seen = evidence([*crowd(rng), *lazy], before)
        by_name = scores(seen, DETECTOR.examine(seen))
        bad = [score for name, score in by_name.items() if name.startswith("lazy")]
        assert min(bad) > max(score for name, score in by_name.items() if name.startswith("honest"))


def mild(name: str, label: int) -> list[Said]:
    """Say one label eight times, seven times of which it is right."""
    right = [target for target in range(30) if WORLD.truth(target) == label][:7]
    wrong = [target for target in range(30) if WORLD.truth(target) != label][:1]
    return [Said(name, f"t{target}", str(label)) for target in (*wrong, *right)]


def test_a_little_evidence_says_more_of_a_rule_that_several_follow() -> None:
    told = []
    for label in (1, 2):
        people = [*crowd(np.random.default_rng(7)), *mild("one", 1), *mild("two", 2)]
        lazy = [
            Said(f"lazy-{n}", f"t{target}", str(label))
            for n in range(8)
            for target in range(30, 60)
        ]
        seen = evidence([*people, *lazy])
        told.append(scores(seen, DETECTOR.examine(seen)))
    ones, twos = told
    assert ones["one"] > 2 * twos["one"]
    assert twos["two"] > 2 * ones["two"]
    # How usual a rule is ranks; it rings for nobody.
    assert max(ones["one"], twos["two"]) < 0.5
