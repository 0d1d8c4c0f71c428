"""Who judges the judge: it notices every kind of planted fault, and accuses nobody else."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from service.producer import Publisher
from tests.faults.checker import complaints
from tests.producing import Site, batch_of, event, until


@pytest.fixture
async def told(site: Site, tmp_path: Path) -> tuple[Path, Path]:
    """Publish 300 events, one of them malformed; return the ledger and the store's file."""
    app = site.register("app")
    events = [batch_of([event(number)])[1:-1] for number in range(299)]
    events.append(batch_of([event("bad", data={"value": "x", "low": 1, "high": 5})])[1:-1])
    ledger = tmp_path / "ledger.jsonl"
    with Publisher(site.url, "app", app.key, ledger) as publisher:
        assert publisher.publish(events, batch=50).acknowledged == 6
    async with site.taking_in():
        await until(lambda: site.received("app") == 6)
    return ledger, site.state.store


@contextmanager
def _broken_open(store: Path) -> Iterator[sqlite3.Connection]:
    """Open the store past its guards, as who plants a fault would."""
    with closing(sqlite3.connect(store)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        yield db
        db.commit()


def test_has_no_complaint_where_all_is_well(told: tuple[Path, Path]) -> None:
    assert complaints(*told, "app") == []


def test_notices_a_lost_event(told: tuple[Path, Path]) -> None:
    with _broken_open(told[1]) as db:
        db.execute("DELETE FROM event WHERE id = '17'")
    assert complaints(*told, "app") == ["('rater/1', '17') is lost"]


def test_notices_a_lost_dead_letter(told: tuple[Path, Path]) -> None:
    with _broken_open(told[1]) as db:
        db.execute("DELETE FROM dead_letter")
    assert complaints(*told, "app") == ["('rater/1', 'bad') is lost"]


def test_notices_an_event_held_twice(told: tuple[Path, Path]) -> None:
    with _broken_open(told[1]) as db:
        db.execute("CREATE TABLE loose AS SELECT * FROM event")
        db.execute("DROP TABLE event")
        db.execute("ALTER TABLE loose RENAME TO event")
        db.execute("INSERT INTO event SELECT * FROM event WHERE id = '17'")
    (complaint,) = complaints(*told, "app")
    assert complaint == "('rater/1', '17') is held 2 times and put aside 0 times"


def test_notices_an_event_both_held_and_put_aside(told: tuple[Path, Path]) -> None:
    with _broken_open(told[1]) as db:
        (body,) = db.execute("SELECT body FROM event WHERE id = '17'").fetchone()
        db.execute(
            "INSERT INTO dead_letter SELECT 99, producer, stream, entry, 98, reason, detail, at,"
            " size, ?, content, vouch FROM dead_letter",
            (hashlib.sha256(body).hexdigest(),),
        )
    (complaint,) = complaints(*told, "app")
    assert "held 1 times and put aside 1 times" in complaint


def test_notices_two_bodies_that_were_swapped(told: tuple[Path, Path]) -> None:
    with _broken_open(told[1]) as db:
        ((one,), (two,)) = db.execute(
            "SELECT body FROM event WHERE id IN ('17', '18') ORDER BY id"
        ).fetchall()
        db.execute("UPDATE event SET body = ? WHERE id = '17'", (two,))
        db.execute("UPDATE event SET body = ? WHERE id = '18'", (one,))
    assert len(complaints(*told, "app")) == 2


def test_notices_an_event_that_nobody_sent(told: tuple[Path, Path]) -> None:
    with _broken_open(told[1]) as db:
        db.execute("UPDATE event SET id = 'forged' WHERE id = '17'")
    assert sorted(complaints(*told, "app")) == [
        "('rater/1', '17') is lost",
        "('rater/1', 'forged') is held and nobody sent it",
    ]


def test_notices_an_entry_without_an_answer(told: tuple[Path, Path], tmp_path: Path) -> None:
    shorter = tmp_path / "shorter.jsonl"
    lines = told[0].read_text(encoding="utf-8").splitlines(keepends=True)
    shorter.write_text("".join(lines[:-1]), encoding="utf-8")
    assert complaints(shorter, told[1], "app") == ["seq 6 was never acknowledged"]
