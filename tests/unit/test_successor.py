"""What still stands of a release that was taken back leaves once more, and counts once."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvals import desk
from approvals.directory import digests
from approvals.model import Request
from approvals.releases import current, releases
from approvals.revoke import TakingBack, take_back
from approvals.successor import successor_of
from quarantine.errors import RefusedError, StaleError, UsageError
from quarantine.model import Named, SourceKey
from tests.press import Printer
from tests.room import Room, asked

NAME = "helpful@2026-01-01.1"


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(8, 3)
    printer.print("first")
    return printer


def back(printer: Printer, source: str) -> None:
    taking = TakingBack(
        source=SourceKey("app", source), because="sold", by="ana", at=printer.room.later()
    )
    take_back(printer.room.store, taking, printer.room.signers["ana"])


def successor(printer: Printer, name: str = NAME) -> Request:
    printer.room.later()
    request, _, _ = desk.make_request(
        printer.room.store, **{**asked(printer.room), "replaces": name}
    )
    return request


def approved(printer: Printer, name: str = NAME) -> Request:
    request = successor(printer, name)
    for each in ("ben", "cho"):
        printer.room.vote(request, each)
    return request


def test_it_holds_what_stands_and_nothing_else(printer: Printer) -> None:
    back(printer, "rater/3")
    printer.room.crowd(2, 3, first=40)
    request = approved(printer)
    assert (request.rows, request.replaces) == (21, NAME)
    out = printer.room.folder / "second"
    printer.make(request, out)
    assert printer.verify(out).release.rows == 21
    newest = current(printer.room.store, "helpful")
    assert newest is not None
    assert newest.record.name.endswith(".2")


def test_it_is_made_again_byte_for_byte(printer: Printer) -> None:
    back(printer, "rater/3")
    request = approved(printer)
    first, second = (printer.room.folder / name for name in ("one", "two"))
    printer.make(request, first)
    assert printer.make(request, second).again
    assert digests(first) == digests(second)


def test_a_release_that_stands_has_none_and_a_name_that_is_none_neither(printer: Printer) -> None:
    with pytest.raises(RefusedError, match="still stands"):
        successor(printer)
    with pytest.raises(UsageError, match="no release"):
        successor(printer, "other@2026-01-01.1")


def test_what_another_release_holds_by_now_is_not_free(printer: Printer) -> None:
    back(printer, "rater/3")
    mine, theirs = approved(printer), approved(printer)
    printer.make(theirs, printer.room.folder / "theirs")
    with pytest.raises(StaleError, match=r"21 rows .* were released before"):
        printer.make(mine, printer.room.folder / "mine")
    assert successor_of(printer.room.store, NAME).free == frozenset()


def test_the_successor_of_a_successor_holds_what_stands_of_both(printer: Printer) -> None:
    back(printer, "rater/3")
    printer.make(approved(printer), printer.room.folder / "second")
    back(printer, "rater/4")
    second = releases(printer.room.store)[-1].record.name
    request = approved(printer, second)
    assert request.rows == 18
    printer.make(request, printer.room.folder / "third")
    assert successor_of(printer.room.store, NAME).free == frozenset()


def test_what_was_taken_back_is_never_free(printer: Printer) -> None:
    back(printer, "rater/3")
    found = successor_of(printer.room.store, NAME)
    rows = printer.room.store.find(Named(source="rater/3"))
    assert found.free == found.rows.difference(rows)
