"""Erasing: two people, nothing left in the store's files, and every proof goes on to hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.attest import act_of
from approvals.audit import audit, sign_checkpoint
from approvals.candidates import Known, prior
from approvals.erase import confirm, doomed, find, proposals, propose
from approvals.erasures import Erased, ErasureProposed
from approvals.receipt import prove
from approvals.revoke import TakingBack, revocation_list, take_back
from quarantine.arrivals import Arrival, put_aside
from quarantine.errors import (
    NotAuthorisedError,
    StaleError,
    UnavailableError,
    UnmetError,
    UsageError,
)
from quarantine.model import Named, SourceKey, to_micros
from service.scoring import Scorer
from tests.press import Printer, event
from tests.room import Room, alter, terms_of

WORDS = "a-sentence-that-nobody-else-would-write"
WHOM = Named(producer="app", source="rater/3")


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[Printer]:
    """Six people, of whom one says what is to be forgotten, also in a letter that was put aside."""
    printer = Printer(Room(tmp_path))
    room = printer.room
    room.hear(
        event("rating", f"rater/{n}", f"e{n}-{i}", subject=f"answer-{i}", **_words(n))
        for n in range(6)
        for i in range(4)
    )
    at = to_micros(room.later())
    arrival = Arrival(producer="app", stream="feedback:in:app", entry="99-0", arrived=at)
    letters = [
        put_aside(arrival, n, "bad_value", WORDS, event("rating", source, "x", text=WORDS))
        for n, source in enumerate(("rater/3", "rater/31", "rater/3"))
    ]
    room.store.take([Arrival("app", "feedback:in:app", "99-0", at, dead=letters)])
    room.score([f"rater/{n}" for n in range(6)])
    yield printer
    room.store.close()


def _words(number: int) -> dict[str, object]:
    return {"text": f"{WORDS} {'and more ' * 900}"} if number == 3 else {}


def proposed(printer: Printer, by: str = "ana", named: Named = WHOM) -> ErasureProposed:
    given = terms_of(printer.room, by)
    return propose(printer.room.store, named, because="asked to be forgotten", **given)[0]


def confirmed(printer: Printer, record: ErasureProposed, by: str = "ben") -> tuple[Erased, bool]:
    return confirm(printer.room.store, record.digest, because="seen", **terms_of(printer.room, by))


def sound(printer: Printer) -> list[str]:
    return audit(
        printer.room.store, roles=printer.roles, witness=printer.room.folder / "witness" / "note"
    )


def files_with(printer: Printer, words: str) -> list[str]:
    """Return the store's own files in whose raw bytes `words` stand."""
    return [
        file.name
        for file in sorted(printer.room.folder.glob("store.db*"))
        if words.encode() in file.read_bytes()
    ]


def test_two_people_erase_and_the_bytes_are_in_no_file_of_the_store(printer: Printer) -> None:
    assert files_with(printer, WORDS)
    record = proposed(printer)
    assert (record.rows, record.letters) == (4, (1, 3))
    assert files_with(printer, WORDS)
    confirmed(printer, record)
    letter = printer.room.store.dead()[1][1]
    assert WORDS.encode() in letter.content  # of another, whose name is longer
    alone = proposed(printer, named=Named(producer="app", source="rater/31"))
    confirmed(printer, alone)
    assert files_with(printer, WORDS) == []
    assert sound(printer) == []


def test_proofs_releases_and_witness_hold_after_an_erasure(printer: Printer) -> None:
    out = printer.print()
    room = printer.room
    witness = room.folder / "witness" / "note"
    sign_checkpoint(room.store, printer.keys["releasing"], origin=printer.origin, witness=witness)
    (index, *_) = room.store.find(WHOM)
    keys = {key.key_id: key.public for key in printer.keys.values()}
    before = prove(room.store, index, witness.read_bytes(), keys)
    confirmed(printer, proposed(printer))
    printer.publish()
    assert sound(printer) == []
    assert prove(room.store, index, witness.read_bytes(), keys) == before
    assert printer.verify(out).release.rows == 24


def test_nobody_erases_alone_under_any_name(printer: Printer) -> None:
    record = proposed(printer)
    with pytest.raises(NotAuthorisedError, match="another person"):
        confirmed(printer, record, "ana")
    printer.room.add("ana-too", person="ana", roles=("reviewer",))
    with pytest.raises(NotAuthorisedError, match="another person"):
        confirmed(printer, record, "ana-too")
    assert printer.room.store.erased() == {}


def test_whoever_is_the_source_or_owns_it_neither_proposes_nor_confirms(printer: Printer) -> None:
    printer.room.add("3", person="dora", roles=("reviewer",))
    with pytest.raises(NotAuthorisedError, match="is the source rater/3"):
        proposed(printer, "3")
    with pytest.raises(NotAuthorisedError, match="is the source rater/3"):
        confirmed(printer, proposed(printer), "3")


def test_a_proposal_by_somebody_whose_key_was_revoked_since_counts_no_more(
    printer: Printer,
) -> None:
    from approvals.model import ReviewerRevoked

    record = proposed(printer)
    gone = ReviewerRevoked(at=printer.room.later(), name="ana", since=record.at)
    printer.room.store.record([act_of(gone, printer.room.operator)])
    with pytest.raises(NotAuthorisedError, match="ana, who proposed"):
        confirmed(printer, record)


def test_a_proposal_runs_out(printer: Printer) -> None:
    record = proposed(printer)
    printer.room.later(record.expires - record.at)
    with pytest.raises(UnmetError, match="is open until"):
        confirmed(printer, record)


def test_what_was_erased_meanwhile_by_another_proposal_must_be_proposed_anew(
    printer: Printer,
) -> None:
    whole = proposed(printer)
    one = proposed(printer, named=Named(producer="app", source="rater/3", event="e3-1"))
    confirmed(printer, one)
    with pytest.raises(StaleError, match="propose anew"):
        confirmed(printer, whole)
    assert confirmed(printer, proposed(printer))[0].rows == 3
    assert sound(printer) == []


def test_what_the_source_says_later_is_not_part_of_it(printer: Printer) -> None:
    record = proposed(printer)
    printer.room.hear([event("rating", "rater/3", "late")])
    assert confirmed(printer, record)[0].rows == 4
    assert len(doomed(printer.room.store, WHOM, printer.room.store.size()).indexes) == 1


def test_confirming_again_changes_nothing(printer: Printer) -> None:
    record = proposed(printer)
    act, new = confirmed(printer, record)
    size = printer.room.store.size()
    assert new
    assert confirmed(printer, record, "cho") == (act, False)
    assert printer.room.store.size() == size
    (found,) = proposals(printer.room.store)
    assert found.done == (size - 1, act)
    assert find(printer.room.store, record.digest[:12]) == found


def test_nothing_to_erase_and_no_such_proposal_are_refused(printer: Printer) -> None:
    for named in (Named(), Named(producer="app", source="nobody")):
        with pytest.raises(UsageError):
            proposed(printer, named=named)
    confirmed(printer, proposed(printer))
    with pytest.raises(UsageError, match="nothing is held"):
        proposed(printer)
    with pytest.raises(UsageError, match="no proposals"):
        find(printer.room.store, "00000000")


def test_a_request_that_holds_erased_rows_is_stale(printer: Printer) -> None:
    request = printer.approved()
    confirmed(printer, proposed(printer))
    with pytest.raises(StaleError, match="was erased: ask anew"):
        printer.make(request, printer.room.folder / "out")


def test_erased_rows_leave_no_more_and_still_count_to_a_lifetime(printer: Printer) -> None:
    printer.print()
    room = printer.room
    before = prior(Known.read(room.store, room.roster, room.store.size()))
    confirmed(printer, proposed(printer))
    after = prior(Known.read(room.store, room.roster, room.store.size()))
    named = ["producer", "source", "cluster", "scope", "kind", "origin"]
    assert sorted(map(tuple, after[named].to_numpy())) == sorted(
        map(tuple, before[named].to_numpy())
    )
    assert set(after["target"][after["source"] == "rater/3"]) == {""}


def test_erased_rows_can_be_taken_back_and_are_listed(printer: Printer) -> None:
    out = printer.print()
    room = printer.room
    leaves = {held.leaf.hex() for held in room.store.held(room.store.find(WHOM))}
    confirmed(printer, proposed(printer))
    taking = TakingBack(
        source=SourceKey("app", "rater/3"), because="erased", by="ana", at=room.later()
    )
    assert take_back(room.store, taking, room.signers["ana"]).rows == 4
    assert set(revocation_list(room.store, room.at).events) == leaves
    assert len(list(out.iterdir())) > 5


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (
            [
                "INSERT INTO erased SELECT idx, 0, x'00' FROM event WHERE id = 'e2-1'",
                "UPDATE event SET salt = x'', body = x'' WHERE id = 'e2-1'",
            ],
            "event e2-1",
        ),
        (["UPDATE event SET salt = x'', body = x'' WHERE id = 'e2-1'"], "event e2-1"),
        (
            ["INSERT INTO erased SELECT idx, 0, x'00' FROM event WHERE id = 'e2-1'"],
            "is erased and not empty",
        ),
    ],
)
def test_emptying_a_row_past_the_people_is_named(
    printer: Printer, statements: list[str], said: str
) -> None:
    alter(printer.room, *statements)
    assert any(said in each for each in sound(printer)), sound(printer)


def test_a_thorough_forger_who_keeps_the_commitment_is_named_too(printer: Printer) -> None:
    """With the right commitment the leaf holds; what is missing is that two people agreed."""
    from quarantine.log import commit

    store = printer.room.store
    (index, *_) = store.find(WHOM)
    (held,) = store.held([index])
    alter(
        printer.room,
        f"INSERT INTO erased VALUES ({index}, 0, x'{commit(held.salt, held.body).hex()}')",
        "UPDATE event SET salt = x'', body = x'', target = '', aspect = '', claimed = 0,"
        f" question = '', answer = '', value = NULL, place = NULL WHERE idx = {index}",
    )
    assert list(store.verify()) == []
    assert sound(printer) == [f"log row {index} was emptied, and nobody agreed to it"]


def emptied(printer: Printer, record: ErasureProposed, named: Named, by: str = "ben") -> None:
    """Empty what is `named` past the commands, in an act that carries out `record`."""
    room = printer.room
    act = Erased(
        at=room.later(timedelta(seconds=1)),
        proposal=record.digest,
        rows=record.rows,
        root=record.root,
        because="at once",
        by=by,
        key=room.reviewer(by).key,
    )
    room.store.erase(act_of(act, room.signers[by]), room.store.find(named))


def test_an_act_that_empties_more_than_was_agreed_is_named(printer: Printer) -> None:
    record = proposed(printer, named=Named(producer="app", source="rater/3", event="e3-1"))
    emptied(printer, record, WHOM)
    (problem,) = sound(printer)
    assert problem.endswith("emptied 4 rows, 1 were agreed to")


def test_an_act_that_empties_others_than_were_agreed_is_named(printer: Printer) -> None:
    emptied(printer, proposed(printer), Named(producer="app", source="rater/2"))
    (problem,) = sound(printer)
    assert problem.endswith("emptied other rows than were agreed to")


def test_one_who_signs_both_acts_is_named(printer: Printer) -> None:
    emptied(printer, proposed(printer), WHOM, by="ana")
    (problem,) = sound(printer)
    assert "by one person" in problem


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET salt = x'', body = x'' WHERE idx = {}",
        "UPDATE event SET leaf = x'' WHERE idx = {}",
        "UPDATE event SET id = 'z' WHERE idx = {}",
        "DELETE FROM erased WHERE idx = {}",
        "UPDATE erased SET act = 0 WHERE idx = {}",
        "UPDATE event SET body = x'00', salt = x'01' WHERE idx = {}",
    ],
)
def test_the_guards_let_nothing_else_pass(printer: Printer, statement: str) -> None:
    confirmed(printer, proposed(printer))
    store = printer.room.store
    (index, *_) = store.find(WHOM)
    if "salt = x''," in statement:
        (index, *_) = store.find(Named(source="rater/2"))
    with (
        closing(sqlite3.connect(printer.room.folder / "store.db")) as raw,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        raw.execute(statement.format(index))


def test_an_erasure_that_was_interrupted_before_the_files_were_clean_is_finished_by_asking_again(
    printer: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = printer.room.store
    record, other = proposed(printer), proposed(printer, named=Named(source="rater/31"))

    def interrupted() -> None:
        raise UnavailableError("somebody reads the file as it was before")

    with monkeypatch.context() as patch:
        patch.setattr(store, "scrub", interrupted)
        for each in (record, other):
            with pytest.raises(UnavailableError):
                confirmed(printer, each)
    assert len(store.erased()) == 4
    assert files_with(printer, WORDS)
    assert not confirmed(printer, record, "cho")[1]
    assert files_with(printer, WORDS) == []
    assert sound(printer) == []


def test_scoring_lets_go_of_what_was_erased_while_it_runs(printer: Printer) -> None:
    room = printer.room
    scorer = Scorer(room.store, room.roster, printer.keys["scoring"])
    scorer.once(room.later())
    assert scorer._frame.num_rows == 24
    confirmed(printer, proposed(printer))
    scorer.once(room.later())
    assert scorer._frame.num_rows == 20
    assert "rater/3" not in scorer._frame.column("source").unique().to_pylist()
    assert sound(printer) == []
