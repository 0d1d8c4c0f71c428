"""Meetings are more often than chance has it, in time or in the choice of targets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from quarantine.evidence import EVENT_SCHEMA, Evidence, evidence_from
from quarantine.meetings import Meetings, choices, meetings
from tests.crowd import DAY, START, Said, World, evidence, honest, ring

OVERWHELMING = 2.0


def in_time(made: Evidence) -> Meetings:
    return meetings(made, parts=10)


READINGS = (in_time, choices)


def sure(found: Meetings, made: Evidence) -> set[tuple[str, str]]:
    names = [key.source for key in made.sources]
    close = found.nats >= OVERWHELMING
    pairs = zip(found.source[close].tolist(), found.partner[close].tolist(), strict=True)
    return {(names[left], names[right]) for left, right in pairs}


@pytest.mark.parametrize("reading", READINGS)
def test_only_the_ring_meets_too_often(reading: Callable[[Evidence], Meetings]) -> None:
    rng, world = np.random.default_rng(1), World(targets=400)
    made = evidence(honest(rng, world, 100) + ring(rng, world, 6, each=20, overlap=1.0))
    members = [f"ring-{n}" for n in range(6)]
    expected = {(one, other) for one in members for other in members if one != other}
    assert sure(reading(made), made) == expected


@pytest.mark.parametrize("reading", READINGS)
def test_nobody_meets_where_nothing_was_said(reading: Callable[[Evidence], Meetings]) -> None:
    assert len(reading(evidence_from(EVENT_SCHEMA.empty_table())).source) == 0


def test_a_day_on_which_everybody_speaks_is_no_meeting() -> None:
    rng, world = np.random.default_rng(2), World(targets=40, days=1)
    made = evidence([*honest(rng, world, 60), Said("late", "t0", "0", at=START + 50 * DAY)])
    assert not sure(in_time(made), made)


def test_popular_targets_are_no_choice() -> None:
    rng = np.random.default_rng(3)
    events = [
        Said(f"s{source}", f"t{target}", "1")
        for source in range(60)
        for target in [*range(8), *rng.integers(8, 500, 6).tolist()]
    ]
    made = evidence(events)
    assert not sure(choices(made), made)
