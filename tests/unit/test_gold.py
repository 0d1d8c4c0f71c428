"""Hidden known answers: who guesses, who is pushed, and who merely met hard ones."""

from __future__ import annotations

import numpy as np

from quarantine.detectors.gold import DETECTOR
from quarantine.evidence import Evidence
from quarantine.model import Worded
from tests.crowd import Said, World, guessers, honest
from tests.worded import scores, worded

WORLD = World(targets=100, labels=3)
GOLD = {f"t{target}": str(WORLD.truth(target)) for target in range(0, 100, 2)}


def known(events: list[Said]) -> Evidence:
    return worded([(said, Worded()) for said in events], gold=GOLD)


def test_who_does_no_better_than_guessing_is_seen_and_nobody_else() -> None:
    rng = np.random.default_rng(1)
    seen = known([*honest(rng, WORLD, 60, each=40), *guessers(rng, WORLD, 4, each=100)])
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    guessing = [by_name.pop(name) for name in list(by_name) if name.startswith("guesser")]
    assert min(guessing) > 0.2
    assert max(guessing) >= 0.45
    assert max(by_name.values()) < 0.1
    place = int(np.argmax(found.scores))
    assert "gave the known answer in" in found.because(place)
    assert set(found.examples(place)) <= GOLD.keys()


def test_a_constant_answer_gains_nothing_from_the_usual_class() -> None:
    rng = np.random.default_rng(2)
    usual = [Said("lazy", f"t{target}", "0") for target in range(100)]
    seen = known([*honest(rng, WORLD, 60, each=40), *usual])
    assert scores(seen, DETECTOR.examine(seen))["lazy"] > 0.45


def pushed(rng: np.random.Generator, member: str, targets: range) -> list[Said]:
    """Lie on some targets and answer as people do on others."""
    lies = [Said(member, f"t{t}", str((WORLD.truth(t) + 1) % 3)) for t in targets]
    rest = honest(rng, WORLD, 1, each=60, skill=0.95, name=member)
    told = {said.target for said in lies}
    kept = [Said(member, said.target, said.answer) for said in rest if said.target not in told]
    return [*lies, *kept]


def test_who_outvotes_the_honest_on_a_few_known_targets_is_put_above_all_others() -> None:
    rng = np.random.default_rng(3)
    attacked = range(0, 16, 2)
    told = {f"t{target}" for target in attacked}
    people = [said for said in honest(rng, WORLD, 60, each=40) if said.target not in told]
    minority = [Said(f"honest-{n}", f"t{t}", str(WORLD.truth(t))) for n, t in enumerate(attacked)]
    ring = [said for n in range(5) for said in pushed(rng, f"ring-{n}", attacked)]
    seen = known([*people, *minority, *ring])
    by_name = scores(seen, DETECTOR.examine(seen))
    bad = [by_name.pop(f"ring-{n}") for n in range(5)]
    assert min(bad) > 0.2
    assert min(bad) > max(by_name.values())


def test_a_wrong_answer_to_a_hard_target_accuses_nobody() -> None:
    rng = np.random.default_rng(4)
    hard = World(targets=100, labels=3)
    people = honest(rng, hard, 60, each=40, skill=0.5)
    seen = known(people)
    assert max(scores(seen, DETECTOR.examine(seen)).values()) < 0.3


def test_an_answer_said_twice_counts_once() -> None:
    rng = np.random.default_rng(5)
    people = honest(rng, WORLD, 60, each=40)
    slip = [Said("slip", "t0", str((WORLD.truth(0) + 1) % 3)) for _ in range(40)]
    able = honest(rng, WORLD, 1, each=60, skill=1.0, name="slip")
    seen = known([*people, *slip, *(Said("slip", each.target, each.answer) for each in able)])
    assert scores(seen, DETECTOR.examine(seen))["slip"] < 0.1


def test_without_known_answers_it_is_silent() -> None:
    rng = np.random.default_rng(6)
    seen = worded([(said, Worded()) for said in honest(rng, WORLD, 5)])
    assert DETECTOR.examine(seen).silent
