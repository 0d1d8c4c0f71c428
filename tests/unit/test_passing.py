"""Passes over a growing window: what is kept between thorough passes, and when it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from quarantine.evidence import Evidence, evidence_from
from quarantine.hearing import hear
from quarantine.passing import PATIENT, PROMPT, Passes, prompt
from quarantine.scoring import score, weigh
from tests.crowd import Said, World, honest, ring, table

WORLD = World(targets=60)


def everyone(seed: int = 0) -> list[Said]:
    rng = np.random.default_rng(seed)
    said = [*honest(rng, WORLD, 30), *ring(rng, WORLD)]
    return sorted(said, key=lambda event: event.at)


def window(said: Sequence[Said], released: Sequence[Said] = ()) -> Evidence:
    before = table(released) if released else None
    return evidence_from(table(said), before)


def test_a_thorough_pass_says_what_a_pass_without_memory_says() -> None:
    said = everyone()
    passes = Passes()
    for size in (200, 500, len(said)):
        evidence = window(said[:size])
        assert score(evidence, ears=passes).dossiers == score(evidence).dossiers
        assert passes.thorough


def test_a_quick_pass_keeps_what_rings_said_and_hears_the_prompt_anew() -> None:
    said = everyone()
    passes = Passes(growth=0.5)
    before = score(window(said[:-40]), ears=passes)
    after = score(window(said), ears=passes)
    assert not passes.thorough
    held = {each.source for each in before.dossiers if each.verdict == "hold"}
    assert {source for source in held if source.startswith("ring")}
    assert held <= {each.source for each in after.dossiers if each.verdict == "hold"}
    counted = {each.source: each.events for each in after.dossiers}
    assert sum(counted.values()) == len(said)
    clusters = {each.source: each.cluster for each in before.dossiers}
    assert {each.source: each.cluster for each in after.dossiers} == clusters


def test_a_quick_pass_says_what_a_full_one_says_but_for_what_it_remembers() -> None:
    said = everyone()
    passes = Passes()
    before = weigh(window(said[:-40]), ears=passes)
    quick = weigh(window(said), ears=passes)
    assert not passes.thorough
    known = len(before.linked.sources)
    anew = [one for one in quick.heard if prompt(one.name)]
    assert {one.channel for one in anew} == PROMPT
    assert not PATIENT & {one.name for one in anew}
    for one in anew:
        full = hear(one.name, quick.linked)
        assert (one.scores == full.scores).all()
        assert (one.place == full.place).all()
    for one, past in zip(quick.heard, before.heard, strict=True):
        if not prompt(one.name):
            assert (one.scores[:known] == past.scores).all()
            assert (one.place[known:] == -1).all()


@pytest.mark.parametrize("released", [False, True])
def test_what_quick_passes_left_open_the_next_thorough_one_says_as_if_nothing_was_remembered(
    *, released: bool
) -> None:
    said = everyone()
    known = [replace(event, source="known-" + event.source) for event in everyone(3)]
    before = known if released else []
    passes = Passes()
    for size in (500, 560, 620, len(said)):
        score(window(said[:size], before), ears=passes)
    passes.forget()
    again = score(window(said, before), ears=passes)
    assert passes.thorough
    assert again.dossiers == score(window(said, before)).dossiers


def test_who_came_since_has_no_opinion_of_rings_and_stands_alone() -> None:
    said = everyone()
    late = [replace(said[-1], source=f"late-{n}", target=f"t{n}") for n in range(5)]
    passes = Passes()
    score(window(said), ears=passes)
    after = score(window([*said, *late]), ears=passes)
    assert not passes.thorough
    found = {each.source: each for each in after.dossiers}
    for each in late:
        assert found[each.source].cluster == f"p/{each.source}"
        assert not [one for one in found[each.source].findings if one.detector == "lockstep"]


@pytest.mark.parametrize("change", ["grown", "shrunk", "released"])
def test_a_window_that_is_another_is_compared_anew(change: str) -> None:
    said = everyone()
    passes = Passes(growth=0.1)
    score(window(said[:400]), ears=passes)
    score(window(said[:410]), ears=passes)
    assert not passes.thorough
    other = {
        "grown": window(said[:441]),
        "shrunk": window(said[:399]),
        "released": window(said[:410], said[410:]),
    }
    score(other[change], ears=passes)
    assert passes.thorough


def test_beside_a_reference_a_quick_pass_remembers_by_name_whatever_the_codes_are() -> None:
    said = everyone()
    people = [replace(event, source="known-" + event.source) for event in everyone(3)]
    passes = Passes()
    score(window(said[:-30], people), ears=passes)
    moved = [*said[-30:], *said[:-30]]
    after = score(evidence_from(table(moved), table(people)), ears=passes)
    whole = score(evidence_from(table(moved), table(people)))
    assert not passes.thorough
    ring_of = {each.source: each.cluster for each in whole.dossiers if "ring" in each.source}
    assert {e.source: e.cluster for e in after.dossiers if "ring" in e.source} == ring_of


def test_forgetting_makes_the_next_pass_thorough() -> None:
    said = everyone()
    passes = Passes()
    score(window(said[:600]), ears=passes)
    passes.forget()
    score(window(said[:601]), ears=passes)
    assert passes.thorough
