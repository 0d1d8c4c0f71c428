"""Drills: known poison in a shadow copy, one attack a day, and the alarm when it is not found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from approvals.attest import act_of, record_of
from approvals.drills import DRILLS, PowerDrilled, PowerLost
from quarantine.drill import Drill, attacks, drill, lost
from service.drilling import Drills, _drill_of
from service.scoring import Scorer
from tests.crowd import World, honest, table
from tests.room import Room, body, crowded, release

WORLD = World(targets=60)


def people(seed: int, sources: int, name: str = "held") -> list[object]:
    return honest(np.random.default_rng(seed), WORLD, sources, each=12, name=name)


def test_poison_is_mixed_into_a_copy_and_counted() -> None:
    held = table(people(0, 30))
    before = held.to_pydict()
    found = drill(held, table(people(1, 30, "known")), attack="spammer", seed=3)
    assert found is not None
    assert found.injected > 0
    assert 0 <= found.called <= found.injected
    assert found.rung <= found.injected
    assert found.false <= found.others
    assert held.to_pydict() == before
    assert drill(held, table(people(1, 30, "known")), attack="spammer", seed=3) == found


def test_an_attack_that_cannot_be_played_is_none() -> None:
    assert drill(table(people(0, 10)), None, attack="average_filler") is None
    assert drill(table([]), None, attack="spammer") is None


def test_only_a_sure_and_large_drop_is_a_loss_of_power() -> None:
    before = Drill(attack="x", injected=20, called=18, rung=19, false=0, others=100)
    assert lost(replace(before, called=5), before)
    assert lost(replace(before, rung=6), before)
    assert not lost(replace(before, called=16), before)
    assert not lost(replace(before, called=20), before)
    assert not lost(replace(before, injected=3, called=1), replace(before, injected=3, called=3))
    assert not lost(replace(before, injected=0, called=0), before)


def test_what_was_missed_once_before_may_be_missed_again() -> None:
    all_, none = (
        Drill(attack="x", injected=10, called=found, rung=found, false=0, others=100)
        for found in (10, 0)
    )
    assert lost(none, all_, all_)
    assert not lost(none, all_, none, all_)
    assert not lost(none)
    assert not lost(none, replace(all_, injected=0))


def test_how_many_are_called_at_once_turns_on_one_so_that_who_lies_ahead_is_counted() -> None:
    before = Drill(attack="x", injected=20, called=18, rung=18, false=0, others=100, ahead=15)
    silent = replace(before, called=0, rung=0)
    assert not lost(silent, before)
    assert lost(replace(before, ahead=2), before)
    assert lost(replace(silent, ahead=10), before), "fewer lie ahead, and none is called"
    assert not lost(replace(before, ahead=10), before)
    assert lost(silent, replace(before, ahead=None)), "those who did not count are as they were"
    assert lost(replace(silent, ahead=None), before)


def test_who_is_ahead_of_nearly_all_of_the_reference_is_counted_beside_one_alone() -> None:
    held = table(people(0, 30))
    known = drill(held, table(people(1, 120, "known")), attack="majority_class")
    cold = drill(held, None, attack="majority_class")
    assert known is not None
    assert cold is not None
    assert 0 < (known.ahead or 0) <= known.injected
    assert cold.ahead is None


def test_a_drill_of_before_is_spelled_as_it_was() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = PowerDrilled(at=at, attack="x", injected=3, called=1, rung=1, false=0, others=9)
    assert b"ahead" not in one.canonical()
    assert PowerDrilled.parse(one.canonical()) == one


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = crowded(tmp_path)
    with opened.store:
        yield opened


def told(room: Room) -> list[object]:
    kinds = {each.act for each in DRILLS}
    return [record_of(one.act) for one in room.store.acts() if one.act.kind in kinds]


def test_each_attack_has_its_turn_within_a_day_and_none_has_two(room: Room) -> None:
    at, left = room.later(), {"spammer", "majority_class"}
    done = [
        PowerDrilled(at=at, attack=name, injected=3, called=0, rung=0, false=0, others=9)
        for name in attacks()
        if name not in left
    ]
    room.store.record([act_of(each, room.operator) for each in done])
    drills = Drills(room.store, room.operator)
    held, released = table(people(0, 30)), table(people(1, 30, "known"))
    between = timedelta(days=1) / len(attacks())
    names = set()
    for _ in left:
        assert not drills.due(room.later(between / 2))
        assert drills.due(room.later(between / 2))
        found = drills.once(held, released, room.at)
        assert found is not None
        names.add(found.attack)
    assert names == left
    assert not drills.due(room.later(between))
    assert drills.once(held, released, room.later(between)) is None
    assert room.at - at < timedelta(days=1)


def test_what_must_be_found_is_what_the_first_drills_found_together(room: Room) -> None:
    held, released = table(people(0, 30)), table(people(1, 30, "known"))
    at = room.later()
    first = [
        PowerDrilled(at=at, attack="spammer", injected=3, called=3, rung=3, false=0, others=9)
        for _ in range(3)
    ]
    later = [each.model_copy(update={"injected": 900, "called": 0, "rung": 0}) for each in first]
    room.store.record([act_of(each, room.operator) for each in (*first, *later)])
    drills = Drills(room.store, room.operator)
    names = list(attacks())
    before = first[0].model_copy(update={"attack": names[names.index("spammer") - 1]})
    room.store.record([act_of(before, room.operator)])
    assert drills.due(room.later(timedelta(days=2)))
    weak = drills.once(held, released, room.at)
    assert weak is not None
    assert (weak.attack, weak.called) == ("spammer", 0)
    assert [each.attack for each in told(room) if isinstance(each, PowerLost)] == ["spammer"]


@pytest.mark.parametrize(("ahead", "rings"), [(0, True), (10, False)])
def test_what_one_drill_is_too_small_to_say_several_say_together(
    room: Room, ahead: int, *, rings: bool
) -> None:
    held, released = table(people(0, 30)), table(people(1, 30, "known"))
    first = [
        PowerDrilled(
            at=room.later(),
            attack="spammer",
            injected=20,
            called=0,
            rung=0,
            false=0,
            others=9,
            ahead=10,
        )
        for _ in range(3)
    ]
    later = [each.model_copy(update={"injected": 10, "ahead": ahead}) for each in first[1:]]
    names = list(attacks())
    before = first[0].model_copy(update={"attack": names[names.index("spammer") - 1]})
    room.store.record([act_of(each, room.operator) for each in (*first, *later, before)])
    drills = Drills(room.store, room.operator)
    assert drills.due(room.later(timedelta(days=2)))
    weak = drills.once(held, released, room.at)
    assert weak is not None
    assert not lost(weak, *(_drill_of(each) for each in first)), "alone it proves nothing"
    lost_ = [each.attack for each in told(room) if isinstance(each, PowerLost)]
    assert lost_ == ["spammer"] * rings


def test_one_attack_at_a_time_each_in_its_turn_and_nothing_of_it_is_kept(room: Room) -> None:
    drills = Drills(room.store, room.operator)
    held, released = table(people(0, 30)), table(people(1, 30, "known"))
    stored = room.store.frame().num_rows
    names = []
    for _ in range(2):
        assert drills.due(room.later())
        found = drills.once(held, released, room.at)
        assert found is not None
        names.append(found.attack)
        assert not drills.due(room.later())
        room.later(timedelta(days=1))
    assert len(set(names)) == 2
    assert names == sorted(names)
    assert room.store.frame().num_rows == stored
    assert [each.attack for each in told(room) if isinstance(each, PowerDrilled)] == names
    again = Drills(room.store, room.operator)
    assert again.due(room.at)
    later = again.once(held, released, room.at)
    assert later is not None
    assert later.attack > names[-1]


def test_without_a_reference_there_is_no_drill(room: Room) -> None:
    drills = Drills(room.store, room.operator)
    assert drills.once(table(people(0, 30)), None, room.later()) is None
    assert told(room) == []
    assert not drills.due(room.at)


def test_an_attack_that_is_found_no_more_is_an_alarm_that_says_so(room: Room) -> None:
    held, released = table(people(0, 30)), table(people(1, 30, "known"))
    names = list(attacks())
    was = PowerDrilled(
        at=room.later(), attack="spammer", injected=40, called=40, rung=40, false=0, others=9
    )
    before = was.model_copy(update={"attack": names[names.index("spammer") - 1]})
    room.store.record([act_of(each, room.operator) for each in (was, before)])
    drills = Drills(room.store, room.operator)
    assert drills.due(room.later(timedelta(days=2)))
    weak = drills.once(held, released, room.at)
    assert weak is not None
    assert (weak.attack, weak.called) == ("spammer", 0)
    assert [each.attack for each in told(room) if isinstance(each, PowerLost)] == ["spammer"]


def test_the_service_drills_with_what_the_held_events_say_in_words(room: Room) -> None:
    request, _, _ = room.ask()
    release(room, request)
    room.hear(
        [
            body(f"new/{who}", f"new-{who}-{at}", f"it-{at}", 1 + (who + at) % 5, data=worded)
            for who in range(12)
            for at in range(6)
            for worded in [
                {"value": 1 + (who + at) % 5, "low": 1, "high": 5, "item": "word " * (at + 1)}
            ]
        ]
    )
    done = [
        PowerDrilled(at=room.at, attack=name, injected=3, called=0, rung=0, false=0, others=9)
        for name in attacks()
        if name != "verbosity"
    ]
    room.store.record([act_of(each, room.operator) for each in done])
    scorer = Scorer(room.store, room.roster, room.operator)
    scorer.once(room.later())
    found = scorer.drill(room.later(timedelta(hours=20)))
    assert found is not None
    assert found.attack == "verbosity", "it can be played only where texts are known"
    assert found.injected > 0
