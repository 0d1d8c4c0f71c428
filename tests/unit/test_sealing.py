"""Events are written many at once: what is held is what one by one would have held."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from quarantine.arrivals import Alike, Columns, columns_of
from quarantine.model import Event, Said
from quarantine.stores.sqlite import SqliteStore
from quarantine.stores.sqlite.sealing import MANY
from tests.holding import entry, said

OLDER = 3
"""Migrations of a store whose index began with the source."""
_ROWS = (
    "SELECT s.source, e.id, e.arrived, e.key, e.body, e.kind, e.scope, e.target, e.aspect,"
    " e.claimed, e.question, e.answer, e.value, e.place"
    " FROM event e JOIN source s ON s.no = e.source ORDER BY e.idx"
)


def alike(events: Sequence[Event]) -> Alike:
    return Alike(Columns(*zip(*events, strict=True)))


def rows(path: Path) -> list[tuple[object, ...]]:
    raw = sqlite3.connect(path)
    found = raw.execute(_ROWS).fetchall()
    raw.close()
    return found


def expected(event: Event, arrived: int, key: str) -> tuple[object, ...]:
    _, source, id_, kind, scope, target, aspect, claimed, word, body = event
    answer, value, question, place = word
    told = (source, id_, arrived, key, body, kind, scope, target, aspect, claimed)
    return (*told, question, answer, value, place)


def crowd(many: int, name: str = "e") -> list[Event]:
    return [said(f"{name}{n}", source=f"rater/{n % 7}", at=n) for n in range(many)]


def test_events_in_columns_are_the_events() -> None:
    events = crowd(5)
    together = alike(events)
    assert len(together) == 5
    assert list(together) == events
    assert (together[3], together[1:3], together[-1]) == (events[3], events[1:3], events[4])
    assert columns_of(together) == columns_of(events)


STILL = {
    "plain": {},
    "a quote": {"scope": "it's", "kind": "o'"},
    "a statement": {"scope": "x'); DROP TABLE event; --"},
    "a question mark": {"scope": "?", "target": "?"},
    "letters of elsewhere": {"scope": "\u00e9tude", "kind": "\u0664"},
    "an aspect": {"aspect": "style"},
    "blank": {"scope": " ", "aspect": ""},
    "a question": {"said": Said("4", None, question="which ?", place=2)},
    "no value": {"said": Said("", None)},
}


@pytest.mark.parametrize("many", [1, MANY - 1, MANY + 1])
@pytest.mark.parametrize("what", sorted(STILL))
def test_what_is_the_same_in_every_row_is_held_as_it_was_said(
    what: str, many: int, tmp_path: Path
) -> None:
    events = [event._replace(**STILL[what]) for event in crowd(many)]
    arrival = replace(entry(1, *events), key="k'1", events=alike(events))
    with SqliteStore(tmp_path / "store.db") as store:
        assert store.take([arrival]).stored == many
        assert list(store.verify()) == []
    assert rows(tmp_path / "store.db") == [expected(each, 1_000_001, "k'1") for each in events]


def test_one_row_that_differs_is_held_as_it_differs(tmp_path: Path) -> None:
    events = crowd(MANY)
    events[40] = events[40]._replace(aspect="safety", said=Said("2", 0.25, "q", 1), scope="other")
    with SqliteStore(tmp_path / "store.db") as store:
        store.take([replace(entry(1), events=alike(events))])
    assert rows(tmp_path / "store.db") == [expected(each, 1_000_001, "k1") for each in events]


def test_arrivals_of_every_form_keep_their_order_in_the_log(tmp_path: Path) -> None:
    here = [crowd(3, "a"), crowd(70, "b"), crowd(1, "c"), crowd(1, "d"), crowd(2, "f")]
    arrivals = [replace(entry(n, *some), arrived=7) for n, some in enumerate(here, 1)]
    arrivals[1] = replace(arrivals[1], events=alike(here[1]))
    arrivals[3] = replace(arrivals[3], producer="other", stream="feedback:in:other")
    arrivals.insert(2, replace(entry(9), arrived=7))
    with SqliteStore(tmp_path / "store.db") as store:
        assert store.take(arrivals).stored == 77
        assert list(store.verify()) == []
        held = list(store.held(range(77)))
    assert [each.id for each in held] == [event.id for some in here for event in some]
    assert [each.producer for each in held].index("other") == 74


def test_only_what_came_with_a_known_entry_is_left_out(tmp_path: Path) -> None:
    first, second = entry(1, *crowd(2, "a")), replace(entry(2), events=alike(crowd(70, "b")))
    with SqliteStore(tmp_path / "store.db") as store:
        store.take([first])
        taken = store.take([first, second, entry(3, said("z"))])
        assert (taken.stored, taken.duplicates) == (71, 0)
        assert store.size() == 73
        assert list(store.verify()) == []


def older(path: Path, newer: Path) -> None:
    """Write what `newer` holds as a store of before would have."""
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT, digest TEXT)")
    folder = resources.files("quarantine.stores.sqlite") / "migrations"
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".sql"))
    for number, name in enumerate(names[:OLDER]):
        script = (folder / name).read_text(encoding="utf-8")
        raw.executescript(script)
        digest = hashlib.sha256(script.encode()).hexdigest()
        raw.execute("INSERT INTO migration VALUES (?, ?, ?)", (number, name, digest))
    raw.commit()
    raw.execute("ATTACH ? AS newer", (str(newer),))
    for table in ("source", "event", "act", "tile", "entry", "dead_letter"):
        raw.execute(f"INSERT INTO {table} SELECT * FROM newer.{table}")
    raw.commit()
    raw.close()


def test_an_older_store_is_brought_along_whole_and_guarded(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "newer.db") as store:
        store.take([entry(1, *crowd(300, "a"))])
        store.take([entry(2, *crowd(5, "b"))])
    path = tmp_path / "store.db"
    older(path, tmp_path / "newer.db")
    with SqliteStore(path) as store:
        assert list(store.verify()) == []
        assert store.counts()["app"].stored == 305
        assert store.take([entry(3, *crowd(5, "b"))]).duplicates == 5
    assert rows(path) == rows(tmp_path / "newer.db")


@pytest.mark.parametrize(
    "changed",
    ["7, source, 'new'", "idx + 1000, source, id", "7, source, id"],
    ids=["the place of another", "the identity of another", "both"],
)
def test_no_row_is_replaced_by_its_place_nor_by_its_identity(changed: str, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with SqliteStore(path) as store:
        store.take([entry(1, *crowd(20))])
    before = rows(path)
    raw = sqlite3.connect(path)
    rest = "arrived, key, salt, body, leaf, kind, scope, target, aspect, claimed, question, answer"
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(
            f"INSERT OR REPLACE INTO event SELECT {changed}, {rest}, value, place"
            " FROM event WHERE idx = 7"
        )
    raw.close()
    assert rows(path) == before
