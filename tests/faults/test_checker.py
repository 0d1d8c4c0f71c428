"""Who judges the judge: it notices every kind of planted fault, and accuses nobody else."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from approvals.signers.file import new_key
from service import wiring
from service.producer import Publisher
from service.redrive import redrive
from tests.faults.checker import complaints
from tests.producing import Sender, Site, batch_of, event, until


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


@pytest.fixture
async def redriven(site: Site, tmp_path: Path) -> tuple[Path, Path]:
    """Publish as a stranger, and what may not be said; then mend the cause and send it again."""
    ledger, key = tmp_path / "ledger.jsonl", new_key(site.keys / "app.pem")
    app = Sender(site.client, "app", key)
    bad = event("bad", data={"value": "x", "low": 1, "high": 5})
    with Publisher(site.url, "app", key, ledger) as publisher:
        publisher.publish([batch_of([event(number)])[1:-1] for number in range(4)], batch=2)
        async with site.taking_in():
            await until(lambda: site.received("app") == 2)
        site.allow(app, scopes=("safe",))
        said = [event("w1"), event("w2"), event("kept", scope="safe"), bad]
        publisher.publish([batch_of([each])[1:-1] for each in said], batch=4)
        async with site.taking_in():
            await until(lambda: site.received("app") == 3)
    site.allow(app, scopes=("safe", "helpful"))
    operator = wiring.role_signer(site.state, "operator")
    through = [each.through for each in redrive(site.intake().door, operator, site.store.dead())]
    assert through == [True, True, True, True, False]
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


FORGED_WAY = (
    "INSERT INTO entry SELECT stream, entry || '#7', producer, NULL, digest, 0, 0, 0"
    " FROM entry WHERE instr(entry, '#') = 0 LIMIT 1"
)
VANISHED = (
    "INSERT INTO entry SELECT d.stream, d.entry || '#' || d.position, producer, NULL,"
    " x'00', 0, 0, 0 FROM dead_letter d WHERE reason = 'bad_value'"
)


def test_has_no_complaint_where_dead_letters_went_through_the_door_again(
    redriven: tuple[Path, Path],
) -> None:
    assert complaints(*redriven, "app") == []


@pytest.mark.parametrize(
    ("plant", "complaint"),
    [
        ("DELETE FROM event WHERE id = 'w1'", "('rater/1', 'w1') is lost"),
        ("DELETE FROM event WHERE id = '3'", "('rater/1', '3') is lost"),
        (
            "DELETE FROM entry WHERE entry LIKE '%#0'",
            "('rater/1', 'w1') is held 1 times and put aside 1 times",
        ),
        (
            FORGED_WAY,
            "went through the door again and was never put aside",
        ),
        (
            "DELETE FROM act WHERE kind = 'letters-redriven'",
            "went through the door again and no act says so",
        ),
        (
            VANISHED,
            "('rater/1', 'bad') is lost",
        ),
    ],
)
def test_notices_what_is_wrong_with_a_second_way(
    redriven: tuple[Path, Path], plant: str, complaint: str
) -> None:
    with _broken_open(redriven[1]) as db:
        assert db.execute(plant).rowcount > 0
    found = complaints(*redriven, "app")
    assert any(complaint in each for each in found), found


def test_notices_the_halves_of_a_redriven_batch_apart(redriven: tuple[Path, Path]) -> None:
    with _broken_open(redriven[1]) as db:
        ((one,), (two,)) = db.execute(
            "SELECT body FROM event WHERE id IN ('0', '1') ORDER BY id"
        ).fetchall()
        db.execute("UPDATE event SET body = ? WHERE id = '0'", (two,))
        db.execute("UPDATE event SET body = ? WHERE id = '1'", (one,))
    assert len(complaints(*redriven, "app")) == 2
