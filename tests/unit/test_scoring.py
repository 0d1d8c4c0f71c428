"""Scoring finds liars and rings in any kind of feedback, and accuses few who are innocent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quarantine.evidence import EVENT_SCHEMA, evidence_from
from quarantine.model import SourceKey, Standing, Verdict
from quarantine.scoring import Scored, score
from tests.crowd import (
    DAY,
    HOUR,
    START,
    Said,
    World,
    evidence,
    guessers,
    honest,
    liars,
    rating,
    ring,
    untimed,
)

KINDS = ("label", "rating", "preference")


def verdicts(scored: Scored, name: str) -> set[Verdict]:
    return {each.verdict for each in scored.dossiers if each.source.startswith(name)}


def worst(scored: Scored, count: int) -> set[str]:
    ordered = sorted(scored.dossiers, key=lambda each: -each.score)
    return {each.source.split("-")[0] for each in ordered[:count]}


@pytest.mark.parametrize("kind", KINDS)
def test_an_honest_crowd_is_left_in_peace(kind: str) -> None:
    held = honest(np.random.default_rng(3), World(kind=kind))
    assert verdicts(score(evidence(held)), "honest") == {Verdict.CLEAR}


@pytest.mark.parametrize("kind", KINDS)
def test_liars_are_the_worst_and_watched_but_consensus_alone_holds_nobody(kind: str) -> None:
    rng, world = np.random.default_rng(3), World(kind=kind)
    scored = score(evidence(honest(rng, world) + liars(rng, world, 5)))
    assert worst(scored, 5) == {"liar"}
    assert verdicts(scored, "liar") == {Verdict.WATCH}
    assert verdicts(scored, "honest") == {Verdict.CLEAR}


def test_those_who_guess_rank_below_those_who_look() -> None:
    rng, world = np.random.default_rng(4), World()
    scored = score(evidence(honest(rng, world) + guessers(rng, world, 5)))
    assert worst(scored, 5) == {"guesser"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("members", [5, 12, 40])
def test_a_ring_is_held_and_counts_as_one_voice(kind: str, members: int) -> None:
    rng, world = np.random.default_rng(5), World(kind=kind)
    scored = score(evidence(honest(rng, world) + ring(rng, world, members)))
    assert verdicts(scored, "ring") == {Verdict.HOLD}
    assert verdicts(scored, "honest") == {Verdict.CLEAR}
    found = [each for each in scored.dossiers if each.source.startswith("ring")]
    assert {each.cluster for each in found} == {_oldest(found)}
    assert {f.detector for each in found for f in each.findings} >= {"lockstep"}


def _oldest(found: list[object]) -> str:
    return str(found[0].key)  # type: ignore[attr-defined]


def test_without_times_a_ring_is_held_and_joined_by_its_answers_and_its_choice_of_targets() -> None:
    rng, world = np.random.default_rng(5), World()
    scored = score(evidence(untimed(honest(rng, world) + ring(rng, world)), timed=False))
    assert verdicts(scored, "ring") == {Verdict.HOLD}
    assert verdicts(scored, "honest") == {Verdict.CLEAR}
    found = [each for each in scored.dossiers if each.source.startswith("ring")]
    assert {each.cluster for each in found} == {_oldest(found)}
    assert len({each.cluster for each in scored.dossiers}) == len(scored.dossiers) - len(found) + 1
    assert any("tempo is silent" in note for note in scored.notes)


def test_a_ring_behind_twice_its_size_of_camouflage_is_held() -> None:
    rng, world = np.random.default_rng(15), World(targets=300, labels=3)
    members = [f"ring-{n}" for n in range(12)]
    crowd = honest(rng, world, 120) + ring(rng, world, len(members), each=12, overlap=1.0)
    crowd += honest(rng, world, len(members), each=24, name="ring")
    scored = score(evidence(untimed(crowd), timed=False))
    held = [each.source for each in scored.dossiers if each.verdict is Verdict.HOLD]
    assert sorted(held) == sorted(members)


def test_a_ring_that_is_the_consensus_on_rare_targets_is_held() -> None:
    rng = np.random.default_rng(6)
    popular, rare = 60, 600
    held = []
    for source in range(150):
        for target in rng.choice(popular, 30, replace=False).tolist():
            value = np.clip(0.3 + 0.4 * (target % 2) + rng.normal(0, 0.2), 0, 1)
            held.append(rating(f"honest-{source}", f"t{target}", round(float(value), 1)))
        for target in rng.integers(popular, popular + rare, 4).tolist():
            value = float(rng.uniform(0, 1))
            held.append(rating(f"honest-{source}", f"t{target}", round(value, 1)))
    for member in range(15):
        chosen = rng.choice(np.arange(popular, popular + rare), 120, replace=False)
        held.extend(rating(f"ring-{member}", f"t{target}", 0.6) for target in chosen.tolist())
    scored = score(evidence(untimed(held), timed=False))
    assert verdicts(scored, "ring") == {Verdict.HOLD}
    assert Verdict.HOLD not in verdicts(scored, "honest")


def test_a_flood_in_one_hour_is_held_for_its_tempo() -> None:
    rng, world = np.random.default_rng(7), World()
    flood = [
        world.says("flood-0", target, world.truth(target), START + 3 * DAY + second * 1_000_000)
        for target, second in enumerate(np.sort(rng.exponential(40, 60).cumsum().astype(int)))
    ]
    scored = score(evidence(honest(rng, world) + flood))
    assert verdicts(scored, "flood") == {Verdict.HOLD}
    (dossier,) = (each for each in scored.dossiers if each.source == "flood-0")
    assert "in one hour" in dossier.findings[0].because


def test_clockwork_is_held_for_its_tempo() -> None:
    rng, world = np.random.default_rng(7), World()
    clock = [world.says("clock-0", n, world.truth(n), START + n * 7 * HOUR) for n in range(40)]
    scored = score(evidence(honest(rng, world) + clock))
    assert verdicts(scored, "clock") == {Verdict.HOLD}
    assert verdicts(scored, "honest") == {Verdict.CLEAR}


def test_one_event_is_not_enough_to_be_worst_by_luck() -> None:
    rng, world = np.random.default_rng(8), World()
    once = [
        world.says(f"once-{n}", n, (world.truth(n) + 1) % world.labels, START + n * HOUR)
        for n in range(20)
    ]
    scored = score(evidence(honest(rng, world) + liars(rng, world, 5) + once))
    assert worst(scored, 5) == {"liar"}
    assert verdicts(scored, "once") == {Verdict.CLEAR}


def test_a_cold_start_says_so_and_gives_no_p_value() -> None:
    scored = score(evidence(honest(np.random.default_rng(0), World(), 10)))
    assert scored.cold_start
    assert all(each.cold_start and each.p_value is None for each in scored.dossiers)
    assert any(note.startswith("pattern is silent") for note in scored.notes)


def test_beside_a_reference_every_dossier_has_a_p_value_and_liars_the_smallest() -> None:
    rng, world = np.random.default_rng(9), World()
    before = honest(rng, world, 300, name="known")
    scored = score(evidence(honest(rng, world, 60) + liars(rng, world, 8), before))
    assert not scored.cold_start
    assert all(0 < (each.p_value or 0) <= 1 for each in scored.dossiers)
    assert worst(scored, 8) == {"liar"}
    alarmed = [each.source for each in scored.dossiers if each.verdict is not Verdict.CLEAR]
    assert sum(name.startswith("liar") for name in alarmed) == 8
    assert sum(name.startswith("honest") for name in alarmed) <= 3


def test_a_ring_is_held_beside_a_reference_too() -> None:
    rng, world = np.random.default_rng(10), World()
    before = honest(rng, world, 200, name="known")
    scored = score(evidence(honest(rng, world, 60) + ring(rng, world, 12), before))
    assert verdicts(scored, "ring") == {Verdict.HOLD}


def test_a_person_who_ruled_is_never_overruled() -> None:
    rng, world = np.random.default_rng(5), World()
    standings = {
        SourceKey("p", "ring-0"): Standing(ruling="clear", because="our own testers"),
        SourceKey("p", "honest-0"): Standing(ruling="hold", because="key was stolen"),
    }
    scored = score(evidence(honest(rng, world) + ring(rng, world)), standings)
    by_name = {each.source: each for each in scored.dossiers}
    assert by_name["ring-0"].verdict is Verdict.CLEAR
    assert by_name["honest-0"].verdict is Verdict.HOLD
    assert by_name["honest-0"].findings[0].because == "held by a person: key was stolen"


def test_scoring_twice_says_the_same() -> None:
    rng, world = np.random.default_rng(11), World()
    held, before = honest(rng, world) + ring(rng, world), honest(rng, world, 80, name="known")
    one, two = score(evidence(held, before)), score(evidence(held, before))
    assert one.dossiers == two.dossiers
    assert (one.event_scores == two.event_scores).all()


def test_names_mean_nothing() -> None:
    rng, world = np.random.default_rng(12), World()
    held = honest(rng, world) + ring(rng, world)
    renamed = [replace(event, source=f"z{hash_of(event.source)}") for event in held]
    one, two = score(evidence(held)), score(evidence(renamed))
    assert [each.score for each in one.dossiers] == [each.score for each in two.dossiers]


def hash_of(name: str) -> str:
    return name[::-1]


def test_a_source_and_a_target_of_one_name_have_nothing_to_do_with_each_other() -> None:
    rng, world = np.random.default_rng(13), World()
    held = honest(rng, world) + liars(rng, world)
    alike = [replace(event, source=f"t{event.source}") for event in held]
    named = {event.source: f"t{n}" for n, event in enumerate(alike)}
    clashing = [replace(event, source=named[event.source]) for event in alike]
    one, two = score(evidence(alike)), score(evidence(clashing))
    assert [each.score for each in one.dossiers] == [each.score for each in two.dossiers]


def test_every_event_has_a_score_and_words() -> None:
    rng, world = np.random.default_rng(14), World()
    made = evidence(honest(rng, world) + ring(rng, world))
    scored = score(made)
    assert len(scored.event_scores) == len(made.held)
    assert ((scored.event_scores >= 0) & (scored.event_scores <= 1)).all()
    assert all(scored.event_because(row) for row in range(len(made.held)))
    bad = np.array([made.sources[code].source.startswith("ring") for code in made.held["source"]])
    assert scored.event_scores[bad].mean() > scored.event_scores[~bad].mean() + 0.2


@pytest.mark.parametrize("count", [0, 1, 2])
def test_almost_nothing_held_is_judged_without_complaint(count: int) -> None:
    held = [Said(f"s{n}", "x", "1", at=START + n) for n in range(count)]
    scored = score(evidence(held) if held else evidence_from(EVENT_SCHEMA.empty_table()))
    assert [each.verdict for each in scored.dossiers] == [Verdict.CLEAR] * count


def test_what_was_measured_is_said_for_the_manifest() -> None:
    scored = score(evidence(honest(np.random.default_rng(0), World(), 10)))
    assert set(scored.thresholds) == set(scored.versions)
    assert {"link", "calibrate", "dossiers"} < set(scored.seconds)


def test_beside_a_reference_the_last_finding_says_what_the_alarm_is_worth() -> None:
    rng, world = np.random.default_rng(3), World(targets=60)
    known = honest(rng, world, 150, each=12, name="known")
    crowd = [*honest(rng, world, 60, each=12), *ring(rng, world, 12)]
    found = {each.source: each for each in score(evidence(crowd, known)).dossiers}
    alarmed = [each for each in found.values() if each.verdict is not Verdict.CLEAR]
    assert {each.source.split("-")[0] for each in alarmed} >= {"ring"}
    for each in alarmed:
        assert each.findings[-1].detector == "reference"
        assert "of 150 reviewed sources" in each.findings[-1].because
    calm = [each for each in found.values() if each.verdict is Verdict.CLEAR]
    assert not [f for each in calm for f in each.findings if f.detector == "reference"]
    assert not [
        f
        for each in score(evidence(crowd)).dossiers
        for f in each.findings
        if f.detector == "reference"
    ]
