"""A loop that several processes could run: one does, and another takes over when it is silent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.model import VerdictChanged
from quarantine.errors import StaleError
from quarantine.model import SourceKey, Verdict
from service.lease import LASTS, Lease, lease
from service.scoring import Scorer
from service.settings import State
from tests.places import STORES, Places
from tests.room import MINUTE, Room, crowded


@pytest.fixture(params=sorted(STORES))
def room(tmp_path: Path, places: Places, request: pytest.FixtureRequest) -> Iterator[Room]:
    made = crowded(tmp_path, places.new(request.param).location)
    yield made
    made.store.close()


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


def test_of_two_processes_of_one_directory_one_has_the_turn(room: Room, tmp_path: Path) -> None:
    state = State(tmp_path)
    first, other = (lease(room.store, "scoring", state, lambda: room.at) for _ in range(2))
    assert first.mine()
    assert not other.mine()
    room.later(LASTS)
    assert other.mine(), "the first is silent, and may hang: it has the mark all the same"
    assert not first.mine()
    del first
    assert other.mine(), "it goes on under the name that it has"
    anew = lease(room.store, "scoring", state, lambda: room.at)
    assert not anew.mine()
    room.later(LASTS)
    assert anew.mine()
    assert not other.mine(), "it was taken over from in its turn"
    del anew
    assert other.mine(), "who has ended, in this very directory, cannot be late"


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


def test_a_pass_that_is_overtaken_before_it_is_kept_records_no_verdict(room: Room) -> None:
    late, next_ = turn(room, "one"), turn(room, "two")
    scorer = Scorer(room.store, room.roster, room.operator)
    assert late.mine()
    room.score(["rater/1"], verdict=Verdict.HOLD)  # so that the pass has a change to record

    def overtaken() -> None:
        room.store.fence("scoring", next_._token)
        late.require()

    room.later(LASTS)
    assert next_.mine()
    scorer.require = overtaken
    size = room.store.size()
    with pytest.raises(StaleError):
        scorer.once(room.at)
    assert room.store.size() == size
    assert room.store.dossiers([SourceKey("app", "rater/1")])[0].verdict is Verdict.HOLD


def test_a_change_of_verdict_is_in_the_log_before_it_is_in_a_dossier(room: Room) -> None:
    room.score(["rater/1"], verdict=Verdict.HOLD)
    asked = 0

    def dies() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise KeyboardInterrupt

    scorer = Scorer(room.store, room.roster, room.operator)
    scorer.require = dies
    size = room.store.size()
    with pytest.raises(KeyboardInterrupt):
        scorer.once(room.at)
    (logged,) = room.store.acts(size)
    assert logged.act.kind == VerdictChanged.act
    assert room.store.dossiers([SourceKey("app", "rater/1")])[0].verdict is Verdict.HOLD
