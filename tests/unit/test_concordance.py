"""A concordance saves reading rows, and is no place to hide one: what is wrong with it is found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarantine.model import Named
from quarantine.rows import citing
from quarantine.rows.store import RowStore
from quarantine.stores.sqlite import SqliteStore
from quarantine.stores.sqlite.database import Database
from tests.concorded import ASKED, WIDE, fill, found

SPOILED = {
    "gone": "DELETE FROM concordance",
    "a bucket gone": "DELETE FROM concordance WHERE name = 'target' AND bucket < 60",
    "a range gone": "DELETE FROM concordance WHERE first = 256",
    "emptied": "UPDATE concordance SET part = x''",
    "cut": "UPDATE concordance SET part = substr(part, 9) WHERE length(part) > 8",
    "no bytes": "UPDATE concordance SET part = 'text', seal = 7",
    "of another range": (
        "UPDATE concordance SET (part, seal) = (SELECT part, seal FROM concordance c WHERE"
        " c.name = concordance.name AND c.bucket = concordance.bucket AND c.first = 512)"
    ),
    "under another column": (
        "UPDATE concordance SET (part, seal) = (SELECT part, seal FROM concordance c WHERE"
        " c.name = 'key' AND c.bucket = concordance.bucket AND c.first = concordance.first)"
        " WHERE name = 'target'"
    ),
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(RowStore, "concorded", WIDE)
    return tmp_path / "store.db"


@pytest.fixture
def store(file: Path) -> Iterator[SqliteStore]:
    with SqliteStore(file) as opened:
        fill(opened, range(1, 11))
        yield opened


def steps(database: Database, store: SqliteStore, named: Named) -> int:
    """Count what SQLite does to find it: at least three steps of its machine for each row read."""
    done = 0

    def one() -> None:
        nonlocal done
        done += 1

    database.connection.set_progress_handler(one, 1)
    store.find(named)
    database.connection.set_progress_handler(None, 1)
    return done


@pytest.mark.parametrize(
    "named", [Named(target="rare"), Named(key="rare"), Named(source="rare"), Named(until=1_000_003)]
)
def test_what_stands_in_few_rows_is_found_without_reading_the_others(
    file: Path, named: Named
) -> None:
    with SqliteStore(file) as store:
        fill(store, range(1, 21))
        before = steps(store._db, store, named)  # type: ignore[arg-type]  this store's is SQLite's
        store.concord(9)
        assert before > 3 * 2000
        rest = 2000 % WIDE
        assert steps(store._db, store, named) < before / 5 + 20 * rest  # type: ignore[arg-type]


@pytest.mark.parametrize("statement", SPOILED.values(), ids=SPOILED)
def test_a_spoiled_one_costs_time_and_hides_no_row(
    file: Path, store: SqliteStore, statement: str
) -> None:
    before = found(store)
    store.concord(9)
    with sqlite3.connect(file) as raw:
        assert raw.execute(statement).rowcount
    assert found(store) == before
    with SqliteStore(file) as another:
        assert found(another) == before
        assert another.concord(9) == 0
        assert found(another) == before
        assert list(another.verify()) == []


def test_one_from_which_somebody_took_a_row_on_purpose_is_named_by_verify(
    file: Path, store: SqliteStore
) -> None:
    store.concord(9)
    bucket, _ = citing.marked("answer/1")
    root = store.node(WIDE.bit_length() - 1, 1)
    with sqlite3.connect(file) as raw:
        asked = ("target", bucket, WIDE)
        query = "SELECT part FROM concordance WHERE name = ? AND bucket = ? AND first = ?"
        ((part,),) = raw.execute(query, asked)
        short = part[8:]
        seal = citing.sealed(root, f"target {bucket} {WIDE} {WIDE}", short)
        raw.execute(
            "UPDATE concordance SET part = ?, seal = ? WHERE name = ? AND bucket = ? AND first = ?",
            (short, seal, *asked),
        )
    named = f"the concordance of log rows {WIDE} to {2 * WIDE - 1} is not that of its rows"
    assert list(store.verify()) == [named]


def test_one_that_speaks_of_what_is_not_there_is_named_and_not_believed(
    file: Path, store: SqliteStore
) -> None:
    before = found(store)
    with sqlite3.connect(file) as raw:
        raw.execute("INSERT INTO concordance VALUES ('target', 3, 7, x'', x'')")
        raw.execute("INSERT INTO concordance VALUES ('target', 3, 1048576, x'', x'')")
    assert found(store) == before
    assert [each.split(",")[0] for each in store.verify()] == [
        "the concordance speaks of log row 7",
        "the concordance speaks of log row 1048576",
    ]


def test_of_a_log_that_mostly_lacks_it_all_is_read_the_databases_own_way(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.concord()
    before = found(store)
    monkeypatch.setattr("quarantine.rows.narrowing.MOST_LACKING", 1)
    assert found(store) == before
    assert len(before) == len(ASKED)


def test_places_are_spelled_alike_everywhere() -> None:
    parts = citing.cited([(1, "a"), (65_535, "a"), (7, "b")])
    bucket, bits = citing.marked("a")
    spelled = b"".join((bits << 16 | place).to_bytes(8, "little") for place in (1, 65_535))
    assert spelled in parts[bucket]
    assert list(citing.places(parts[bucket], "a")) == [1, 65_535]
    assert list(citing.places(parts[bucket], "z")) == []
