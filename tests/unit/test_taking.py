"""Taking in by the SQLite store: what it remembers for speed stays bounded and is never trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarantine.arrivals import Arrival
from quarantine.model import Event, Said, SourceKey
from quarantine.rows import taking
from quarantine.stores.sqlite import SqliteStore


def arrival(entry: int, *sources: str, id_: str = "e") -> Arrival:
    events = [
        Event(n, source, id_, "rating", "s", "t", "", 0, Said("4", 0.5), b'{"id":"e"}')
        for n, source in enumerate(sources)
    ]
    return Arrival(
        producer="app",
        stream="feedback:in:app",
        entry=f"{entry}-0",
        arrived=5,
        seq=entry,
        key="k",
        digest=b"%d" % entry,
        events=events,
    )


def test_any_number_of_sources_is_remembered_only_up_to_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "MOST_NUMBERS", 3)
    names = [f"rater/{n}" for n in range(10)]
    with SqliteStore(tmp_path / "store.db") as store:
        for entry in range(1, 4):
            store.take([arrival(entry, *names, id_=f"e{entry}")])
            assert len(store._taking._numbers) <= 3
        assert set(store.sources()) == {SourceKey("app", name) for name in names}
        assert store.counts()["app"].stored == 30
        assert list(store.verify()) == []


def test_a_source_of_a_transaction_that_was_rolled_back_gets_its_own_number_again(
    tmp_path: Path,
) -> None:
    with SqliteStore(tmp_path / "store.db") as store:
        store.take([arrival(1, "old")])
        taken = store.take([arrival(2, "new", "old"), arrival(3, "newer")])
        assert (taken.stored, taken.duplicates) == (2, 1)
        assert len(set(store._taking._numbers.values())) == len(store._taking._numbers)
        assert list(store.verify()) == []
        assert [held.source for held in store.held(range(9))] == ["old", "new", "newer"]
