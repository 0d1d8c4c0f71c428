"""Echoes are the answers of a group that outsiders and habits do not explain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quarantine.echoes import Echoes, echoes
from quarantine.evidence import EVENT_SCHEMA, Evidence, Flags, evidence_from
from quarantine.overlap import answers
from tests.crowd import Said, World, evidence, honest, ring

OVERWHELMING = 5.0
"""Nats: odds of 150 to 1 for each member, after every choice is paid for."""


def heard(events: list[Said]) -> tuple[Echoes, Evidence]:
    made = evidence(events)
    return echoes(answers(made)), made


def named(made: Evidence, name: str) -> Flags:
    return np.array([key.source.startswith(name) for key in made.sources], np.bool_)


def test_members_of_a_ring_echo_each_other_and_nobody_else_does() -> None:
    rng, world = np.random.default_rng(1), World()
    found, made = heard(honest(rng, world) + ring(rng, world, 8))
    members = named(made, "ring")
    assert found.nats[members].min() > OVERWHELMING
    assert found.nats[~members].max() < 0
    assert (found.members[members] == members.sum()).all()


def test_what_is_said_besides_does_not_hide_an_echo() -> None:
    rng, world = np.random.default_rng(2), World(targets=300)
    common = ring(rng, world, 10, each=12, overlap=1.0)
    besides = honest(rng, world, 10, each=24, name="ring")
    found, made = heard(honest(rng, world, 100) + common + besides)
    members = named(made, "ring")
    assert found.nats[members].min() > OVERWHELMING
    assert found.nats[~members].max() < 0


def test_three_who_agree_are_too_few() -> None:
    rng, world = np.random.default_rng(3), World()
    found, made = heard(honest(rng, world) + ring(rng, world, 3))
    assert found.nats[named(made, "ring")].max() < OVERWHELMING


def test_work_handed_out_together_with_one_right_answer_is_no_echo() -> None:
    rng = np.random.default_rng(4)
    events = [
        Said(f"batch{batch}-{n}", f"t{batch}-{task}", str((task + (rng.random() < 0.1)) % 2))
        for batch in range(12)
        for n in range(10)
        for task in range(20)
    ]
    found, _ = heard(events)
    assert found.nats.max() < OVERWHELMING


def test_those_who_always_say_the_same_do_not_echo_each_other() -> None:
    rng, world = np.random.default_rng(5), World()
    lazy = [replace(event, answer="0") for event in honest(rng, world, 12, each=40, name="lazy")]
    found, made = heard(honest(rng, world) + lazy)
    assert found.nats[named(made, "lazy")].max() < OVERWHELMING


def test_a_ring_that_outnumbers_the_others_at_its_targets_does_not_explain_itself() -> None:
    rng, world = np.random.default_rng(6), World(targets=300)
    crowd = honest(rng, world, 80, each=15)
    found, made = heard(crowd + ring(rng, world, 40, each=12, overlap=1.0))
    assert found.nats[named(made, "ring")].min() > OVERWHELMING


def test_every_pair_stands_twice() -> None:
    rng, world = np.random.default_rng(7), World()
    found, _ = heard(honest(rng, world) + ring(rng, world, 8))
    pairs = set(zip(found.source.tolist(), found.partner.tolist(), strict=True))
    assert pairs == {(right, left) for left, right in pairs}
    assert all(left != right for left, right in pairs)


def test_nothing_said_echoes_nothing() -> None:
    found = echoes(answers(evidence_from(EVENT_SCHEMA.empty_table())))
    assert len(found.nats) == 0
    assert len(found.source) == 0
