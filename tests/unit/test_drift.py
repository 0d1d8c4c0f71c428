"""Drift: what moved since the first accepted baseline, how surely, and for whom."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from approvals.baseline import WAITING, followed
from quarantine.drift import EVERYONE, Drift, drifts
from tests.room import Room, body, crowded, release

SOURCES = 400


def answered(
    seed: int,
    share: float = 0.5,
    *,
    size: int = 6000,
    producers: tuple[str, ...] = ("app", "web"),
    tastes: float = 0.0,
) -> pd.DataFrame:
    """Let sources say yes with a chance of `share`, each shifted by a taste of its own."""
    rng = np.random.default_rng(seed)
    source = rng.integers(0, SOURCES, size)
    taste = rng.normal(0, tastes, SOURCES)
    yes = rng.random(size) < np.clip(share + taste[source], 0, 1)
    return pd.DataFrame(
        {
            "producer": np.array(producers)[source % len(producers)],
            "source": [f"s{each}" for each in source],
            "answer": np.where(yes, "yes", "no"),
            "value": yes.astype(float),
        }
    )


def alarms(found: list[Drift]) -> list[Drift]:
    return [each for each in found if each.alarm]


def test_one_point_a_round_is_seen_from_the_origin_by_the_fifth_and_never_from_the_last() -> None:
    for seed in range(3):
        rounds = [
            answered(1000 + 100 * seed + n, 0.5 + 0.01 * n, size=16_000, producers=("app",))
            for n in range(11)
        ]
        first = [bool(alarms(drifts(rounds[0], each))) for each in rounds[1:6]]
        last = [bool(alarms(drifts(*pair))) for pair in itertools.pairwise(rounds)]
        assert any(first)
        assert not any(last)


@pytest.mark.parametrize("tastes", [0.0, 0.3])
def test_rounds_that_do_not_drift_raise_few_alarms_even_where_tastes_differ(tastes: float) -> None:
    rang = [
        bool(
            alarms(drifts(answered(2 * seed, tastes=tastes), answered(2 * seed + 1, tastes=tastes)))
        )
        for seed in range(15)
    ]
    assert sum(rang) <= 1


def test_the_words_say_what_moved_and_by_how_much() -> None:
    found = drifts(answered(0, 0.5), answered(1, 0.7))
    classes = next(each for each in found if (each.group, each.what) == (EVERYONE, "classes"))
    assert classes.alarm
    assert 0.15 < classes.moved < 0.25
    assert classes.psi > 0.1
    assert "of answers and is" in classes.because
    level = next(each for each in found if (each.group, each.what) == (EVERYONE, "level"))
    assert level.alarm
    assert "of the scale and is" in level.because


def test_one_group_that_moves_alone_is_named() -> None:
    first, now = answered(0), answered(1)
    moved = answered(2, 0.65)
    now = pd.concat([now[now["producer"] == "app"], moved[moved["producer"] == "web"]])
    found = alarms(drifts(first, now))
    assert {each.group for each in found} == {EVERYONE, "producer web"}
    assert found[0].group == "producer web"


def test_a_shape_that_moves_without_its_mean_is_seen() -> None:
    rng = np.random.default_rng(0)
    first, now = answered(0), answered(1)
    first["value"] = np.clip(rng.normal(0.5, 0.10, len(first)), 0, 1)
    now["value"] = np.clip(rng.normal(0.5, 0.20, len(now)), 0, 1)
    for side in (first, now):
        side["answer"] = side["value"].map("{:.6f}".format)
    assert {each.what for each in alarms(drifts(first, now))} == {"shape"}


def test_a_wave_of_sources_through_one_producer_is_a_change_of_mix() -> None:
    first, now = answered(0), answered(1)
    wave = answered(2, size=2000, producers=("web",)).assign(
        source=lambda frame: "new-" + frame["source"]
    )
    found = {each.what: each for each in drifts(first, pd.concat([now, wave]))}
    assert found["mix"].alarm
    assert "web vouched for" in found["mix"].because


def test_few_events_and_texts_of_their_own_are_not_compared() -> None:
    assert drifts(answered(0), answered(1, size=10)) == []
    texts = [
        each.assign(answer=[f"{n}" for n in range(6000)], value=np.nan)
        for each in (answered(0), answered(1))
    ]
    assert {each.what for each in drifts(*texts)} == {"mix"}


def judged(seed: int, *shares: float, size: int = 1500) -> pd.DataFrame:
    """Let as many judges as there are `shares` say yes so often."""
    rng = np.random.default_rng(seed)
    judge = rng.integers(0, len(shares), size * len(shares))
    yes = rng.random(len(judge)) < np.array(shares)[judge]
    return pd.DataFrame(
        {
            "producer": "bots",
            "source": [f"judge/{each}" for each in judge],
            "answer": np.where(yes, "yes", "no"),
            "value": yes.astype(float),
        }
    )


def test_a_judge_that_moved_is_named_though_the_others_hide_it() -> None:
    shares = [0.5] * 12
    first, now = judged(0, *shares), judged(1, *shares[:-1], 0.65)
    assert not alarms(drifts(first, now))
    told = alarms(drifts(first, now, voices=50))
    assert {each.group for each in told} == {"source bots/judge/11"}
    assert "level" in {each.what for each in told}


def test_judges_that_stay_as_they_were_raise_no_alarm() -> None:
    shares = [0.2, 0.4, 0.5, 0.7, 0.9]
    found = [
        alarms(drifts(judged(2 * n, *shares), judged(2 * n + 1, *shares), voices=50))
        for n in range(15)
    ]
    assert sum(map(bool, found)) <= 1


def test_only_the_loudest_judges_with_a_past_are_followed_each_by_itself() -> None:
    first, now = judged(0, 0.5, 0.5, 0.5), judged(1, 0.5, 0.5, 0.5, 0.9)
    groups = {each.group for each in drifts(first, now, voices=2)}
    assert len({each for each in groups if each.startswith("source ")}) == 2
    assert "source bots/judge/3" not in {each.group for each in drifts(first, now, voices=9)}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = crowded(tmp_path)
    with opened.store:
        yield opened


def test_without_a_release_there_is_no_baseline_and_it_is_said(room: Room) -> None:
    (found,) = followed(room.store)
    assert (found.scope, found.kind, found.baseline, found.after) == ("helpful", "rating", "", ())
    assert found.events == 36


def test_what_came_since_is_compared_with_the_first_release(room: Room) -> None:
    room.later(timedelta(days=60))
    request, _, _ = room.ask()
    release(room, request)
    room.hear([body(f"late/{n}", f"late-{n}", f"answer-{n % 3}", 1) for n in range(60)])
    (found,) = followed(room.store, "helpful")
    assert found.rows == request.rows
    assert [each.name for each in found.after] == [WAITING]
    waiting = found.after[0]
    assert {each.what for each in waiting.drifts if each.alarm} >= {"classes", "level"}
    assert found.alarms == sum(each.alarm for each in waiting.drifts)
    assert followed(room.store, "nowhere") == []
