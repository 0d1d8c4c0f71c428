"""First impressions: throwaway extremes look worse, and a frozen reference is not moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quarantine.evidence import Floats
from quarantine.impressions import Ratings, impression
from tests.crowd import DAY, START


def crowd(seed: int = 0, thrown: int = 30, *, timed: bool = True) -> tuple[Ratings, int]:
    """Let 60 people rate for months, and others once, at an end, in one week at three targets."""
    rng = np.random.default_rng(seed)
    quality = rng.uniform(0.4, 0.8, 40)
    source = np.repeat(np.arange(60), 10)
    target = rng.integers(0, 40, 600)
    value = np.clip(quality[target] + rng.normal(0, 0.15, 600), 0.05, 0.95).round(2)
    at = START + rng.integers(0, 200 * DAY, 600)
    late = rng.integers(0, 7 * DAY, thrown) + START + 90 * DAY
    return Ratings(
        source=np.concatenate([source, 60 + np.arange(thrown)]),
        target=np.concatenate([target, rng.integers(0, 3, thrown)]),
        value=np.concatenate([value, np.zeros(thrown)]),
        at=np.concatenate([at, late]),
        usual=np.ones(600 + thrown, np.bool_),
        sources=60 + thrown,
        timed=timed,
    ), thrown


def ranked_apart(honest: Floats) -> float:
    """Return how often one of the 60 looks more honest than one of the others."""
    return float((honest[:60, np.newaxis] > honest[np.newaxis, 60:]).mean())


def test_throwaway_sources_at_the_ends_of_the_scale_look_worst() -> None:
    for timed in (True, False):
        told, _ = crowd(timed=timed)
        assert ranked_apart(impression(told)) > 0.98


def test_times_say_nothing_where_they_mean_nothing() -> None:
    told, _ = crowd(timed=False)
    later = replace(told, at=told.at[::-1].copy())
    assert np.array_equal(impression(told), impression(later))


def test_a_frozen_reference_is_not_moved_by_how_many_others_there_are() -> None:
    found = []
    for thrown in (5, 30, 90):
        told, _ = crowd(thrown=thrown)
        usual = told.source < 60
        found.append(impression(replace(told, usual=usual)))
    assert all(ranked_apart(each) > 0.98 for each in found)
    usual = [float(np.median(each[:60])) for each in found]
    assert max(usual) - min(usual) < 0.5


def test_one_source_that_says_nothing_leaves_no_impression() -> None:
    told, _ = crowd(thrown=3)
    assert impression(replace(told, sources=64))[63] == 0


def test_the_order_of_rows_does_not_matter() -> None:
    told, _ = crowd(2)
    order = np.random.default_rng(0).permutation(len(told.source))
    turned = replace(
        told,
        source=told.source[order],
        target=told.target[order],
        value=told.value[order],
        at=told.at[order],
    )
    assert np.allclose(impression(told), impression(turned))
