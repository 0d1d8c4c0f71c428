"""A campaign is seen by what its members say where they meet; honest company says nothing of it."""

from __future__ import annotations

import numpy as np
import pytest

from quarantine.calibration import ALARM
from quarantine.detectors.siding import DETECTOR, Siding
from quarantine.evidence import Evidence
from quarantine.presence import company, sides
from tests.crowd import Said, evidence, rating
from tests.worded import scores

LABELS = 3
TARGETS = 1000
PUSHED = "2"
SEEDS = pytest.mark.parametrize("seed", range(3))


def judges(rng: np.random.Generator, people: int = 120, voices: int = 5) -> list[Said]:
    """Let some of the people judge each target, whoever comes; four in five answers are right."""
    return [
        Said(f"p{person}", f"t{target}", answer(rng, target))
        for target in range(TARGETS)
        for person in rng.choice(people, voices, replace=False).tolist()
    ]


def answer(rng: np.random.Generator, target: int) -> str:
    return str(target % LABELS if rng.random() < 0.8 else int(rng.integers(LABELS)))


def campaign(
    rng: np.random.Generator, hot: list[int], *, each: int = 25, name: str = "bad"
) -> list[Said]:
    """Push one answer at `each` of the `hot` targets; be as good as anybody elsewhere."""
    said = []
    for member in range(8):
        calm = rng.choice(TARGETS, 60, replace=False).tolist()
        chosen = rng.choice(hot, each, replace=False).tolist()
        said += [Said(f"{name}-{member}", f"t{t}", PUSHED) for t in chosen]
        said += [
            Said(f"{name}-{member}", f"t{t}", answer(rng, t)) for t in calm if t not in set(chosen)
        ]
    return said


def taking_slots(said: list[Said], more: list[Said]) -> list[Said]:
    """Let newcomers take the slots of others, so that no target has more voices than before."""
    left: dict[str, list[Said]] = {}
    for one in said:
        left.setdefault(one.target, []).append(one)
    kept = []
    for one in more:
        if left[one.target]:
            left[one.target].pop()
            kept.append(one)
    return [*kept, *(one for others in left.values() for one in others)]


def attacked(seed: int) -> Evidence:
    rng = np.random.default_rng(seed)
    hot = [t for t in range(TARGETS) if str(t % LABELS) != PUSHED][:50]
    return evidence(taking_slots(judges(rng), campaign(rng, hot)))


@SEEDS
def test_those_who_push_one_answer_where_they_meet_are_ranked_first(seed: int) -> None:
    seen = attacked(seed)
    found = DETECTOR.examine(seen)
    by_name = scores(seen, found)
    bad = [by_name.pop(f"bad-{n}") for n in range(8)]
    honest = np.sort(list(by_name.values()))
    assert np.mean(np.searchsorted(honest, bad) / len(honest)) > 0.95
    assert max(bad) < ALARM
    assert honest[-1] < max(bad)


def test_it_says_which_answer_and_where_and_shows_targets() -> None:
    seen = attacked(0)
    found = DETECTOR.examine(seen)
    place = int(np.argmax(found.scores))
    words = found.because(place)
    assert seen.sources[int(found.sources[place])].source.startswith("bad-")
    assert words.startswith(f"says “{PUSHED}” of ")
    assert "whom it keeps meeting, elsewhere of " in words
    assert found.examples(place)
    assert {int(target[1:]) for target in found.examples(place)} <= set(range(75))


@SEEDS
def test_a_crowd_without_a_campaign_has_nothing_to_explain(seed: int) -> None:
    seen = evidence(judges(np.random.default_rng(seed)))
    assert "nobody answers otherwise" in DETECTOR.examine(seen).silent


@SEEDS
def test_neither_one_answer_to_all_nor_company_everywhere_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lazy = [Said(f"lazy-{n}", f"t{t}", PUSHED) for n in range(6) for t in range(n, 60 + n)]
    team = [Said(f"team-{n}", f"t{t}", answer(rng, t)) for n in range(6) for t in range(100, 160)]
    seen = evidence(taking_slots(judges(rng), [*lazy, *team]))
    assert "nobody answers otherwise" in DETECTOR.examine(seen).silent


@SEEDS
def test_people_who_keep_to_topics_with_usual_answers_of_their_own_are_no_campaign(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    likes = rng.dirichlet(np.full(10, 0.3), 120)
    said = []
    for target in range(TARGETS):
        topic, true = target % 10, str((target % 10 + (target % 7 == 0)) % LABELS)
        weight = likes[:, topic] + 0.01
        for person in rng.choice(120, 5, replace=False, p=weight / weight.sum()).tolist():
            right = rng.random() < 0.8
            told = true if right else str(int(rng.integers(LABELS)))
            said.append(Said(f"p{person}", f"t{target}", told))
    seen = evidence(said)
    found = DETECTOR.examine(seen)
    assert found.silent or max(scores(seen, found).values()) < 0.4


def test_what_too_many_do_is_how_targets_are_handed_out() -> None:
    seen = attacked(0)
    assert not DETECTOR.examine(seen).silent
    assert "how targets are handed out" in Siding(few=0.03).examine(seen).silent


def test_few_sources_are_not_compared_and_ratings_not_at_all() -> None:
    few = [Said(f"p{n}", f"t{t}", str(t % 2)) for n in range(5) for t in range(20)]
    rated = [rating(f"p{n}", f"t{t}", (n + t) % 5 / 4) for n in range(40) for t in range(20)]
    for said in (few, rated):
        assert "fewer than 20 sources" in DETECTOR.examine(evidence(said)).silent


def test_company_is_who_is_met_at_further_targets() -> None:
    pairs = [("a", "t0"), ("b", "t0"), ("c", "t0"), ("a", "t1"), ("b", "t1"), ("d", "t2")]
    seen = evidence([Said(source, target, "x") for source, target in pairs])
    found = company(seen)
    names = [each.source for each in seen.sources]
    told = {
        (names[found.source[row]], names[found.source[second]], f"t{found.target[row]}"): (
            round(float(near), 3),
            float(strange),
        )
        for row, second, near, strange in zip(
            found.row, found.second, found.near, found.strange, strict=True
        )
    }
    twice = round(float(np.log(2)), 3)
    assert told["a", "b", "t0"] == (twice, 0.5)
    assert told["a", "c", "t0"] == (0.0, 1.0)
    assert told["a", "b", "t1"] == (twice, 1.0)
    assert told["c", "a", "t0"] == (0.0, 1.0)
    assert not any("d" in each for each in told)


def test_where_nobody_meets_anybody_nothing_is_said() -> None:
    found = sides(company(evidence([Said(f"p{n}", f"t{n}", "x") for n in range(30)])))
    assert not len(found.known)
    assert found.share == found.gained == 0.0
