"""What every detector owes, whichever they are."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from quarantine.evidence import EVENT_SCHEMA, Evidence, evidence_from
from quarantine.plugins import offered
from quarantine.ports import Detector
from tests.crowd import START, Said, World, evidence, guessers, honest, liars, rating, ring, untimed

DETECTORS = cast("dict[str, Detector]", dict(offered("quarantine.detectors", "DETECTOR")))


def mixed(*, warm: bool, timed: bool = True) -> Evidence:
    rng, world = np.random.default_rng(1), World()
    held = honest(rng, world, 40) + ring(rng, world, 8) + guessers(rng, world) + liars(rng, world)
    held += [rating(f"honest-{n % 40}", f"r{n % 15}", (n % 5) / 4, START + n) for n in range(300)]
    before = honest(rng, world, 120, name="known") if warm else []
    return evidence(held if timed else untimed(held), before, timed=timed)


SITUATIONS = {
    "cold": mixed(warm=False),
    "warm": mixed(warm=True),
    "untimed": mixed(warm=True, timed=False),
    "a fold": mixed(warm=True).folds()[0],
    "empty": evidence_from(EVENT_SCHEMA.empty_table()),
    "one": evidence([Said("a", "x", "1")]),
    "all alike": evidence([Said(f"s{n}", "x", "1") for n in range(30)]),
    "one source": evidence([Said("a", f"x{n}", "1", at=START + n) for n in range(30)]),
    "flat values": evidence([rating(f"s{n % 5}", f"x{n}", 1.0) for n in range(30)]),
}


@pytest.fixture(params=sorted(DETECTORS))
def detector(request: pytest.FixtureRequest) -> Detector:
    return DETECTORS[request.param]


@pytest.fixture(params=sorted(SITUATIONS))
def seen(request: pytest.FixtureRequest) -> Evidence:
    return SITUATIONS[request.param]


def test_scores_are_shares_and_each_source_is_judged_once(
    detector: Detector, seen: Evidence
) -> None:
    found = detector.examine(seen)
    assert len(found.sources) == len(found.scores)
    assert len(np.unique(found.sources)) == len(found.sources)
    assert np.isfinite(found.scores).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_only_held_sources_are_judged(detector: Detector, seen: Evidence) -> None:
    assert set(detector.examine(seen).sources.tolist()) <= set(seen.held["source"].tolist())


def test_a_score_has_a_reason_in_words(detector: Detector, seen: Evidence) -> None:
    found = detector.examine(seen)
    for place in np.flatnonzero(found.scores > 0)[:50].tolist():
        assert len(found.because(place)) > 10
        assert "nan" not in found.because(place)
        assert all(found.examples(place))


def test_it_judges_somebody_or_says_why_it_cannot(detector: Detector, seen: Evidence) -> None:
    found = detector.examine(seen)
    assert bool(found.silent) == (len(found.sources) == 0) or not found.silent


def test_events_are_scored_all_or_not_at_all(detector: Detector, seen: Evidence) -> None:
    found = detector.examine(seen)
    assert len(found.events) in {0, len(seen.held)}
    if len(found.events):
        assert ((found.events >= 0) & (found.events <= 1)).all()
        assert all(found.event_because(row) for row in range(min(len(seen.held), 20)))


def test_asked_twice_it_says_the_same_and_changes_nothing(
    detector: Detector, seen: Evidence
) -> None:
    before = seen.held.copy(deep=True)
    one, two = detector.examine(seen), detector.examine(seen)
    assert (one.sources == two.sources).all()
    assert (one.scores == two.scores).all()
    assert seen.held.equals(before)


def test_the_sender_s_clock_says_nothing(detector: Detector) -> None:
    seen = mixed(warm=True)
    later = seen.held.assign(claimed=seen.held["claimed"] + np.timedelta64(400, "D"))
    forged = replace(seen, held=later)
    assert (detector.examine(seen).scores == detector.examine(forged).scores).all()


def test_it_has_a_channel_and_says_its_settings(detector: Detector) -> None:
    assert detector.channel
    assert "=" in repr(detector)
