"""One event's bytes: CloudEvents with our kinds, each departure with its reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quarantine.envelope import AHEAD, LARGEST, kinds, opened, read
from quarantine.errors import MalformedError

ARRIVED = 1_800_000_000_000_000

DATA: dict[str, dict[str, object]] = {
    "feedback.rating.v1": {"value": 4, "low": 1, "high": 5, "prompt": "p", "completion": "c"},
    "feedback.label.v1": {"label": "toxic", "labels": ["toxic", "fine"]},
    "feedback.preference.v1": {"prompt": "p", "chosen": "a", "rejected": "b", "margin": 0.5},
    "feedback.correction.v1": {"prompt": "p", "completion": "c", "corrected": "d"},
    "feedback.signal.v1": {"name": "click", "value": 3.5},
    "feedback.pseudo_label.v1": {
        "label": "a",
        "labels": ["a", "b"],
        "confidence": 0.9,
        "model": "m-1",
        "generation": 2,
    },
}
ANYWHERE = {
    "text": "so",
    "item": "it",
    "shown": ["a", "b"],
    "model": "m-2",
    "shown_at": "2026-01-01T00:00:00Z",
    "supersedes": "e0",
    "derived_from": ["r1"],
}


def event(type: str = "feedback.rating.v1", **changed: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e1",
        "source": "rater/1",
        "subject": "answer/1",
        "type": type,
        "time": "2026-01-01T00:00:00Z",
        "scope": "helpful",
        "data": DATA.get(type, {}),
        **changed,
    }


def reason_of(value: object) -> str:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    with pytest.raises(MalformedError) as refused:
        read(body, position=0, arrived=ARRIVED)
    return refused.value.reason


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in event().items() if name != key}


def test_there_is_an_example_of_every_kind() -> None:
    assert set(DATA) == set(kinds())


@pytest.mark.parametrize("type", sorted(DATA))
def test_every_kind_is_read_with_all_that_it_may_hold(type: str) -> None:
    body = json.dumps(event(type, data={**DATA[type], **ANYWHERE}, aspect="style")).encode()
    found = read(body, position=3, arrived=ARRIVED)
    assert (found.source, found.id, found.target, found.scope) == (
        "rater/1",
        "e1",
        "answer/1",
        "helpful",
    )
    assert (found.position, found.body, found.aspect) == (3, body, "style")
    assert kinds()[type].name == found.kind
    assert opened(body)[1].text == "so"


@pytest.mark.parametrize("type", sorted(DATA))
def test_every_kind_refuses_an_unknown_field(type: str) -> None:
    assert reason_of(event(type, data={**DATA[type], "weight": 9})) == "unknown_field"


def test_a_preference_says_where_the_chosen_answer_was_shown() -> None:
    data = {**DATA["feedback.preference.v1"], "shown": ["b", "a"]}
    body = json.dumps(event("feedback.preference.v1", data=data)).encode()
    assert read(body, position=0, arrived=ARRIVED).said.place == 1


@pytest.mark.parametrize("key", ["id", "source", "subject", "type", "time", "scope", "data"])
def test_a_missing_attribute_is_refused(key: str) -> None:
    assert reason_of(without(key)) == "missing_field"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (event(reply_to="approvals"), "unknown_field"),
        (event(specversion="0.3"), "old_version"),
        (event("feedback.rating.v0"), "old_version"),
        (event("feedback.applause.v1"), "unknown_type"),
        (event(id=""), "bad_value"),
        (event(id=5), "bad_value"),
        (event(id="a\x00b"), "bad_value"),
        (event(time="yesterday"), "bad_value"),
        (event(time="2026-13-01T00:00:00Z"), "bad_value"),
        (event(time="2026-01-01 00:00:00Z"), "bad_value"),
        (event(time="2100-01-01T00:00:00Z"), "time_ahead"),
        (event(data={"value": True, "low": 0, "high": 1}), "bad_value"),
        (event(data={"value": "4", "low": 1, "high": 5}), "bad_value"),
        (event(data={"value": 6, "low": 1, "high": 5}), "bad_value"),
        (event(data={"value": 1, "low": 1, "high": 1}), "bad_value"),
        (event(data={"value": 1, "low": 1}), "missing_field"),
        (event("feedback.label.v1", data={"label": "x", "labels": ["a"]}), "bad_value"),
        (event("feedback.label.v1", data={"label": "a", "labels": ["a", "a"]}), "bad_value"),
        (
            event("feedback.preference.v1", data={"prompt": "p", "chosen": "a", "rejected": "a"}),
            "bad_value",
        ),
        (event(data=[]), "bad_value"),
        ([event()], "bad_value"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"id":', "bad_json"),
        (b" " * (LARGEST + 1), "event_too_large"),
    ],
)
def test_a_departure_has_its_reason(value: object, reason: str) -> None:
    assert reason_of(value) == reason


def test_a_clock_may_run_five_minutes_ahead_and_no_more() -> None:
    body = json.dumps(event()).encode()
    claimed = read(body, position=0, arrived=ARRIVED).claimed
    read(body, position=0, arrived=claimed - AHEAD)
    with pytest.raises(MalformedError, match="time_ahead"):
        read(body, position=0, arrived=claimed - AHEAD - 1)


def test_a_fraction_of_any_length_is_read() -> None:
    for time in ("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.123456789+02:00"):
        read(json.dumps(event(time=time)).encode(), position=0, arrived=ARRIVED)
