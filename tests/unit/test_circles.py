"""Rings that are all that is heard at their targets: closed and of one mind."""

from __future__ import annotations

import numpy as np

from quarantine.calibration import ALARM
from quarantine.circles import circles
from quarantine.detectors.circle import DETECTOR
from quarantine.evidence import Evidence
from tests.crowd import Said, evidence

LABELS = 3


def work(
    rng: np.random.Generator, batches: int = 60, size: int = 12, skill: float = 0.75
) -> list[Said]:
    """Hand out work: five people judge each batch, and people come back for more."""
    people = rng.integers(0, 90, (batches, 5))
    said = []
    for batch in range(batches):
        for target in range(size):
            true = int(rng.integers(0, LABELS))
            for person in np.unique(people[batch]).tolist():
                right = rng.random() < skill
                label = true if right else int(rng.integers(0, LABELS))
                said.append(Said(f"p{person}", f"b{batch}/{target}", str(label)))
    return said


def ring(
    rng: np.random.Generator, members: int = 5, targets: int = 40, faithful: float = 0.9
) -> list[Said]:
    """Let members be all that is heard at their targets, copying one who answers blindly."""
    return [
        Said(
            f"ring-{member}",
            f"r{target}",
            str(leader if rng.random() < faithful else int(rng.integers(0, LABELS))),
        )
        for target in range(targets)
        for leader in [int(rng.integers(0, LABELS))]
        for member in range(members)
    ]


def scored(seen: Evidence) -> dict[str, float]:
    found = DETECTOR.examine(seen)
    assert not found.silent
    return {
        seen.sources[code].source: score
        for code, score in zip(found.sources.tolist(), found.scores.tolist(), strict=True)
    }


def test_a_ring_that_fills_its_targets_is_found() -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        scores = scored(evidence(work(rng) + ring(rng), timed=False))
        theirs = [score for name, score in scores.items() if name.startswith("ring")]
        others = [score for name, score in scores.items() if not name.startswith("ring")]
        assert len(theirs) == 5
        assert min(theirs) > max(others)
        assert max(others) < ALARM


def test_people_who_are_handed_work_together_do_not_ring() -> None:
    for seed in range(5):
        scores = scored(evidence(work(np.random.default_rng(seed)), timed=False))
        assert max(scores.values()) < ALARM


def test_able_people_agree_more_and_do_not_ring_for_it() -> None:
    rng = np.random.default_rng(1)
    able = [
        Said(event.source.replace("p", "able"), event.target.replace("b", "c"), event.answer)
        for event in work(rng, batches=20, skill=0.85)
    ]
    scores = scored(evidence(work(rng) + able, timed=False))
    assert sum(score >= ALARM for score in scores.values()) == 0


def test_the_circle_is_chosen_by_targets_alone() -> None:
    rng = np.random.default_rng(2)
    said = work(rng) + ring(rng)
    turned = [
        Said(event.source, event.target, str((int(event.answer) + n) % LABELS))
        for n, event in enumerate(said)
    ]
    first, second = circles(evidence(said, timed=False)), circles(evidence(turned, timed=False))
    assert first.source.tolist() == second.source.tolist()
    assert first.partner.tolist() == second.partner.tolist()
    assert first.closed.tolist() == second.closed.tolist()


def test_it_names_whom_one_meets_and_how_far_they_agree() -> None:
    rng = np.random.default_rng(3)
    seen = evidence(work(rng) + ring(rng), timed=False)
    found = DETECTOR.examine(seen)
    place = int(np.argmax(found.scores))
    said = found.because(place)
    assert "100% of its targets" in said
    assert said.count("ring-") == 4


def test_without_circles_it_says_so() -> None:
    rng = np.random.default_rng(4)
    lone = [Said(f"p{n}", f"t{rng.integers(0, 2000)}", "1") for n in range(300)]
    assert "meet others again" in DETECTOR.examine(evidence(lone, timed=False)).silent


def strangers(rng: np.random.Generator, people: int, targets: int) -> list[Said]:
    """Let whoever comes judge each target, so that nobody has a circle."""
    return [
        Said(f"p{person}", f"b{target}", str(target % LABELS if rng.random() < 0.75 else 0))
        for target in range(targets)
        for person in rng.choice(people, 5, replace=False).tolist()
    ]


def test_a_ring_that_is_all_the_circles_there_are_is_not_usual_for_that() -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        scores = scored(evidence(strangers(rng, 100, 400) + ring(rng), timed=False))
        theirs = [score for name, score in scores.items() if name.startswith("ring")]
        assert len(theirs) == 5
        assert min(theirs) > 0.2
        assert max([0.0, *(s for name, s in scores.items() if name[0] == "p")]) < min(theirs)


def test_a_ring_is_found_where_everybody_works_in_closed_batches() -> None:
    rng = np.random.default_rng(5)
    batches = [
        Said(f"b{batch}/{person}", f"b{batch}/{target}", str(true if rng.random() < 0.5 else wrong))
        for batch in range(20)
        for target in range(20)
        for true in [int(rng.integers(0, LABELS))]
        for person in range(5)
        for wrong in [int(rng.integers(0, LABELS))]
    ]
    copied = [said for said in ring(rng, targets=80) if rng.random() < 0.9]
    scores = scored(evidence(batches + copied, timed=False))
    assert min(score for name, score in scores.items() if name.startswith("ring")) > max(
        score for name, score in scores.items() if not name.startswith("ring")
    )
