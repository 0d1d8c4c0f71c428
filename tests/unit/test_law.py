"""The law of conservation in figures, and which numbers are missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarantine.arrivals import Counts, Passage
from service.law import figures, missing


@pytest.mark.parametrize(
    ("seqs", "known", "gaps"),
    [
        ([], [], []),
        ([1, 2, 3], [], []),
        ([2, 3], [], [(1, 1)]),
        ([1, 4, 5, 9], [], [(2, 3), (6, 8)]),
        ([1, 4, 5, 9], [(2, 3)], [(6, 8)]),
        ([1, 9], [(3, 4), (2, 5)], [(6, 8)]),
        ([1, 3], [(2, 2)], []),
    ],
)
def test_missing_are_the_numbers_between(
    seqs: list[int], known: list[tuple[int, int]], gaps: list[tuple[int, int]]
) -> None:
    assert missing([(seq, seq) for seq in seqs], known) == gaps


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)))
def test_missing_and_there_are_all(there: set[int], known: set[int]) -> None:
    gaps = missing([(each, each) for each in sorted(there)], [(each, each) for each in known])
    lost = {seq for first, last in gaps for seq in range(first, last + 1)}
    highest = max(there | known, default=0)
    assert lost == set(range(1, highest + 1)) - there - known


def counts(received: int, lost: int = 0) -> dict[str, Counts]:
    return {"app": Counts(entries_received=received, entries_lost=lost, received=9, stored=9)}


def gap(received: int, added: int, pending: int, lost: int = 0) -> object:
    passages = {"app": Passage(added=added, pending=pending)}
    found = figures(counts(received, lost), {"app": 0}, passages)
    return found["app"]["gap"]


def test_the_gap_is_what_nobody_accounts_for() -> None:
    assert gap(received=7, added=10, pending=3) == 0
    assert gap(received=7, added=10, pending=2) == 1
    assert gap(received=7, added=10, pending=1, lost=2) == 0
    assert gap(received=8, added=7, pending=0) == -1


def test_without_the_bus_what_was_added_is_as_last_seen() -> None:
    found = figures(counts(7), {"app": 10}, None)["app"]
    assert found["entries"] == {"added": 10, "received": 7, "lost": 0, "pending": 3}
    found = figures(counts(7), {"app": 5}, None)["app"]
    assert found["entries"] == {"added": 7, "received": 7, "lost": 0, "pending": 0}


def test_every_producer_that_anybody_knows_of_is_counted() -> None:
    found = figures(counts(1), {"b": 0}, {"c": Passage(pending=2)})
    assert sorted(found) == ["app", "b", "c"]
    assert found["c"]["gap"] == -2


def test_a_stream_that_is_gone_takes_with_it_what_waited() -> None:
    found = figures(counts(7), {"app": 10}, {})["app"]
    assert found["gap"] == 3
