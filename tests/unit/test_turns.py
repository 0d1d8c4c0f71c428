"""Turns: who is no longer who they were, since when, and who merely gets other work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quarantine.calibration import ALARM
from quarantine.detectors.change import DETECTOR
from quarantine.evidence import Evidence
from quarantine.model import Verdict
from quarantine.scoring import score
from quarantine.turns import PAST, turns
from tests.crowd import DAY, START, Said, World, evidence, honest

WORLD = World(targets=150, days=60)
TURN = START + 30 * DAY


def taken_over(
    seed: int, *, kind: str = "label", lies: float = 0.8, name: str = "taken"
) -> list[Said]:
    """One honest source, and from the thirtieth day on another hand that mostly lies."""
    world = replace(WORLD, kind=kind)
    rng = np.random.default_rng(seed)
    said = honest(rng, world, 1, each=120, skill=0.9, name=name)
    return [
        world.says(
            event.source,
            int(event.target[1:]),
            (world.truth(int(event.target[1:])) + 1) % world.labels,
            event.at,
        )
        if event.at >= TURN and rng.random() < lies
        else event
        for event in said
    ]


def people(seed: int = 0, *, kind: str = "label", sources: int = 40) -> list[Said]:
    world = replace(WORLD, kind=kind)
    return honest(np.random.default_rng(seed), world, sources, each=60, skill=0.85)


def rung(found: Evidence) -> set[str]:
    findings = DETECTOR.examine(found)
    return {
        found.sources[source].source
        for source, one in zip(findings.sources.tolist(), findings.scores, strict=True)
        if one >= ALARM
    }


@pytest.mark.parametrize("kind", ["label", "rating", "preference"])
def test_a_source_in_other_hands_is_seen_without_a_reference_and_nobody_else_is(kind: str) -> None:
    found = evidence([*people(kind=kind), *taken_over(1, kind=kind)])
    assert rung(found) == {"taken-0"}


def test_the_turn_is_dated_and_what_came_since_is_pointed_at() -> None:
    found = evidence([*people(), *taken_over(1)])
    findings = DETECTOR.examine(found)
    place = int(np.argmax(findings.scores))
    assert "since 2025-0" in findings.because(place)
    mine = (found.held["source"] == findings.sources[place]).to_numpy()
    pointed = findings.events > 0
    assert not pointed[~mine].any()
    at = found.held["at"].astype("int64").to_numpy()
    assert abs(at[pointed].min() - TURN) < 3 * DAY


def test_beside_a_reference_a_fifth_of_labels_turned_is_ranked_first() -> None:
    before, after = [], []
    for event in [*people(3), *taken_over(4, lies=0.3)]:
        (before if event.at < TURN else after).append(event)
    found = evidence(after, before)
    findings = DETECTOR.examine(found)
    nats = turns(found).nats[findings.sources]
    worst = found.sources[int(findings.sources[int(np.argmax(nats))])].source
    assert worst == "taken-0"
    whole = score(evidence(after, before))
    assert {each.source for each in whole.dossiers} == {event.source for event in after}


def test_other_work_and_a_crowd_that_changes_together_are_no_turn() -> None:
    rng = np.random.default_rng(5)
    said = []
    for event in people(6):
        first = event.at < TURN
        target = int(rng.choice(np.arange(150)[np.arange(150) % 3 == (0 if first else 1)]))
        said.append(WORLD.says(event.source, target, WORLD.truth(target), event.at))
    assert rung(evidence(said)) == set()
    moved = [
        event
        if event.at < TURN
        else WORLD.says(
            event.source,
            int(event.target[1:]),
            (WORLD.truth(int(event.target[1:])) + int(rng.random() < 0.5)) % 3,
            event.at,
        )
        for event in people(7)
    ]
    assert rung(evidence(moved)) == set()


def test_who_becomes_better_has_not_turned() -> None:
    better = [
        replace(event, answer=str((WORLD.truth(int(event.target[1:])) + (event.at < TURN)) % 3))
        for event in taken_over(1, lies=0.0)
    ]
    assert rung(evidence([*people(), *better])) == set()


def test_a_short_life_has_no_past() -> None:
    short = people(sources=30)
    found = evidence([event for event in short if event.at < START + 10 * DAY])
    count = np.bincount(found.held["source"])
    assert not turns(found).judged[count < PAST].any()
    assert DETECTOR.examine(evidence(short[:5])).silent


def test_few_of_an_honest_crowd_ring() -> None:
    rang = [len(rung(evidence(people(seed)))) for seed in range(10)]
    assert sum(rang) <= 1


def test_a_takeover_is_held() -> None:
    scored = score(evidence([*people(), *taken_over(1)]))
    (mine,) = (each for each in scored.dossiers if each.source == "taken-0")
    assert mine.verdict is Verdict.HOLD
    assert "change" in {finding.detector for finding in mine.findings}
