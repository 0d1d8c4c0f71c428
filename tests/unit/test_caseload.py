"""A day's cases: never more than it holds, the known first, floods wait and release nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from approvals.appeals import Appeal
from approvals.caseload import Waiting, of_appeals, queue
from approvals.electorate import Workload
from quarantine.model import SourceKey
from tests.room import START

DAY = timedelta(days=1)


def workload(cases: int, reserved: float = 0.5, patience: str = "30d") -> Workload:
    return Workload.model_validate_json(
        f'{{"cases": {cases}, "reserved": {reserved}, "patience": "{patience}"}}'
    )


def case(
    name: str, since: datetime = START, *, known: bool = False, voice: tuple[str, ...] = ("p",)
) -> Waiting:
    return Waiting(name=name, since=since, is_known=known, voice=(*voice, name))


def heard(day: int, at: datetime, chance: np.random.Generator) -> list[Waiting]:
    """Return a day's cases: 80 honest ones of four producers, for a while 4,000 of a flooder."""
    hours = chance.uniform(0, 24, 80).tolist()
    honest = [
        case(f"h{day}-{n}", at - timedelta(hours=hour), known=n < 40, voice=(f"app-{n % 4}",))
        for n, hour in enumerate(hours)
    ]
    flood = range(4000 if 5 <= day < 20 else 0)
    return honest + [case(f"s{day}-{n}", at - DAY / 24, voice=("flooded",)) for n in flood]


def test_under_a_flood_of_fifty_times_the_honest_wait_at_most_a_day() -> None:
    """Thirty days with room for 100 cases each, fifteen of them under the flood."""
    chance, room = np.random.default_rng(0), workload(100, patience="3d")
    waits: dict[bool, list[float]] = {True: [], False: []}
    waiting: dict[str, Waiting] = {}
    for day in range(30):
        at = START + day * DAY
        waiting.update((each.name, each) for each in heard(day, at, chance))
        found = queue(waiting.values(), room, at)
        assert len(found.shown) <= 100
        for each in found.shown:
            if each.name.startswith("h"):
                waits[each.is_known].append((at - each.since) / DAY)
        for each in (*found.shown, *found.lapsed):
            del waiting[each.name]
    assert [len(each) for each in waits.values()] == [30 * 40, 30 * 40], "every honest one"
    assert np.percentile(waits[True], 99) <= 1
    assert np.percentile(waits[False], 99) <= 1, "newcomers of other producers do not wait either"


def test_many_unlinked_newcomers_of_one_producer_cost_the_known_nothing() -> None:
    flood = [case(f"s{n}", START - DAY) for n in range(5000)]
    known = [case(f"k{n}", START, known=True) for n in range(50)]
    found = queue([*flood, *known], workload(100), START)
    assert {each.name for each in known} <= {each.name for each in found.shown}
    assert len(found.shown) == 100
    assert found.waiting == 4950


def test_what_waited_too_long_is_rejected_by_time_and_never_shown() -> None:
    old = case("old", START - timedelta(days=30))
    found = queue([old, case("new")], workload(10), START)
    assert [each.name for each in found.shown] == ["new"]
    assert found.lapsed == (old,)


def test_what_was_done_today_counts_to_the_day() -> None:
    cases = [case(f"c{n}") for n in range(20)]
    assert len(queue(cases, workload(10), START, done=4).shown) == 6
    assert queue(cases, workload(10), START, done=12).shown == ()


def test_clusters_take_turns_and_the_oldest_of_each_comes_first() -> None:
    ring = [case(f"r{n}", START - DAY, voice=("p", "ring")) for n in range(9)]
    alone = [case(f"a{n}", START, voice=("p", f"a{n}")) for n in range(3)]
    found = queue([*ring, *alone], workload(4), START)
    assert sorted(each.name for each in found.shown) == ["a0", "a1", "a2", "r0"]


def test_who_is_spoken_for_comes_among_the_known() -> None:
    flood = [case(f"s{n}", START - DAY) for n in range(500)]
    spoken = Appeal(SourceKey("app", "rater/1"), "ana", "we know them", START, "ben")
    found = queue(of_appeals(flood, [spoken]), workload(2), START)
    assert found.shown[0].name == "app/rater/1"


@given(
    st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.integers(0, 3)), max_size=60),
    st.integers(1, 30),
    st.floats(0.1, 1.0),
)
def test_no_case_is_lost_shown_twice_or_over_the_days_room(
    told: list[tuple[int, bool, int]], room: int, reserved: float
) -> None:
    cases = [
        case(f"c{n}", START - age * DAY, known=known, voice=(f"p{voice}",))
        for n, (age, known, voice) in enumerate(told)
    ]
    found = queue(cases, workload(room, reserved), START)
    names = [each.name for each in found.shown]
    assert len(names) == len(set(names)) <= room
    assert len(names) + found.waiting + len(found.lapsed) == len(cases)
    assert found == queue(cases[::-1], workload(room, reserved), START)
    if found.waiting:
        assert len(names) == room, "nothing waits while there is room"
