"""How sure it is who a source is, and what a source took back: neither leaves past the policy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from approvals.attest import act_of
from approvals.loosening import loosened
from approvals.model import WITHDRAWN, Assurance, ProducerAdded, ProducerKey
from approvals.rules import explain, load
from quarantine.errors import UsageError
from tests.room import LOOSE, Room, body, crowded


def demanding(level: str) -> str:
    """Return the room's policy with its first rule asking for `level`."""
    return LOOSE.replace('dwell = "0s"', f'dwell = "0s"\nassurance = "{level}"', 1)


def room_of(folder: Path, level: str) -> Room:
    room = crowded(folder)
    room.policy = load(demanding(level))
    return room


def register(room: Room, name: str, assurance: Assurance | None) -> None:
    key = ProducerKey(id="k1", algorithm="hmac-sha256")
    record = ProducerAdded(at=room.later(), name=name, key=key, assurance=assurance)
    room.store.record([act_of(record, room.operator)])


def test_levels_are_in_order() -> None:
    order = [
        Assurance(each)
        for each in ("none", "self-declared", "platform-user", "channel-authenticated")
    ]
    assert list(Assurance) == order
    for mine, level in enumerate(order):
        assert [level.reaches(each) for each in order] == [n <= mine for n in range(4)]


def test_who_is_less_sure_than_the_rule_asks_stays(tmp_path: Path) -> None:
    room = room_of(tmp_path, "platform-user")
    register(room, "logins", Assurance.PLATFORM_USER)
    room.crowd(12, 3, first=50, producer="logins")
    request, _, choice = room.ask()
    assert request.rows == 36
    assert choice.left_out == {"source not sure enough: people": 36}


@pytest.mark.parametrize(("level", "rows"), [("none", 36), ("self-declared", 36)])
def test_where_nobody_said_it_is_the_sources_own_word(
    tmp_path: Path, level: str, rows: int
) -> None:
    request, _, _ = room_of(tmp_path, level).ask()
    assert request.rows == rows


def test_asking_for_less_is_looser_and_for_more_is_not() -> None:
    plain, strict = load(LOOSE), load(demanding("platform-user"))
    assert any("assurance" in each for each in loosened(strict, plain))
    assert not loosened(plain, strict)


def test_a_policy_says_its_level_in_words_and_refuses_another() -> None:
    assert "known by platform-user or better" in explain(load(demanding("platform-user")))
    with pytest.raises(UsageError, match="assurance"):
        load(demanding("certain"))


def withdrawing(source: str, id_: str, what: str, scope: str = "helpful") -> bytes:
    spoken = json.loads(body(source, id_, "anything"))
    data = {"name": WITHDRAWN, "value": 1, "low": 0, "high": 1, "supersedes": what}
    return json.dumps(
        {**spoken, "type": "feedback.signal.v1", "scope": scope, "data": data}
    ).encode()


def test_what_a_source_withdrew_stays(tmp_path: Path) -> None:
    room = crowded(tmp_path)
    room.hear([withdrawing("rater/0", "gone", "rater/0-1")])
    room.score(["rater/0"])
    request, _, choice = room.ask()
    assert (request.rows, choice.left_out) == (35, {"superseded by its source": 1})


def test_nobody_withdraws_what_another_said_nor_in_another_scope(tmp_path: Path) -> None:
    room = crowded(tmp_path)
    room.hear(
        [
            withdrawing("rater/1", "not mine", "rater/0-1"),
            withdrawing("rater/0", "not here", "rater/0-1", scope="elsewhere"),
        ]
    )
    room.score(["rater/0", "rater/1"])
    request, _, choice = room.ask()
    assert (request.rows, choice.left_out) == (36, {})
