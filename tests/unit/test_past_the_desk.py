"""What is put into the log past the desk, with true keys, counts no more than what passes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from approvals import desk, drawing
from approvals.model import Decision, State
from approvals.signers.file import FileSigner
from quarantine.errors import TamperedError, UnmetError
from tests.press import Printer
from tests.room import LOOSE, Room, terms_of
from tests.unit.test_electorate import GLASS, READING, drawn, under


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[Printer]:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(12, 3)
    with printer.room.store:
        yield printer


def test_not_even_who_draws_can_name_others_than_the_draw_does(
    printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("eli", "fay", "gus"):
        printer.room.add(name, roles=("reviewer",))
    under(printer, LOOSE.replace("people = 2", "people = 2\ndraw = 2"))
    request = printer.ask()
    draw = drawing.people

    def friends(*given: Any) -> tuple[str, ...]:
        return ("eli", "gus") if set(draw(*given)) == {"fay", "gus"} else ("fay", "gus")

    with monkeypatch.context() as faithless:
        faithless.setattr(drawing, "people", friends)
        named = drawn(printer)
        assert "gus" in named
        for name in named:
            printer.room.vote(request, name)
        printer.make(request, printer.room.folder / "out")
    with pytest.raises(TamperedError, match="other people than follow from its proof"):
        printer.verify(printer.room.folder / "out")
    with pytest.raises(TamperedError, match="other people than follow from its proof"):
        printer.make(request, printer.room.folder / "again")


@dataclass(frozen=True)
class Loaded:
    """The releasing role's key in the hand of somebody who draws with loaded dice."""

    true: FileSigner

    @property
    def key_id(self) -> str:
        return self.true.key_id

    @property
    def public(self) -> str:
        return self.true.public

    def sign(self, message: bytes) -> bytes:
        return bytes(64) if b"draw/1" in message else self.true.sign(message)


def test_a_draw_without_the_releasing_roles_signature_is_none(
    printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever draws could try proofs until their friends follow from one."""
    under(printer, LOOSE.replace("people = 2", "people = 2\ndraw = 2"))
    request = printer.ask()
    monkeypatch.setitem(printer.keys, "releasing", Loaded(printer.keys["releasing"]))
    for name in drawn(printer):
        printer.room.vote(request, name)
    with pytest.raises(TamperedError, match="proof is not the releasing role's"):
        printer.make(request, printer.room.folder / "out")


def test_votes_past_the_desk_on_other_rows_than_were_drawn_let_nothing_leave(
    printer: Printer,
) -> None:
    under(printer, LOOSE + READING)
    room, request = printer.room, printer.ask()
    drawn(printer)
    rows = desk.rows_to_read(room.store, request, room.policy)
    (place,) = [index for index, each in desk.requests(room.store) if each == request]
    other = {each.index for each in room.store.members(place)}.difference(rows)
    for name in ("ben", "cho"):
        terms = terms_of(room, name) | {"read": tuple(rows)}
        vote = desk.cast(room.store, request, Decision.APPROVE, because="read", **terms)  # type: ignore[misc]
        lazy = {"read": (*rows[1:], min(other)), "at": room.later(), "nonce": room.nonce()}
        room.slip_in(vote.model_copy(update=lazy), name)
    assert room.stands(request).state is State.APPROVED
    with pytest.raises(UnmetError, match="approved without reading the rows that were drawn"):
        printer.make(request, room.folder / "out")


def test_glass_that_is_broken_past_the_desk_by_who_may_not_lets_nothing_through(
    printer: Printer,
) -> None:
    under(printer, LOOSE + GLASS)
    request = printer.ask()
    vote = printer.room.vote(request, "ben")
    changes = {"decision": Decision.BREAK_GLASS, "nonce": printer.room.nonce()}
    printer.room.slip_in(vote.model_copy(update={"at": printer.room.later(), **changes}), "ben")
    stands = printer.room.stands(request)
    assert stands.state is State.PENDING
    assert any("nobody of their roles break the glass" in each for each in stands.reasons)
