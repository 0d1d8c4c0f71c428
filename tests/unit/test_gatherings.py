"""Rings by the target they are about: found without times, whoever else is odd."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Literal, cast

import numpy as np
import pytest

from quarantine.calibration import ALARM
from quarantine.detectors.gathering import DETECTOR, Gathering
from quarantine.evidence import Evidence, evidence_from
from quarantine.gatherings import Gatherings, _own, between, crowded, gatherings
from quarantine.habits import habits
from quarantine.plugins import offered
from quarantine.scene import Attack, Order, events_of, scene_of
from tests.crowd import Said, evidence, rating, table

SHILLS = ("average_filler", "love_hate", "random_filler", "segment")


def tastes(seed: int = 0, people: int = 300, items: int = 150) -> list[Said]:
    """Let people of three tastes rate what they like to rate, popular things more."""
    rng = np.random.default_rng(seed)
    worth, popular = rng.normal(0.6, 0.15, items), rng.pareto(1.2, items) + 0.2
    taste = rng.integers(0, 3, items)
    said = []
    for person in range(people):
        weight = popular * np.where(taste == person % 3, 5.0, 1.0)
        count = int(np.clip(rng.lognormal(2.8, 0.5), 6, 60))
        chosen = rng.choice(items, count, replace=False, p=weight / weight.sum())
        bias = rng.normal(0, 0.1)
        for item in chosen.tolist():
            value = np.clip(round((worth[item] + bias + rng.normal(0, 0.15)) * 8) / 8, 0, 1)
            said.append(rating(f"p{person}", f"i{item}", float(value)))
    return said


def shilled(
    name: str, aim: Literal["push", "nuke"], share: float = 0.06
) -> tuple[Evidence, np.ndarray]:
    genuine = table(tastes())
    scene = scene_of(genuine, {}, timed=False)
    attack = cast("Attack", offered("quarantine.attacks", "ATTACK")[name])
    mixed = attack.play(scene, Order(share=share, seed=3, aim=aim))
    seen = evidence_from(events_of(mixed.scene, genuine), timed=False)
    bad = {mixed.scene.sources[code] for code in np.flatnonzero(mixed.bad)}
    return seen, np.array([key.source in bad for key in seen.sources])


def test_honest_people_of_different_tastes_do_not_ring() -> None:
    for seed in range(3):
        found = DETECTOR.examine(evidence(tastes(seed), timed=False))
        assert (found.scores >= ALARM).sum() == 0


@pytest.mark.parametrize("aim", ["push", "nuke"])
@pytest.mark.parametrize("name", SHILLS)
def test_shills_are_found_and_hardly_anybody_else(name: str, aim: str) -> None:
    seen, bad = shilled(name, aim)
    scores = np.zeros(len(bad))
    found = DETECTOR.examine(seen)
    scores[found.sources] = found.scores
    assert (scores[bad] >= ALARM).mean() > 0.8
    assert (scores[~bad] >= ALARM).mean() < 0.02


def test_the_reason_names_others_and_what_sets_them_apart() -> None:
    seen, bad = shilled("love_hate", "push")
    found = DETECTOR.examine(seen)
    place = int(np.argmax(found.scores))
    assert bad[found.sources[place]]
    assert "unlike the crowd in the same way" in found.because(place)


def test_the_order_of_the_rows_does_not_matter() -> None:
    seen, _ = shilled("love_hate", "nuke")
    rows = np.random.default_rng(0).permutation(len(seen.held))
    again = replace(seen, held=seen.held.iloc[rows].reset_index(drop=True), drawn={})
    first, second = DETECTOR.examine(seen), DETECTOR.examine(again)
    assert first.sources.tolist() == second.sources.tolist()
    assert np.allclose(first.scores, second.scores, atol=1e-4)


def test_a_shift_of_all_who_gather_is_seen_and_bystanders_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(400, 5))
    scores[:12] += 3.0
    group = np.r_[np.zeros(15, int), rng.integers(1, 40, 800)]
    source = np.r_[np.arange(12), 200, 201, 202, rng.integers(12, 400, 800)]
    found = gatherings(source, group, np.zeros(len(group), np.int64), scores)
    first = found.group == found.group[np.argmax(found.nats)]
    members = dict(zip(found.source[first].tolist(), found.member[first].tolist(), strict=True))
    assert all(members[one] > 0.9 for one in range(12))
    assert all(members[one] < 0.1 for one in (200, 201, 202))
    assert found.nats[first][0] > 20


def fives(groups: int) -> Gatherings:
    """Return so many loud groups of five different members each."""
    member = np.arange(5 * groups)
    return Gatherings(
        group=member // 5,
        source=member,
        nats=np.full(len(member), 8.0),
        member=np.ones(len(member)),
        unlike=np.full(groups, 3.0),
        clear=np.full(groups, 4.0),
        habit=np.zeros(groups, np.int64),
        by=np.ones(groups),
        own=np.zeros(groups),
    )


@pytest.mark.parametrize(("groups", "few"), [(2, True), (4, True), (24, False), (60, False)])
def test_groups_of_one_plan_are_no_crowd_to_each_other_while_they_are_few(
    groups: int, *, few: bool
) -> None:
    found = fives(groups)
    scores = np.random.default_rng(5).normal(size=(900, 4))
    scores[found.source, 0] += 5.0
    own = _own(found, scores, np.zeros((groups, 4)), np.eye(4))
    assert (own >= 1.0).all() if few else (own < 1.0).all()


def test_fewer_members_need_more_evidence_to_ring() -> None:
    strengths = []
    for members in (4, 15, 150):
        found = replace(
            fives(1),
            group=np.zeros(members, np.int64),
            source=np.arange(members),
            nats=np.full(members, 4.2),
            member=np.ones(members),
            unlike=np.array([2.6]),
            own=np.array([9.0]),
        )
        strengths.append(float(Gathering()._loudest(found, members)[0].max()))
    assert strengths[0] < 1.0 < strengths[1] < strengths[2]


def test_who_are_closer_to_each_other_than_people_are_may_lie_a_little_less_far() -> None:
    asked = Gathering()
    unlike = np.array([1.9, 1.9, 1.6, 2.5])
    clear = np.array([3.1, 4.2, 9.0, 2.9])
    assert (asked._apart(unlike, clear) >= 1.0).tolist() == [False, True, False, False]


def test_groups_that_differ_by_chance_alone_are_no_evidence() -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(300, 6))
    source, group = rng.integers(0, 300, 3000), rng.integers(0, 200, 3000)
    found = gatherings(source, group, np.zeros(3000, np.int64), scores)
    assert found.nats.max(initial=0.0) < 5.0


def test_what_groups_differ_by_beyond_chance_is_recovered() -> None:
    rng = np.random.default_rng(3)
    noise = np.full(4000, 0.25)
    mean = rng.normal(0, np.sqrt(0.25 + 0.5), 4000)
    assert between(mean, noise) == pytest.approx(0.5, rel=0.15)
    assert between(rng.normal(0, 0.5, 4000), noise) < 0.03
    assert between(np.empty(0), np.empty(0)) == 0


def test_flags_that_crowd_beyond_their_peers_are_evidence() -> None:
    rng = np.random.default_rng(4)
    flag = np.r_[np.ones(10, bool), rng.random(390) < 0.05]
    source = np.r_[np.arange(10), rng.integers(10, 400, 500)]
    group = np.r_[np.zeros(10, np.int64), rng.integers(1, 60, 500)]
    nats, more = crowded(source, group, flag, np.zeros(400, np.int64))
    assert nats[:10].min() > 10
    assert nats[10:].max() < 5
    assert more[:10].min() > 0.9
    assert more[10:].max() < 0.9


def test_a_copy_and_its_model_are_said_to_repeat_each_other() -> None:
    said = tastes()
    model = [event for event in said if event.source == "p5"]
    said += [rating("copy", event.target, event.value or 0.0) for event in model]
    seen = evidence(said, timed=False)
    known = habits(seen)
    assert known is not None
    names = {seen.sources[code].source for code in np.flatnonzero(known.repeats)}
    assert {"copy", "p5"} <= names
    assert len(names) < 20


def test_nothing_to_compare_is_silent() -> None:
    assert habits(evidence([])) is None
    assert DETECTOR.examine(evidence([Said("a", "x", "1")])).silent


def test_habits_are_the_same_whatever_sources_are_called() -> None:
    said = tastes(people=40)[:200]
    first = habits(evidence(said, timed=False))
    for order in list(permutations("abc"))[:3]:
        named = [replace(event, source=f"{order[0]}{event.source}") for event in said]
        again = habits(evidence(named, timed=False))
        assert first is not None
        assert again is not None
        assert np.array_equal(first.scores, again.scores)
