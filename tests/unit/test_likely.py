"""What is likely right is found by who is often right; telling nothing is seen, leaning is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quarantine.evidence import Evidence, Floats
from quarantine.likely import likely, told
from quarantine.questions import Questions, questions
from tests.crowd import Said, World, evidence, guessers, honest, liars

RARE = 0.15
"""How many targets in the crowds below are of the rarer of two classes."""


def asked_of(seen: Evidence) -> Questions:
    asked = questions(seen)
    assert asked is not None
    return asked


def kappa(seen: Evidence, name: str) -> Floats:
    asked = asked_of(seen)
    found = told(asked, likely(asked))
    mine = [code for code, key in enumerate(seen.sources) if key.source.startswith(name)]
    return (found.gained / np.maximum(found.possible, 1e-9))[mine]


def two_classes(seed: int = 0) -> list[Said]:
    """Let most see the rare class well, some lean to it, and some always say the usual."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(300) < RARE).astype(int)

    def says(source: str, sees: tuple[float, float]) -> list[Said]:
        chosen = rng.choice(300, 80, replace=False)
        said = [int(rng.random() < sees[truth[target]]) for target in chosen.tolist()]
        pairs = zip(chosen.tolist(), said, strict=True)
        return [Said(source, f"t{target}", str(label)) for target, label in pairs]

    crowd = [each for n in range(40) for each in says(f"good-{n}", (0.05, 0.9))]
    crowd += [each for n in range(5) for each in says(f"leaning-{n}", (0.3, 1.0))]
    crowd += [each for n in range(8) for each in says(f"usual-{n}", (0.0, 0.0))]
    return crowd + [each for n in range(8) for each in says(f"random-{n}", (0.15, 0.15))]


def test_the_truth_is_found_where_a_third_guess() -> None:
    rng, world = np.random.default_rng(0), World()
    seen = evidence(honest(rng, world, 40, skill=0.7) + guessers(rng, world, 20))
    asked = asked_of(seen)
    right = likely(asked)
    best = np.lexsort((right, asked.cells.target))
    best = best[np.append(np.diff(asked.cells.target[best]) > 0, True)]
    _, first = np.unique(asked.cell, return_index=True)
    target, answer = seen.held["target"].to_numpy(), seen.held["answer"].to_numpy()
    correct = [
        seen.answers[answer[first[cell]]]
        == str(world.truth(int(seen.targets[target[first[cell]]][1:])))
        for cell in best.tolist()
    ]
    assert np.mean(correct) > 0.95


def test_who_always_says_the_usual_tells_nothing_and_who_leans_but_sees_does() -> None:
    seen = evidence(two_classes())
    assert np.abs(kappa(seen, "usual")).max() < 0.05
    assert np.abs(kappa(seen, "random")).max() < 0.3
    assert kappa(seen, "leaning").min() > 0.3
    assert kappa(seen, "good").min() > kappa(seen, "random").max()


def test_liars_tell_less_than_nothing_and_have_no_say() -> None:
    rng, world = np.random.default_rng(1), World(labels=2)
    seen = evidence(honest(rng, world, 30) + liars(rng, world, 12))
    assert kappa(seen, "liar").max() < -0.3
    assert kappa(seen, "honest").min() > 0.3


def test_a_question_that_nobody_else_answered_says_nothing_of_a_source() -> None:
    rng, world = np.random.default_rng(2), World()
    alone = [Said("alone", f"own{n}", str(n % 3)) for n in range(30)]
    asked = asked_of(seen := evidence(honest(rng, world, 20) + alone))
    found = told(asked, likely(asked))
    code = next(n for n, key in enumerate(seen.sources) if key.source == "alone")
    assert found.possible[code] == 0
    assert found.gained[code] == 0


def test_a_cluster_is_one_voice() -> None:
    crowd = [Said(f"copy-{n}", "t0", "1") for n in range(8)]
    crowd += [Said(f"other-{n}", "t0", "0") for n in range(3)]
    seen = evidence(crowd)
    alone, joined = (
        likely(asked_of(each))
        for each in (seen, seen.linked(np.where(np.arange(11) < 8, 0, np.arange(11))))
    )
    assert alone[0] > 0.9
    assert joined[0] < 0.5


def test_gold_is_certain() -> None:
    seen = evidence([Said(f"s{n}", "t0", "1") for n in range(8)] + [Said("s8", "t0", "0")])
    known = replace(seen, gold=np.array([seen.answers.index("0")]))
    assert likely(asked_of(known)).tolist() == [0.0, 1.0]


def test_chosen_texts_are_compared_within_their_question_only() -> None:
    rng, world = np.random.default_rng(3), World(kind="preference", labels=2)
    seen = evidence(honest(rng, world, 40) + guessers(rng, world, 8))
    assert asked_of(seen).cells.open.all()
    assert kappa(seen, "honest").min() > kappa(seen, "guesser").max()


def test_the_order_of_rows_does_not_matter() -> None:
    said = two_classes(4)
    one, other = evidence(said), evidence(said[::-1])
    for name in ("good-3", "usual-1", "random-2"):
        assert np.allclose(np.sort(kappa(one, name)), np.sort(kappa(other, name)))


def test_values_are_no_questions() -> None:
    assert questions(evidence([Said("a", "x", "1", value=0.5, kind="rating")])) is None
