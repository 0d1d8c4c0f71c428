"""What every linker owes, whichever they are."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from quarantine.evidence import EVENT_SCHEMA, Evidence, evidence_from
from quarantine.plugins import offered
from quarantine.ports import Linker
from tests.crowd import START, Said, World, evidence, honest, ring, untimed

LINKERS = cast("dict[str, Linker]", dict(offered("quarantine.linkers", "LINKER")))


def crowd(members: int = 8, *, timed: bool = True) -> Evidence:
    rng, world = np.random.default_rng(2), World()
    held = honest(rng, world, 40) + ring(rng, world, members)
    return evidence(held if timed else untimed(held), timed=timed)


SITUATIONS = {
    "a ring": crowd(),
    "no ring": crowd(0),
    "untimed": crowd(timed=False),
    "empty": evidence_from(EVENT_SCHEMA.empty_table()),
    "one": evidence([Said("a", "x", "1")]),
    "all alike": evidence([Said(f"s{n}", "x", "1", at=START) for n in range(30)]),
    "no producer": evidence([Said(f"s{n}", "x", "1", producer="") for n in range(30)]),
}


@pytest.fixture(params=sorted(LINKERS))
def linker(request: pytest.FixtureRequest) -> Linker:
    return LINKERS[request.param]


@pytest.fixture(params=sorted(SITUATIONS))
def seen(request: pytest.FixtureRequest) -> Evidence:
    return SITUATIONS[request.param]


def test_pairs_are_of_two_different_known_sources(linker: Linker, seen: Evidence) -> None:
    links = linker.link(seen)
    assert len(links.left) == len(links.right)
    assert (links.left != links.right).all()
    for side in (links.left, links.right):
        assert ((side >= 0) & (side < len(seen.sources))).all()


def test_groups_are_given_for_all_sources_or_for_none(linker: Linker, seen: Evidence) -> None:
    assert len(linker.link(seen).group) in {0, len(seen.sources)}


def test_asked_twice_it_links_the_same(linker: Linker, seen: Evidence) -> None:
    one, two = linker.link(seen), linker.link(seen)
    assert (one.left == two.left).all()
    assert (one.right == two.right).all()
    assert (one.group == two.group).all()


def test_honest_people_are_not_linked(linker: Linker) -> None:
    links = linker.link(SITUATIONS["no ring"])
    assert len(links.left) == 0
    assert (links.group == -1).all()


def test_the_members_of_a_ring_are_linked_by_two_kinds_of_evidence() -> None:
    seen = crowd()
    members = {n for n, key in enumerate(seen.sources) if key.source.startswith("ring")}
    linked = {
        name: {*links.left.tolist(), *links.right.tolist()}
        for name, linker in LINKERS.items()
        for links in [linker.link(seen)]
    }
    assert sum(found == members for found in linked.values()) >= 2
