"""Rushes: which windows are held whole, which are not, and what people let out of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from approvals.rushed import clear_window, read_windows, window_id
from quarantine.errors import NotAuthorisedError, UsageError
from quarantine.model import Verdict
from quarantine.rushes import LEAST, rushes
from quarantine.scoring import score
from service.scoring import Scorer
from tests.crowd import DAY, HOUR, START, Said, evidence, rating, untimed
from tests.room import Room, body, crowded, hand_of


def calm(days: int = 40, targets: int = 6, seed: int = 0) -> list[Said]:
    """A few people a day rate each target, at any hour."""
    rng = np.random.default_rng(seed)
    return [
        rating(f"p{rng.integers(500)}", f"t{target}", 0.8, START + day * DAY + int(at))
        for day in range(days)
        for target in range(targets)
        for at in rng.integers(0, DAY, rng.poisson(3))
    ]


def raid(target: str, size: int, *, day: int, within: int = HOUR // 2) -> list[Said]:
    """Many who were never seen before rate one target within half an hour."""
    at = START + day * DAY + 7 * HOUR
    return [rating(f"raider-{day}-{n}", target, 0.0, at + n * within // size) for n in range(size)]


def test_a_raid_of_fifty_times_the_usual_rate_is_held_as_a_whole_with_a_reason() -> None:
    said = [*calm(), *raid("t2", 60, day=30)]
    found = evidence(said)
    held = rushes(found)
    mine = np.array([key.source.startswith("raider") for key in found.sources])
    raiders = mine[found.held["source"]]
    assert held.held[raiders].all()
    assert held.held[~raiders].mean() < 0.01
    assert {each.target for each in held.found} == {"t2"}
    assert "rush on t2" in held.found[0].because
    told = score(found)
    row = int(np.flatnonzero(raiders)[0])
    assert told.event_because(row) == held.found[0].because


def test_what_honest_people_said_in_the_window_is_held_with_it_and_they_are_not_accused() -> None:
    at = START + 30 * DAY + 7 * HOUR
    visitors = [rating(f"visitor-{n}", "t2", 0.8, at + n * HOUR // 40) for n in range(5)]
    found = evidence([*calm(), *raid("t2", 60, day=30), *visitors])
    told = score(found)
    inside = {found.sources[code].source for code in found.held["source"][told.rushes.held]}
    assert {event.source for event in visitors} <= inside
    verdicts = {each.source: each.verdict for each in told.dossiers}
    assert all(verdicts[event.source] is not Verdict.HOLD for event in visitors)


def test_a_long_raid_does_not_become_usual() -> None:
    days = [each for day in range(25, 40) for each in raid("t2", 60, day=day)]
    found = evidence([*calm(), *days])
    mine = np.array([key.source.startswith("raider") for key in found.sources])
    assert rushes(found).held[mine[found.held["source"]]].mean() > 0.95


def test_a_calm_crowd_few_events_and_events_without_times_are_no_rush() -> None:
    assert not rushes(evidence(calm())).held.any()
    few = [*calm(), *raid("t2", LEAST - 5, day=30)]
    assert not rushes(evidence(few)).held.any()
    many = untimed([*calm(), *raid("t2", 60, day=30)])
    assert not rushes(evidence(many, timed=False)).held.any()


def test_what_is_sent_at_once_about_everything_is_no_rush_on_any_target() -> None:
    late = [each for target in range(6) for each in raid(f"t{target}", 60, day=30)]
    assert not rushes(evidence([*calm(), *late])).held.any()


def test_work_that_is_handed_out_target_by_target_is_no_rush() -> None:
    rng = np.random.default_rng(0)
    said = [
        rating(f"w{worker}", f"t{target}", 0.5, START + target * HOUR + int(rng.integers(0, HOUR)))
        for target in range(200)
        for worker in rng.choice(60, 25, replace=False)
    ]
    assert not rushes(evidence(said)).held.any()


def test_a_new_target_is_measured_by_the_peaks_of_the_others() -> None:
    fresh = raid("fresh", 400, day=39)
    held = rushes(evidence([*calm(), *fresh]))
    assert {each.target for each in held.found} == {"fresh"}
    assert held.held.sum() == len(fresh)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = crowded(tmp_path)
    for _ in range(60):
        opened.later(timedelta(hours=12))
        opened.crowd(2, 3, first=1000 + opened.seq * 2)
    opened.later(timedelta(hours=40))
    opened.hear([body(f"raider/{n}", f"r{n}", "answer-1", 1) for n in range(80)])
    opened.hear([body("rater/0", "inside", "answer-1", 4)])
    with opened.store:
        yield opened


def scored(room: Room) -> Scorer:
    scorer = Scorer(room.store, room.roster, room.operator)
    scorer.once(room.later())
    return scorer


def reasons(room: Room) -> dict[str, int]:
    room.later(timedelta(days=60))
    _, _, choice = room.ask()
    return choice.left_out


def test_a_pass_holds_a_window_once_and_nothing_in_it_can_be_asked_for(room: Room) -> None:
    scorer = scored(room)
    windows = read_windows(room.store)
    assert {each.target for each in windows.closed} == {"answer-1"}
    room.hear([body("rater/1", "later", "answer-2", 4)])
    scorer.once(room.later())
    assert len(read_windows(room.store).held) == len(windows.held)
    assert reasons(room)["in a window held for a rush"] == 81


def test_a_source_that_a_person_cleared_may_leave_a_held_window(room: Room) -> None:
    from approvals import desk
    from quarantine.model import SourceKey

    scorer = scored(room)
    key = SourceKey("app", "rater/0")
    desk.rule_source(room.store, key, "clear", because="known", **hand_of(room, "ana"))
    scorer.once(room.later())
    assert reasons(room)["in a window held for a rush"] == 80


def test_a_person_clears_a_window_and_only_what_is_suspect_stays(room: Room) -> None:
    scored(room)
    for name in read_windows(room.store).held:
        clear_window(room.store, name, because="a festival", **hand_of(room, "ben"))
    assert "in a window held for a rush" not in reasons(room)


def test_a_window_is_cleared_by_a_reviewer_with_a_reason_and_only_once(room: Room) -> None:
    scored(room)
    name, window = next(iter(read_windows(room.store).held.items()))
    assert window_id(window) == name
    hand = hand_of(room, "ana")
    with pytest.raises(UsageError, match="reason"):
        clear_window(room.store, name, because=" ", **hand)
    with pytest.raises(NotAuthorisedError):
        clear_window(
            room.store, name, because="x", by=hand["by"], signer=room.signers["ben"], at=hand["at"]
        )
    clear_window(room.store, name, because="seen", **hand)
    with pytest.raises(UsageError, match="no window"):
        clear_window(room.store, name, because="seen", **hand_of(room, "ana"))
