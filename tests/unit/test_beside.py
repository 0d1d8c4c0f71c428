"""What stands beside the log follows from it, also after rows were taken back and erased."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.audit import audit
from approvals.beside import strays
from approvals.erase import confirm, propose
from approvals.revoke import TakingBack, take_back
from quarantine.model import Named, SourceKey
from tests.holding import entry, said
from tests.press import Printer
from tests.room import Room, alter, terms_of


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(6, 4)
    return printer


def back(printer: Printer, **named: object) -> int:
    taking = TakingBack(because="x", by="ana", at=printer.room.later(), **named)  # type: ignore[arg-type]
    return take_back(printer.room.store, taking, printer.room.signers["ana"]).rows


def erase(printer: Printer, source: str) -> None:
    room = printer.room
    named = Named(producer="app", source=source)
    record, _ = propose(room.store, named, because="asked", **terms_of(room, "ana"))
    confirm(room.store, record.digest, because="seen", **terms_of(room, "ben"))


def sound(printer: Printer) -> list[str]:
    return audit(printer.room.store, roles=printer.roles)


def test_taking_back_and_erasing_in_any_order_leaves_nothing_astray(printer: Printer) -> None:
    assert back(printer, target="answer-1") == 6
    erase(printer, "rater/2")
    assert back(printer, target="answer-2") == 5
    assert back(printer, source=SourceKey("app", "rater/2")) == 4
    room = printer.room
    assert back(printer, since=room.at - timedelta(days=1), until=room.at) == 24
    assert sound(printer) == []


def test_an_unmarked_row_is_named_and_so_is_one_that_nobody_took_back(printer: Printer) -> None:
    back(printer, target="answer-1")
    (index, *_) = printer.room.store.find(Named(target="answer-1"))
    (other, *_) = printer.room.store.find(Named(target="answer-2"))
    alter(
        printer.room,
        f"DELETE FROM revoked WHERE idx = {index}",
        f"INSERT INTO revoked VALUES ({other}, 0)",
    )
    assert list(strays(printer.room.store)) == [
        f"log row {index} was taken back, and is not marked",
        f"log row {other} is marked as taken back, and nobody did that",
    ]


def test_a_source_is_first_heard_with_its_first_row_whatever_the_clocks_say(
    tmp_path: Path,
) -> None:
    """Two intakes stamp what they read, and the later stamp may come to the log first."""
    room = Room(tmp_path)
    late, early = entry(1, said("a")), replace(entry(2, said("b")), arrived=5)
    room.store.take([late])
    room.store.take([early])
    assert list(strays(room.store)) == []
    alter(room, "UPDATE event SET arrived = arrived - 1 WHERE id = 'a'")
    assert list(strays(room.store)) == ["app/rater/1 was not first heard when the store says"]
