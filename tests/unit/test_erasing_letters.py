"""Which dead letters an erasure destroys, and what it refuses at the last moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.attest import act_of
from approvals.audit import audit
from approvals.erase import confirm, doomed, find, proposals, propose
from approvals.erasures import Erased, ErasureProposed
from approvals.ports import Signer
from quarantine.arrivals import Arrival, put_aside
from quarantine.errors import RefusedError, StaleError, UsageError
from quarantine.model import Named, to_micros
from tests.press import Printer, event
from tests.room import Room, terms_of

WHOM = Named(producer="app", source="rater/3")
FOREIGN = "rater/Jürgen-日本"
MANY = 2001
"""So many letters that no single look at the store shows them all."""


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[Printer]:
    """Three people who may decide, and two sources with two ratings each."""
    printer = Printer(Room(tmp_path))
    printer.room.hear(event("rating", f"rater/{n}", f"e{n}-{i}") for n in (2, 3) for i in range(2))
    yield printer
    printer.room.store.close()


def put_aside_all(printer: Printer, *contents: bytes, producer: str = "app") -> None:
    """Put one letter aside for each content, all of one entry of `producer`."""
    room = printer.room
    room.seq += 1
    at = to_micros(room.later())
    arrival = Arrival(producer, f"feedback:in:{producer}", f"{room.seq}-9", at)
    dead = [put_aside(arrival, n, "bad_value", "", each) for n, each in enumerate(contents)]
    room.store.take([Arrival(producer, arrival.stream, arrival.entry, at, dead=dead)])


def spelled(source: str, id_: str = "x", *, escaped: bool = True) -> bytes:
    """Spell an event with its letters outside ASCII escaped, or as they are."""
    return json.dumps({"id": id_, "source": source}, ensure_ascii=escaped).encode()


def letters(printer: Printer, named: Named) -> tuple[int, ...]:
    store = printer.room.store
    return doomed(store, named, store.size()).letters


def left(printer: Printer) -> list[int]:
    """Return the numbers of the letters that still have content."""
    return [number for number, letter in printer.room.store.dead(0, 2 * MANY) if letter.content]


def proposed(printer: Printer, named: Named = WHOM) -> ErasureProposed:
    given = terms_of(printer.room, "ana")
    return propose(printer.room.store, named, because="asked to be forgotten", **given)[0]


def confirmed(printer: Printer, record: ErasureProposed, by: str = "ben") -> Erased:
    given = terms_of(printer.room, by)
    return confirm(printer.room.store, record.digest, because="seen", **given)[0]


def sound(printer: Printer) -> list[str]:
    witness = printer.room.folder / "witness" / "note"
    return audit(printer.room.store, roles=printer.roles, witness=witness)


def test_letters_of_another_producer_who_names_the_same_source_are_kept(printer: Printer) -> None:
    printer.room.producer("web")
    put_aside_all(printer, spelled("rater/3"))
    put_aside_all(printer, spelled("rater/3"), producer="web")
    record = proposed(printer)
    assert record.letters == (1,)
    confirmed(printer, record)
    assert left(printer) == [2]
    assert sound(printer) == []


def test_a_source_that_is_named_without_a_producer_is_erased_from_letters_of_all(
    printer: Printer,
) -> None:
    printer.room.producer("web")
    put_aside_all(printer, spelled("rater/3"))
    put_aside_all(printer, spelled("rater/3"), producer="web")
    confirmed(printer, proposed(printer, Named(source="rater/3")))
    assert left(printer) == []


def test_a_letter_is_destroyed_only_where_it_says_both_the_source_and_the_event(
    printer: Printer,
) -> None:
    put_aside_all(
        printer,
        spelled("rater/3", "e3-0"),
        spelled("rater/3", "e3-1"),
        spelled("rater/2", "e3-0"),
        spelled("rater/2", "e2-0"),
    )
    record = proposed(printer, Named(producer="app", source="rater/3", event="e3-0"))
    assert (record.rows, record.letters) == (1, (1,))
    confirmed(printer, record)
    assert left(printer) == [2, 3, 4]
    assert sound(printer) == []


def test_a_name_outside_ascii_is_found_both_escaped_and_as_it_is(printer: Printer) -> None:
    escaped, plain = spelled(FOREIGN), spelled(FOREIGN, escaped=False)
    assert FOREIGN.encode() in plain
    assert FOREIGN.encode() not in escaped
    put_aside_all(printer, escaped, plain, spelled("rater/Jurgen"))
    record = proposed(printer, Named(producer="app", source=FOREIGN))
    assert (record.rows, record.letters) == (0, (1, 2))
    confirmed(printer, record)
    assert left(printer) == [3]


def test_letters_are_looked_through_to_the_last_of_many(printer: Printer) -> None:
    ours = {1, 1000, 1001, MANY}
    put_aside_all(
        printer, *(spelled("rater/3" if n in ours else "rater/2") for n in range(1, MANY + 1))
    )
    record = proposed(printer)
    assert set(record.letters) == ours
    confirmed(printer, record)
    assert set(range(1, MANY + 1)) - set(left(printer)) == ours


def test_a_letter_that_was_emptied_is_not_proposed_again(printer: Printer) -> None:
    put_aside_all(printer, spelled("rater/3"))
    confirmed(printer, proposed(printer))
    put_aside_all(printer, spelled("rater/3"))
    assert letters(printer, WHOM) == (2,)


@pytest.mark.parametrize("digits", [0, 1, 7])
def test_a_proposal_is_not_called_by_fewer_than_eight_digits(printer: Printer, digits: int) -> None:
    record = proposed(printer)
    with pytest.raises(UsageError, match="no proposals"):
        find(printer.room.store, record.digest[:digits])
    assert find(printer.room.store, record.digest[:8]).record == record


def test_nothing_is_proposed_by_a_clock_that_was_set_back(printer: Printer) -> None:
    room = printer.room
    before = room.later()
    room.later(timedelta(days=1))
    room.producer("web")
    given = terms_of(room, "ana")
    given["at"] = before
    with pytest.raises(RefusedError, match="set it right"):
        propose(room.store, WHOM, because="late", **given)
    assert proposals(room.store) == []
    assert proposed(printer).rows == 2


def test_an_act_with_another_root_than_was_agreed_to_is_named(printer: Printer) -> None:
    """What it emptied is what was agreed to, but the act says that it was something else."""
    room = printer.room
    record = proposed(printer)
    other = doomed(room.store, Named(producer="app", source="rater/2"), room.store.size())
    assert (len(other.indexes), other.root != record.root) == (record.rows, True)
    act = Erased(
        at=room.later(),
        proposal=record.digest,
        rows=record.rows,
        root=other.root,
        because="seen",
        by="ben",
        key=room.reviewer("ben").key,
    )
    index = room.store.erase(act_of(act, room.signers["ben"]), room.store.find(WHOM))
    (problem,) = sound(printer)
    assert problem.startswith(f"the erasure at log row {index} ")


@dataclass
class Slow:
    """A person's own key; something else happens just before it signs."""

    signer: Signer
    meanwhile: Callable[[], object]

    @property
    def key_id(self) -> str:
        """Name the key."""
        return self.signer.key_id

    @property
    def public(self) -> str:
        """Return its public half."""
        return self.signer.public

    def sign(self, message: bytes) -> bytes:
        """Let it happen, then sign."""
        self.meanwhile()
        return self.signer.sign(message)


def test_of_two_who_confirm_at_one_moment_only_one_erases(printer: Printer) -> None:
    put_aside_all(printer, spelled("rater/3"))
    room = printer.room
    record = proposed(printer)
    given = terms_of(room, "ben")
    given["signer"] = Slow(given["signer"], lambda: confirmed(printer, record, "cho"))
    with pytest.raises(StaleError, match="by somebody else at this moment"):
        confirm(room.store, record.digest, because="seen", **given)
    acts = [each for each in room.store.acts() if each.act.kind == Erased.act]
    (found,) = proposals(room.store)
    assert found.done is not None
    assert (len(acts), found.done[1].by) == (1, "cho")
    assert left(printer) == []
    assert sound(printer) == []
