"""An audit finds what was edited, dropped, cut off, put back or signed by the wrong hand."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from approvals.attest import act_of
from approvals.audit import audit, sign_checkpoint
from approvals.model import (
    ProducerAdded,
    ProducerKey,
    ProducerRevoked,
    Released,
    ReviewerRevoked,
    SourceRuled,
)
from approvals.signers.file import new_key
from quarantine.errors import TamperedError
from quarantine.stores.sqlite import SqliteStore
from tests.press import Printer
from tests.room import Room


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(8, 40)
    printer.print()
    return printer


def found(printer: Printer) -> list[str]:
    return audit(printer.room.store, roles=printer.roles, witness=witness(printer))


def witness(printer: Printer) -> Path:
    return printer.room.folder / "witness" / "checkpoint"


def sign(printer: Printer) -> None:
    sign_checkpoint(
        printer.room.store,
        printer.keys["releasing"],
        origin=printer.origin,
        witness=witness(printer),
    )


@contextmanager
def unguarded(printer: Printer) -> Iterator[sqlite3.Connection]:
    """Open the store's file as its owner could, its guards taken off."""
    with closing(sqlite3.connect(printer.room.folder / "store.db")) as raw:
        names = raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            raw.execute(f"DROP TRIGGER {name}")
        yield raw
        raw.commit()


def test_an_untouched_log_has_nothing_wrong(printer: Printer) -> None:
    assert found(printer) == []
    sign(printer)
    assert found(printer) == []


@pytest.mark.parametrize(
    "change",
    [
        "body = replace(CAST(body AS TEXT), '4', '5')",
        "body = CAST(replace(CAST(body AS TEXT), '4', '5') AS BLOB)",
        "id = 'another'",
        "arrived = arrived + 1",
        "arrived = 'yesterday'",
        "key = 'k2'",
        "salt = zeroblob(16)",
        "leaf = zeroblob(32)",
        "scope = 'another'",
        "target = 'another'",
        "answer = '5'",
        "value = 0.1",
        "claimed = 0",
        "kind = 'signal'",
    ],
)
@pytest.mark.parametrize("row", [17, 320])
def test_a_changed_event_is_named(printer: Printer, change: str, row: int) -> None:
    with unguarded(printer) as raw:
        assert raw.execute(f"UPDATE event SET {change} WHERE idx = {row}").rowcount == 1
    assert any(f"log row {row}" in each for each in found(printer))


@pytest.mark.parametrize(
    "change",
    [
        "body = replace(CAST(body AS TEXT), 'a', 'b')",
        "at = at + 1",
        "kind = 'revoked'",
        "leaf = x'00'",
    ],
)
def test_a_changed_act_is_named(printer: Printer, change: str) -> None:
    with unguarded(printer) as raw:
        (row,) = raw.execute("SELECT max(idx) FROM act").fetchone()
        raw.execute(f"UPDATE act SET {change} WHERE idx = {row}")
    assert any(f"log row {row}" in each for each in found(printer))


def test_a_dropped_row_is_found(printer: Printer) -> None:
    with unguarded(printer) as raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.execute("DELETE FROM member WHERE idx = 17")
        raw.execute("DELETE FROM event WHERE idx = 17")
    assert any("17" in each for each in found(printer))


def test_swapped_rows_are_found(printer: Printer) -> None:
    with unguarded(printer) as raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.execute("UPDATE event SET idx = -1 WHERE idx = 17")
        raw.execute("UPDATE event SET idx = 17 WHERE idx = 18")
        raw.execute("UPDATE event SET idx = 18 WHERE idx = -1")
    assert any("17" in each for each in found(printer))


def test_a_log_that_was_cut_off_is_found_by_the_witness(printer: Printer) -> None:
    sign(printer)
    with unguarded(printer) as raw:
        (last,) = raw.execute("SELECT max(idx) FROM act").fetchone()
        raw.execute(f"DELETE FROM act WHERE idx = {last}")
        raw.execute("DELETE FROM checkpoint")
    assert any("cut off" in each for each in found(printer))


def test_an_old_store_put_back_is_found_by_the_witness(printer: Printer) -> None:
    old = printer.room.folder / "old"
    with closing(sqlite3.connect(printer.room.folder / "store.db")) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(printer.room.folder / "store.db", old)
    printer.room.crowd(2, 2, first=90)
    sign(printer)
    with SqliteStore(old) as store:
        assert audit(store, roles=printer.roles) == []
        problems = audit(store, roles=printer.roles, witness=witness(printer))
    assert any("witness" in each and "cut off" in each for each in problems)


def test_a_log_written_anew_is_found_by_the_witness(printer: Printer, tmp_path: Path) -> None:
    sign(printer)
    (tmp_path / "other").mkdir()
    other = Printer(Room(tmp_path / "other"))
    other.room.crowd(9, 40)
    problems = audit(other.room.store, roles=other.roles | printer.roles, witness=witness(printer))
    assert any("rewritten" in each for each in problems)


def test_nothing_is_signed_when_the_witness_knows_better(printer: Printer) -> None:
    sign(printer)
    before = witness(printer).read_bytes()
    with unguarded(printer) as raw:
        (last,) = raw.execute("SELECT max(idx) FROM act").fetchone()
        raw.execute(f"DELETE FROM act WHERE idx = {last}")
    with pytest.raises(TamperedError, match="cut off"):
        sign(printer)
    assert witness(printer).read_bytes() == before


def test_a_checkpoint_by_another_key_is_named(printer: Printer) -> None:
    sign_checkpoint(
        printer.room.store,
        new_key(printer.room.folder / "other.pem"),
        origin=printer.origin,
        witness=printer.room.folder / "elsewhere",
    )
    assert any("kept checkpoint" in each for each in found(printer))


def test_an_act_by_the_wrong_role_is_named(printer: Printer) -> None:
    key = ProducerKey(id="k9", algorithm="hmac-sha256")
    added = ProducerAdded(at=printer.room.later(), name="evil", key=key)
    (first,) = printer.room.store.record([act_of(added, printer.keys["scoring"])])
    released = Released(
        at=printer.room.later(),
        request="0" * 64,
        scope="helpful",
        kind="rating",
        name="forged",
        manifest="0" * 64,
        rows=1,
        log_size=1,
    )
    (second,) = printer.room.store.record([act_of(released, printer.keys["operator"])])
    assert [each.split(":")[0] for each in found(printer)] == [
        f"act producer-added (log row {first})",
        f"act released (log row {second})",
    ]


def test_an_act_that_names_nobody_is_named_and_the_rest_is_still_looked_at(
    printer: Printer,
) -> None:
    at = printer.room.later()
    rows = [
        printer.room.store.record([act_of(record, printer.keys["operator"])])[0]
        for record in (
            ReviewerRevoked(at=at, name="nobody", since=at),
            ProducerRevoked(at=at, name="nobody", since=at),
        )
    ]
    assert [each.partition(" names ")[0] for each in found(printer)] == [
        f"act reviewer-revoked (log row {rows[0]}): reviewer-revoked",
        f"act producer-revoked (log row {rows[1]}): producer-revoked",
    ]


def test_an_act_in_anothers_name_is_named(printer: Printer) -> None:
    ruled = SourceRuled(
        at=printer.room.later(),
        producer="app",
        source="rater/1",
        ruling="clear",
        because="fine",
        by="ben",
    )
    (row,) = printer.room.store.record([act_of(ruled, printer.room.signers["cho"])])
    assert any(f"log row {row}" in each for each in found(printer))
