"""Profiles merge: parts summed up apart and joined say what the whole says, in any order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarantine.profile import Profile, features, merge, profile
from tests.crowd import HOUR, START, Said, World, evidence, honest

EVENTS = st.lists(
    st.builds(
        Said,
        source=st.sampled_from("abc"),
        target=st.sampled_from("xyz"),
        answer=st.sampled_from("12"),
        value=st.none() | st.floats(0, 1),
        at=st.integers(START, START + 5 * HOUR),
        place=st.none() | st.integers(0, 1),
    ),
    min_size=1,
    max_size=30,
)
TABLES = ("sources", "answers", "hours", "targets")


def same(left: Profile, right: Profile) -> bool:
    return all(getattr(left, name).equals(getattr(right, name)) for name in TABLES)


@settings(deadline=None, max_examples=60)
@given(events=EVENTS, cuts=st.lists(st.integers(0, 2), min_size=30, max_size=30))
def test_parts_merged_in_any_order_are_the_whole(events: list[Said], cuts: list[int]) -> None:
    frame = evidence(events).held
    part = np.array(cuts[: len(frame)])
    one, two, three = (profile(frame[part == n]) for n in range(3))
    whole = profile(frame)
    assert same(merge(merge(one, two), three), whole)
    assert same(merge(three, merge(two, one)), whole)
    assert same(merge(two, merge(three, one)), whole)


def test_another_event_makes_another_profile() -> None:
    frame = evidence([Said("a", "x", "1"), Said("a", "y", "2")]).held
    assert not same(profile(frame), profile(frame.head(1)))


def test_features_say_what_a_source_is_like() -> None:
    events = [
        Said("a", f"x{n}", "1", value=0.5, at=START + n * HOUR, place=n % 2) for n in range(8)
    ]
    told = features(profile(evidence(events).held)).iloc[0]
    assert told["volume"] == 3
    assert told["level"] == pytest.approx(0.5, abs=1e-5)
    assert told["spread"] == pytest.approx(0, abs=1e-3)
    assert told["sameness"] == 1
    assert told["busiest"] == pytest.approx(1 / 8)
    assert told["first_place"] == 0.5


def test_what_nobody_said_is_missing_from_the_features() -> None:
    told = features(profile(evidence([Said("a", "x", "1")]).held)).iloc[0]
    assert pd.isna(told[["level", "spread", "sameness", "busiest", "first_place"]]).all()


def test_targets_count_what_was_answered() -> None:
    frame = evidence(honest(np.random.default_rng(0), World(targets=5), 9, each=5)).held
    assert profile(frame).targets["count"].sum() == len(frame)
