"""Rows read from a store: what nobody said any more, and what was edited, is never passed on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from quarantine.stores.sqlite import SqliteStore
from tests.room import Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    made = Room(tmp_path)
    made.crowd(3, 4)
    return made


def edited(room: Room, statement: str) -> SqliteStore:
    """Change the file behind the store's back, past its guards; open it again."""
    room.store.close()
    with sqlite3.connect(room.folder / "store.db") as raw:
        for table in ("event", "source"):
            raw.execute(f"DROP TRIGGER {table}_update")
            raw.execute(f"DROP TRIGGER {table}_delete")
        raw.execute(statement)
    raw.close()
    return SqliteStore(room.folder / "store.db")


def test_an_event_whose_source_is_gone_is_no_event(room: Room) -> None:
    store = edited(room, "DELETE FROM source WHERE source = 'rater/1'")
    assert {row.source for row in store.held(range(12))} == {"rater/0", "rater/2"}
    assert {row.index for row in store.held([0, 3, 7, 11])} == {0, 3, 11}
    frame = store.frame()
    assert set(frame.column("source").to_pylist()) == {"rater/0", "rater/2"}
    assert frame.num_rows == 8


@pytest.mark.parametrize("indexes", [range(12), [1, 5, 9]])
def test_a_range_and_a_list_of_rows_are_the_same_rows(room: Room, indexes: list[int]) -> None:
    rows = list(room.store.held(indexes))
    assert [row.index for row in rows] == list(indexes)
    assert rows == [row for index in indexes for row in room.store.held([index])]


def test_a_number_of_a_source_that_was_edited_to_text_names_nobody(room: Room) -> None:
    store = edited(room, "UPDATE event SET source = 'rater' WHERE idx = 5")
    assert [row.index for row in store.held(range(12))] == [*range(5), *range(6, 12)]
    assert store.frame().column("index").to_pylist() == [*range(5), *range(6, 12)]


def test_a_column_that_was_edited_to_another_type_is_another_leaf(room: Room) -> None:
    store = edited(room, "UPDATE event SET id = CAST(id AS BLOB) WHERE idx = 5")
    (row,) = store.held([5])
    assert isinstance(row.id, str)
    assert row.id.startswith("b'")
