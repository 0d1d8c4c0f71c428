"""Single events: what each shows when it comes, what all shows at the end, and how they rank."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quarantine.evidence import Evidence
from quarantine.occurrences import arriving, whole
from quarantine.ranks import bounds, lifted, ranked_now, ranked_then
from quarantine.scoring import score
from tests.crowd import DAY, START, Said, World, evidence, honest, liars, rating, untimed


def people(seed: int = 0, *, kind: str = "label") -> list[Said]:
    rng = np.random.default_rng(seed)
    world = World(targets=40, kind=kind)
    return sorted([*honest(rng, world, 20), *liars(rng, world, 5)], key=lambda event: event.at)


def then(found: Evidence, every: int) -> np.ndarray:
    suspicion = np.linspace(0.0, 1.0, len(found.held))
    events = arriving(found.held, timed=found.timed)
    return ranked_then(events, suspicion, bounds(len(found.held), every))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 599), st.integers(0, 9), st.sampled_from(["label", "rating", "preference"]))
def test_what_is_said_at_arrival_needs_nothing_that_comes_later(
    size: int, seed: int, kind: str
) -> None:
    said = people(seed, kind=kind)
    long, short = evidence(said), evidence(said[:size])
    np.testing.assert_array_equal(
        arriving(long.held, timed=True).departure[:size], arriving(short.held, timed=True).departure
    )
    suspicion = np.random.default_rng(seed).random(len(said))
    for every in (7, 100):
        ranks = [
            ranked_then(arriving(each.held, timed=True), suspicion[:many], bounds(many, every))
            for each, many in ((long, len(said)), (short, size))
        ]
        np.testing.assert_array_equal(ranks[0][:size], ranks[1])


def test_an_answer_departs_from_what_was_said_before_it_and_not_from_what_follows() -> None:
    said = [rating(f"s{n}", "t", 1.0, START + n) for n in range(5)]
    said.append(rating("other", "t", 0.0, START + 9))
    found = arriving(evidence(said).held, timed=True)
    assert found.departure[5] > 0.7
    assert (found.departure[1:5] < 0.5).all()
    assert found.departure[4] < found.departure[1]


def test_a_first_event_is_newer_than_any_later_one_and_without_times_nothing_is() -> None:
    said = [rating("old", f"t{n}", 0.5, START + n * DAY) for n in range(5)]
    said.append(rating("new", "t0", 0.5, START + 6 * DAY))
    found = arriving(evidence(said).held, timed=True)
    assert (found.newness[:, 5] == found.newness[:, 0]).all()
    assert (found.newness[:, 5] > found.newness[:, 4]).all()
    assert arriving(evidence(untimed(said)).held, timed=False).newness.shape == (0, 6)
    assert whole(evidence(untimed(said), timed=False)).newness.shape == (0, 6)


def test_newness_counts_only_where_newcomers_depart_more() -> None:
    rng = np.random.default_rng(1)
    world = World(targets=40, days=60)
    regulars = honest(rng, world, 30, each=40)
    fake = liars(rng, world, 400, each=1)
    good = honest(rng, world, 400, each=1, name="visitor", skill=0.95)
    suspected, calm = evidence([*regulars, *fake]), evidence([*regulars, *good])
    ranks = []
    for found in (suspected, calm):
        odd = ranked_now(whole(found), np.zeros(len(found.held)))
        once = np.bincount(found.held["source"])[found.held["source"]] == 1
        departs = whole(found).departure
        plain = once & (departs < np.quantile(departs[once], 0.2))
        ranks.append((odd < odd[plain].mean()).mean())
    assert ranks[0] > ranks[1] + 0.1


def test_oddness_alone_never_reaches_an_alarm_and_an_alarm_always_lies_above() -> None:
    odd, alarm = np.linspace(0, 1, 50), np.linspace(0, 1, 50)[::-1]
    found = lifted(odd, alarm)
    assert (found[alarm < 0.5] < 0.5).all()
    assert (found[alarm >= 0.5] >= 0.5).all()
    assert (found <= 1).all()
    assert (np.diff(lifted(odd, np.full(50, 0.7))) > 0).all()


def test_those_who_say_the_contrary_have_the_oddest_events() -> None:
    said = people()
    found = score(evidence(said))
    bad = np.array([event.source.startswith("liar") for event in said])
    assert found.event_scores[bad].mean() > found.event_scores[~bad].mean() + 0.2
    assert ((found.event_scores >= 0) & (found.event_scores <= 1)).all()
    at_arrival = then(evidence(said), 50)
    assert at_arrival[100:][bad[100:]].mean() > at_arrival[100:][~bad[100:]].mean()


def test_bounds_begin_early_and_are_those_of_the_passes_later() -> None:
    assert bounds(3500, 1000).tolist() == [0, 16, 32, 64, 128, 256, 512, 1000, 2000, 3000, 3500]
    assert bounds(10, 1000).tolist() == [0, 10]
    assert bounds(3000, 1000)[-2:].tolist() == [2000, 3000]
