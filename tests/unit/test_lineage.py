"""Taking back, whatever is named, and where the rows went from there."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.audit import audit
from approvals.lineage import around, consume, trace, untouched, wider
from approvals.model import Consumed, ReleaseYanked
from approvals.releases import Left, current, releases
from approvals.revoke import TakingBack, take_back, yank
from quarantine.errors import TamperedError, UsageError
from quarantine.model import Named, SourceKey, from_micros
from tests.press import Printer
from tests.room import Room, body

APP = "app"


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(8, 3)
    return printer


def back(printer: Printer, **named: object) -> int:
    taking = TakingBack(because="poison", by="ana", at=printer.room.later(), **named)  # type: ignore[arg-type]
    return take_back(printer.room.store, taking, printer.room.signers["ana"]).rows


def left(printer: Printer, number: int) -> Left:
    return releases(printer.room.store)[number]


def train(printer: Printer, number: int, model: str) -> bool:
    record = left(printer, number).record
    receipt = Consumed(
        at=printer.room.later(), name=record.name, manifest=record.manifest, model=model
    )
    return consume(printer.room.store, receipt, printer.room.operator)


def emit(id_: str, model: str, **data: object) -> bytes:
    said = {"label": "a", "labels": ["a", "b"], "confidence": 0.9, "model": model}
    event = json.loads(body("loop/1", id_, "answer-1"))
    event["type"] = "feedback.pseudo_label.v1"
    event["data"] = said | {"generation": 1} | data
    return json.dumps(event).encode()


def rows_of(printer: Printer, source: str) -> list[int]:
    return printer.room.store.find(Named(producer=APP, source=source))


def test_one_event_is_taken_back_alone(printer: Printer) -> None:
    assert back(printer, event="rater/3-1") == 1
    assert len(printer.room.store.revoked()) == 1
    assert SourceKey(APP, "rater/3") not in printer.room.roster.standings


def test_a_window_takes_back_what_everybody_said_of_a_target_then(printer: Printer) -> None:
    since = printer.room.at
    printer.room.hear([body("rater/1", f"x{n}", f"answer-{n}") for n in range(3)])
    printer.room.hear([body("rater/2", "y0", "answer-0")])
    assert back(printer, since=since, target="answer-0") == 2
    assert back(printer, since=since) == 4


def test_all_of_a_producer_is_taken_back_and_its_sources_are_held(printer: Printer) -> None:
    assert back(printer, source=SourceKey(APP, "")) == 24
    standings = printer.room.roster.standings
    assert {standings[SourceKey(APP, f"rater/{n}")].ruling for n in range(8)} == {"hold"}


def test_what_arrived_under_a_key_since_a_time_is_taken_back_alone(printer: Printer) -> None:
    printer.room.hear([body("rater/1", "old", "answer-0")], key="k2")
    since = printer.room.later()
    printer.room.hear([body("rater/1", f"x{n}", f"answer-{n}") for n in range(3)], key="k2")
    printer.room.hear([body("rater/2", "y0", "answer-0")])
    assert back(printer, source=SourceKey(APP, ""), key="k2", since=since) == 3
    assert back(printer, key="k2") == 4
    assert SourceKey(APP, "rater/1") not in printer.room.roster.standings
    assert audit(printer.room.store, roles=printer.roles) == []


def test_naming_what_nobody_heard_of_is_refused_and_changes_nothing(printer: Printer) -> None:
    size = printer.room.store.size()
    for named in (
        {"source": SourceKey(APP, "nobody")},
        {"source": SourceKey("other", "")},
        {"event": "none"},
        {"key": "k2"},
    ):
        with pytest.raises(UsageError):
            back(printer, **named)
    assert printer.room.store.size() == size


def test_a_release_taken_back_as_a_whole_is_current_no_more_and_does_not_verify(
    printer: Printer,
) -> None:
    first = printer.print("first")
    record = left(printer, 0).record
    yanked = ReleaseYanked(
        at=printer.room.later(),
        name=record.name,
        manifest=record.manifest,
        because="a wrong purpose",
        by="ana",
    )
    yank(printer.room.store, left(printer, 0), yanked, printer.room.signers["ana"])
    assert current(printer.room.store, "helpful") is None
    assert printer.room.store.revoked() == set()
    printer.publish()
    with pytest.raises(TamperedError, match=r"was taken back \("):
        printer.verify(first)
    with pytest.raises(UsageError, match="before"):
        yank(printer.room.store, left(printer, 0), yanked, printer.room.signers["ana"])


def test_rows_are_followed_through_models_to_what_those_said_and_on(printer: Printer) -> None:
    printer.print("first")
    assert train(printer, 0, "models:/assistant/1")
    assert not train(printer, 0, "models:/assistant/1")
    printer.room.hear(
        [
            emit("p1", "models:/assistant/1"),
            emit("p2", "models:/other/1"),
            emit("p3", "models:/other/2", derived_from=["p1"]),
        ]
    )
    first, second, third = trace(printer.room.store, rows_of(printer, "rater/3"))
    assert (first.rows, first.models) == (3, ("models:/assistant/1",))
    assert [(each.record.name, rows) for each, rows in first.releases] == [
        (left(printer, 0).record.name, 3)
    ]
    assert len(first.emitted) == second.rows == 1
    assert (second.releases, second.models, third.rows) == ((), (), 1)
    assert third.emitted == ()


def test_a_loop_that_feeds_itself_ends(printer: Printer) -> None:
    printer.print("first")
    train(printer, 0, "m")
    printer.room.hear([emit("p1", "m", derived_from=["p2"]), emit("p2", "m", derived_from=["p1"])])
    assert [each.rows for each in trace(printer.room.store, rows_of(printer, "rater/3"))] == [3, 2]


def test_a_receipt_for_no_release_of_this_log_is_refused(printer: Printer) -> None:
    receipt = Consumed(at=printer.room.later(), name="x", manifest="0" * 64, model="m")
    with pytest.raises(UsageError, match="no release"):
        consume(printer.room.store, receipt, printer.room.operator)


def test_the_cluster_and_the_window_around_what_was_named_are_proposed(printer: Printer) -> None:
    printer.room.score(["rater/3", "rater/4"], cluster="app/rater/3")
    rows = rows_of(printer, "rater/3")
    concerned = around(printer.room.store, rows)
    assert concerned.sources == (SourceKey(APP, "rater/3"),)
    assert concerned.clusters == {
        "app/rater/3": (SourceKey(APP, "rater/3"), SourceKey(APP, "rater/4"))
    }
    held = [event.arrived for event in printer.room.store.held(rows)]
    assert (concerned.first, concerned.last) == (min(held), max(held))


def test_of_one_row_its_voice_is_proposed_near_in_time_and_whole(printer: Printer) -> None:
    room = printer.room
    printer.print("first")
    room.score(["rater/3", "rater/4"], cluster="app/rater/3")
    room.later(timedelta(days=30))
    room.hear([body(f"rater/{n}", f"late-{n}", "answer-9") for n in (3, 4)])
    (row,) = room.store.find(Named(event="late-3"))
    near, whole = wider(room.store, [row])
    assert (near.cluster, near.more, near.releases) == ("app/rater/3", 1, ())
    assert (whole.cluster, whole.more) == ("app/rater/3", 7)
    assert (whole.since, whole.until) == (None, None)
    assert [(each.record.name, rows) for each, rows in whole.releases] == [
        (left(printer, 0).record.name, 6)
    ]
    taking = {"since": from_micros(near.since or 0), "until": from_micros(near.until or 0)}
    assert back(printer, source=SourceKey(APP, "rater/4"), **taking) == 1


def test_a_source_that_is_linked_with_nobody_is_its_own_voice(printer: Printer) -> None:
    (row,) = printer.room.store.find(Named(event="rater/3-1"))
    (only,) = wider(printer.room.store, [row])
    assert (only.cluster, only.sources, only.more) == ("", (SourceKey(APP, "rater/3"),), 2)
    assert wider(printer.room.store, rows_of(printer, "rater/3")) == []
    assert wider(printer.room.store, [row, *rows_of(printer, "rater/4")]) == []
    assert wider(printer.room.store, []) == []


def test_the_last_release_that_never_saw_the_rows_is_named(printer: Printer) -> None:
    printer.print("first")
    printer.room.crowd(4, 3, first=40)
    printer.print("second")
    late = rows_of(printer, "rater/41")
    clean = untouched(printer.room.store, "helpful", late)
    assert clean is not None
    assert clean.record.name.endswith(".1")
    assert untouched(printer.room.store, "helpful", late + rows_of(printer, "rater/1")) is None
