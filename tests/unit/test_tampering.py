"""A store that is a file can be opened behind our back: the guards refuse, the log tells."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from quarantine.arrivals import DeadLetter
from quarantine.errors import TamperedError
from quarantine.model import Act
from quarantine.stores.sqlite import STORE
from tests.holding import entry, said

TAMPERINGS = {
    "a body": "UPDATE event SET body = x'7B7D' WHERE idx = 4",
    "a source": "UPDATE event SET source = 1 WHERE idx = 4",
    "an arrival": "UPDATE event SET arrived = arrived + 1 WHERE idx = 4",
    "a leaf": "UPDATE event SET leaf = zeroblob(32) WHERE idx = 4",
    "an act": "UPDATE act SET body = x'00' WHERE idx = 300",
    "a missing event": "DELETE FROM event WHERE idx = 4",
    "a missing late event": "DELETE FROM event WHERE idx = 290",
}


@pytest.mark.parametrize("what", sorted(TAMPERINGS))
def test_a_row_changed_behind_our_back_is_named(what: str, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with STORE(str(path)) as store:
        store.take(
            [entry(1, *(said(f"e{n}", source=f"rater/{n % 3}") for n in range(300)))],
        )
        store.record([Act("tried", 1, b"x")])
        assert list(store.verify()) == []
    raw = sqlite3.connect(path)
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute(TAMPERINGS[what])
    raw.commit()
    raw.close()
    with STORE(str(path)) as store:
        named = list(store.verify())
    row = {"an act": "row 300", "a missing late event": "row 290"}.get(what, "row 4")
    assert any(row in each for each in named), named


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET body = x'00'",
        "DELETE FROM event",
        "INSERT OR REPLACE INTO event SELECT * FROM event",
        "UPDATE act SET body = x'00'",
        "DELETE FROM act",
        "INSERT OR REPLACE INTO act SELECT * FROM act",
        "DELETE FROM entry",
        "UPDATE dead_letter SET reason = 'x'",
    ],
)
def test_the_guards_refuse_to_rewrite(statement: str, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    letter = DeadLetter("app", "s", "1-0", 3, "bad_json", "x", 5, 2, "d", b"{]")
    with STORE(str(path)) as store:
        store.take([replace(entry(1, said("a")), dead=[letter])])
        store.record([Act("tried", 1, b"x")])
    raw = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    raw.close()


def test_an_edited_migration_and_a_newer_schema_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    STORE(str(path)).close()
    raw = sqlite3.connect(path)
    raw.execute("UPDATE migration SET digest = 'other'")
    raw.commit()
    with pytest.raises(TamperedError, match="is not the one that was applied"):
        STORE(str(path))
    raw.execute("INSERT INTO migration VALUES (99, 'later', 'x')")
    raw.commit()
    raw.close()
    with pytest.raises(TamperedError, match="newer program"):
        STORE(str(path))


def test_the_store_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store.db"
    STORE(str(path)).close()
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
