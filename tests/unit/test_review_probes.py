"""Probes on the screen: shown like any source, counted for nobody, answered by the same act."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from approvals.probes import Companion, Probe, Said, answers, kept, plant
from approvals.screen.book import Book
from approvals.screen.interview import begin
from approvals.screen.model import Choice, Staged
from approvals.screen.seat import Seat
from approvals.screen.signing import sign
from approvals.screen.waiting import waiting
from quarantine.model import SourceKey, Verdict, to_micros
from tests.reviewing import LONER, RING, dossier, doubted, rulings, seat
from tests.room import Room

NAME = "rater/77"


@pytest.fixture
def room(tmp_path: Path) -> Iterable[Room]:
    made = doubted(tmp_path)
    yield made
    made.store.close()


def planted(room: Room, *, bad: bool = True, targets: Sequence[str] = ("answer-0",)) -> Probe:
    """Plant one probe that says five of some targets, beside five companions."""
    probe = Probe(
        dossier=dossier(NAME, verdict=Verdict.HOLD, score=0.9, cluster="rater/70"),
        events=tuple(
            Said(target=target, answer="5", kind="rating", arrived=to_micros(room.at))
            for target in targets
        ),
        company=tuple(Companion(source=f"rater/7{n}", verdict=Verdict.HOLD) for n in range(6)),
        bad=bad,
        attack="ring" if bad else "",
        salt="5a17",
    )
    plant(room.store, room.folder, [probe], signer=room.operator, at=room.later())
    return probe


def guarded(room: Room, name: str = "ben") -> Seat:
    return replace(seat(room, name), probes=kept(room.folder, room.store.acts()))


def shown(at: Seat, name: str) -> str:
    """Return all that is shown of a case to somebody, but for its name and its times."""
    book = Book.read(at.store, at.roster().standings, at.probes)
    talk = begin(at, book, waiting(at))
    talk.sitting.place = [case.name for case in talk.sitting.cases].index(name)
    face = talk.sitting.face
    assert face is not None
    told = replace(face, who=face.what, since=face.what, activity=(), pace=face.what, more=())
    return repr(told)


def test_a_probe_waits_among_the_days_cases_and_once_a_person(room: Room) -> None:
    planted(room)
    at = guarded(room)
    queue = waiting(at)
    (case,) = [case for case in queue.cases if case.name == f"app/{NAME}"]
    (done,) = sign(at, [Staged(case, Choice.HOLD, "a ring", room.later())])
    assert done.refused is None
    assert f"app/{NAME}" not in [each.name for each in waiting(guarded(room)).cases]
    assert f"app/{NAME}" in [each.name for each in waiting(guarded(room, "cleo")).cases]
    assert rulings(room) == {f"app/{NAME}": "hold"}
    (answer,) = answers(at.probes, room.store.acts(), room.roster)["ben"]
    assert answer.is_right


def test_a_probe_is_shown_in_the_words_and_fields_of_real_feedback(room: Room) -> None:
    planted(room, targets=("answer-0", "answer-1", "answer-2"))
    told = shown(guarded(room), f"app/{NAME}")
    real = shown(guarded(room), f"app/{RING[0]}")
    for part in (
        "about='answer-0'",
        "says='value 5, low 1, high 5'",
        "text='text: this is what ring/",
        "one voice of 6 (6 hold): app/",
        "on 0..1, this 1.00",
        "3 rating events on 3 targets for helpful; unvetted",
    ):
        assert part in told, (part, told)
        assert part in real, (part, real)


def test_a_probe_counts_for_nobody(room: Room) -> None:
    before = shown(guarded(room), f"app/{LONER}")
    planted(room, targets=("answer-0", "answer-1"))
    assert shown(guarded(room), f"app/{LONER}") == before


def test_a_probes_company_is_told_like_any_others(room: Room) -> None:
    planted(room)
    at = guarded(room)
    talk = begin(at, Book.read(room.store, room.roster.standings, at.probes), waiting(at))
    talk.press("/")
    talk.answer(NAME)
    face = talk.sitting.face
    assert face is not None
    assert "the 6 sources of its cluster:" in face.more
    assert "  app/rater/75" in face.more


def test_what_nothing_genuine_says_is_left_out(room: Room) -> None:
    probe = planted(room, targets=("answer-0",))
    odd = probe.model_copy(
        update={"events": (Said(target="x", answer="17", kind="rating", arrived=1),)}
    )
    book = Book.read(room.store, {}, {probe.key: odd})
    assert len(book.voices.rows_of(probe.key)) == 0


def test_a_body_that_is_made_up_is_read_like_any_other(room: Room) -> None:
    probe = planted(room)
    book = Book.read(room.store, {}, {probe.key: probe})
    (number,) = book.planted.donors
    held = book.held([number])[number]
    assert json.loads(held.body)["subject"] == "answer-0"
    assert SourceKey(held.producer, held.source) == probe.key
    assert room.store.size() <= number
