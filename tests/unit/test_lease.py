"""A loop that several processes could run: one does, and another takes over when it is silent."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from quarantine.errors import StaleError
from service.lease import LASTS, Lease, lease
from service.scoring import Scorer
from service.settings import State
from tests.room import MINUTE, Room, crowded


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return crowded(tmp_path)


def turn(room: Room, holder: str) -> Lease:
    return Lease(room.store, "scoring", holder, lambda: room.at)


def test_another_stands_by_until_the_first_is_silent(room: Room) -> None:
    one, two = turn(room, "one"), turn(room, "two")
    assert one.mine()
    assert not two.mine()
    room.later(2 * LASTS / 3)
    assert one.mine()
    room.later(LASTS - timedelta(seconds=1))
    assert not two.mine()
    room.later(LASTS)
    assert two.mine()
    assert not one.mine()


def test_who_is_started_anew_goes_on_at_once(room: Room, tmp_path: Path) -> None:
    state = State(tmp_path)
    assert lease(room.store, "scoring", state, lambda: room.at).mine()
    assert lease(room.store, "scoring", state, lambda: room.at).mine()
    assert not lease(room.store, "scoring", State(tmp_path / "x"), lambda: room.at).mine()


def test_a_pass_that_ends_after_another_process_took_over_leaves_nothing(room: Room) -> None:
    late, next_ = turn(room, "one"), turn(room, "two")
    passes = [Scorer(room.store, room.roster, room.operator) for _ in range(2)]
    for each, its in zip(passes, (late, next_), strict=True):
        each.require = its.require
    assert late.mine()
    at = room.at
    room.later(LASTS + MINUTE)
    assert next_.mine()
    passes[1].once(room.at)
    judged, size = room.store.judged_at(), room.store.size()
    with pytest.raises(StaleError, match="taken scoring over"):
        passes[0].once(at)
    assert (room.store.judged_at(), room.store.size()) == (judged, size)
