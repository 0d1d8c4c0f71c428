"""One proof for many rows: what it needs, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvals.proofs import (
    EVENTS,
    events_batch,
    gather,
    read_act,
    read_events,
    read_nodes,
    write_nodes,
)
from approvals.tables import write_parquet
from quarantine.errors import TamperedError
from quarantine.log import root_from
from quarantine.stores.sqlite import SqliteStore
from tests.room import Room


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    room = Room(tmp_path_factory.mktemp("room"))
    for name in range(6):
        room.crowd(10, 10, first=10 * name)
    assert room.store.size() == 600
    return room.store


@pytest.mark.parametrize(
    "indexes", [[0], [599], [3, 4, 5], list(range(0, 600, 7)), [255, 256, 511]]
)
@pytest.mark.parametrize("size", [600, 599, 513, 600 - 88])
def test_some_leaves_and_their_nodes_give_the_root(
    store: SqliteStore, indexes: list[int], size: int
) -> None:
    indexes = [index for index in indexes if index < size] or [0]
    nodes = gather(store, indexes, size)
    leaves = {index: store.leaves(index, index + 1)[0] for index in indexes}
    assert root_from(leaves, nodes, size) == store.frontier(size).root()


def test_events_read_back_with_the_leaves_they_have(store: SqliteStore, tmp_path: Path) -> None:
    events = list(store.held(range(0, 600, 5)))
    assert write_parquet([events_batch(events)], EVENTS, tmp_path / "events") == 120
    assert list(read_events((tmp_path / "events").read_bytes(), "events")) == events


def test_nodes_read_back(store: SqliteStore, tmp_path: Path) -> None:
    nodes = gather(store, [1, 300], 600)
    write_nodes(nodes, tmp_path / "nodes")
    assert read_nodes((tmp_path / "nodes").read_bytes(), "nodes") == nodes


def test_files_that_are_something_else_are_named(store: SqliteStore, tmp_path: Path) -> None:
    write_nodes(gather(store, [1], 600), tmp_path / "nodes")
    content = (tmp_path / "nodes").read_bytes()
    with pytest.raises(TamperedError, match="the-file"):
        list(read_events(content, "the-file"))
    with pytest.raises(TamperedError, match="the-file"):
        read_nodes(content[:-9], "the-file")
    with pytest.raises(TamperedError, match=r"x\.json"):
        read_act("x.json", b"{}")
    with pytest.raises(TamperedError, match="000000000001-vote-cast"):
        read_act("000000000001-vote-cast.dsse.json", b"{}")
