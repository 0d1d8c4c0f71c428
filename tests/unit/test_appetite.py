"""What is read at once from all streams fits one budget, and small entries are not starved."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.appetite import MIB, Appetite

KIB = 1024


def entries(*sizes: int) -> list[dict[bytes, bytes]]:
    return [{b"batch": bytes(size)} for size in sizes]


def test_one_stream_of_small_entries_is_read_in_the_largest_helpings() -> None:
    appetite = Appetite(32)
    appetite.saw("one", entries(300, 400))
    assert appetite.helping("one", streams=1) == 32
    assert appetite.helping("one", streams=32) == 32
    assert appetite.helping("one", streams=100) == 10


def test_large_entries_are_read_in_fewer_at_once_and_always_one() -> None:
    appetite = Appetite(32)
    appetite.saw("big", entries(4 * MIB))
    assert appetite.helping("big", streams=1) == 16
    assert appetite.helping("big", streams=8) == 2
    assert appetite.helping("big", streams=4000) == 1


def test_a_stream_that_nobody_knows_is_expected_to_be_large() -> None:
    appetite = Appetite(32)
    assert appetite.helping("new", streams=1) == 32
    assert appetite.helping("new", streams=20) == 2
    appetite.saw("new", entries(100))
    assert appetite.helping("new", streams=20) == 32


def test_one_large_entry_is_forgotten_after_many_small_ones() -> None:
    appetite = Appetite(32)
    appetite.saw("app", entries(MIB))
    before = appetite.helping("app", streams=16)
    for _ in range(60):
        appetite.saw("app", entries(100))
    assert before == 4
    assert appetite.helping("app", streams=16) == 32


@given(st.lists(st.integers(0, 2 * MIB), min_size=1, max_size=200))
def test_all_helpings_together_fit_the_budget_or_are_one_entry_each(sizes: list[int]) -> None:
    appetite = Appetite(32)
    for number, size in enumerate(sizes):
        appetite.saw(str(number), entries(size))
    helpings = [appetite.helping(str(n), streams=len(sizes)) for n in range(len(sizes))]
    beyond = sum(n * size for n, size in zip(helpings, sizes, strict=True) if n > 1)
    assert beyond <= appetite.budget
    assert sum(helpings) <= max(appetite.budget // appetite.least, len(sizes))
