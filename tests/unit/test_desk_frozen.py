"""What was frozen is what is asked for: any change since makes a request stale."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from approvals import desk
from approvals.model import (
    Decision,
)
from approvals.rules import load
from quarantine.errors import (
    StaleError,
    UsageError,
)
from quarantine.model import SourceKey, Verdict, to_micros
from tests.room import (
    LOOSE,
    START,
    Room,
    alter,
    asked,
    body,
    crowded,
    hand_of,
    release,
    take_back,
    terms_of,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = crowded(tmp_path)
    with opened.store:
        yield opened


def test_frozen_rows_are_what_the_request_names(room: Room) -> None:
    request, index, _ = room.ask()
    members = desk.recheck_members(room.store, index, request)
    assert len(members) == 36


@pytest.mark.parametrize(
    ("statement", "because"),
    [
        ("DELETE FROM member WHERE idx = (SELECT max(idx) FROM member)", "are not the ones"),
        ("UPDATE member SET leaf = zeroblob(32) WHERE idx = 9", "are not the ones"),
        ("UPDATE member SET cluster = 'one'", "other rows, sources or clusters"),
        (
            "UPDATE event SET body = CAST(replace(body, '4', '5') AS BLOB) WHERE idx = 9",
            "log row 9 changed",
        ),
        ("UPDATE event SET arrived = arrived - 1 WHERE idx = 9", "log row 9 changed"),
        ("UPDATE event SET id = 'x' WHERE idx = 9", "log row 9 changed"),
        ("DELETE FROM event WHERE idx = 9", "other rows, sources or clusters"),
    ],
)
def test_rows_changed_after_they_were_frozen_are_stale(
    room: Room, statement: str, because: str
) -> None:
    request, index, _ = room.ask()
    alter(room, statement)
    with pytest.raises(StaleError, match=because) as refused:
        desk.recheck_members(room.store, index, request)
    assert refused.value.exit_code == 7
    with pytest.raises(StaleError):
        room.vote(request, "ben")


def test_a_vote_reads_what_was_frozen_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    request, index, _ = room.ask()
    room.vote(request, "ben")
    asked_for: list[int] = []
    members = room.store.members
    monkeypatch.setattr(
        room.store, "members", lambda place: asked_for.append(place) or members(place)
    )
    room.vote(request, "cleo")
    assert asked_for == [index]


def test_the_only_row_of_a_source_cannot_vanish(room: Room) -> None:
    room.hear([body("rater/once", "1", "answer-1")])
    room.score(["rater/once"])
    request, index, _ = room.ask()
    last = room.store.members(index)[-1].index
    alter(room, f"DELETE FROM event WHERE idx = {last}")
    with pytest.raises(StaleError, match=f"log row {last} of request .* is not held"):
        desk.recheck_members(room.store, index, request)


def test_rows_taken_back_after_they_were_frozen_are_stale(room: Room) -> None:
    request, index, _ = room.ask()
    take_back(room, [room.store.members(index)[0].index])
    with pytest.raises(StaleError, match=r"1 rows of request .* were taken back"):
        room.vote(request, "ben")


def test_a_source_held_after_it_was_frozen_makes_it_stale(room: Room) -> None:
    request, _, _ = room.ask()
    room.score(["rater/3"], verdict=Verdict.HOLD)
    with pytest.raises(StaleError, match=r"1 sources of request .* are on hold now"):
        room.vote(request, "ben")
    hand = hand_of(room, "ana")
    desk.rule_source(room.store, SourceKey("app", "rater/3"), "clear", because="known", **hand)
    room.vote(request, "ben")


def test_rows_that_another_request_released_are_stale(room: Room) -> None:
    request, index, _ = room.ask()
    twin, _, _ = room.ask("ben")
    release(room, twin)
    with pytest.raises(StaleError, match=r"36 rows of request .* were released before"):
        desk.recheck_members(room.store, index, request)
    with pytest.raises(StaleError):
        room.vote(request, "ben")


def test_two_requests_together_cannot_pass_a_lifetime(room: Room) -> None:
    text = LOOSE.replace("lifetime = 200", "lifetime = 4").replace("rows = 60", "rows = 3")
    room.policy = load(text)
    first, _, _ = room.ask()
    room.hear(
        [
            body(f"rater/{n}", f"x-{n}-{t}", f"x-{t}", scope="other")
            for n in range(12)
            for t in range(3)
        ]
    )
    room.score(["rater/0"])
    second, index, _ = desk.make_request(room.store, **asked(room, scope="other"))
    assert len(desk.recheck_members(room.store, index, second, room.policy)) == 36
    release(room, first)
    with pytest.raises(StaleError, match=r"24 voices of request .* left too often since"):
        desk.recheck_members(room.store, index, second, room.policy)
    with pytest.raises(StaleError):
        room.vote(second, "ben")


def test_a_ring_found_after_it_was_frozen_counts_as_one_life(room: Room) -> None:
    room.policy = load(
        LOOSE.replace("lifetime = 200", "lifetime = 35").replace("rows = 60", "rows = 3")
    )
    request, index, _ = room.ask()
    assert desk.recheck_members(room.store, index, request, room.policy)
    room.score([f"rater/{n}" for n in range(12)], cluster="ring")
    with pytest.raises(StaleError, match="1 voices of request"):
        desk.recheck_members(room.store, index, request, room.policy)


def test_a_request_that_the_log_does_not_have_is_stale(room: Room) -> None:
    request, _, _ = room.ask()
    with pytest.raises(StaleError, match="not in the log"):
        room.vote(request.model_copy(update={"rows": 35}), "ben")


def test_a_vote_says_when_it_ends_and_why(room: Room) -> None:
    request, _, _ = room.ask()
    vote = room.vote(request, "ben")
    assert vote.expires == min(vote.at + HOUR, request.expires)
    (cast,) = desk.votes_on(room.store, request)
    assert (cast.vote, cast.key) == (vote, room.signers["ben"].key_id)
    assert to_micros(vote.at) == to_micros(cast.logged or START)
    with pytest.raises(UsageError, match="say why"):
        desk.cast(room.store, request, Decision.REJECT, because=" ", **terms_of(room, "cleo"))
