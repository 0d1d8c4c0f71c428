"""Log lines: one a decision, who and which and why, and never what an event says."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from quarantine.arrivals import Arrival, DeadLetter, Taken, put_aside
from service import logs
from service.door import Passed
from service.traced import span_id, trace_id

SECRET = "what the rater said in confidence"
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Lines:
    """What was logged, as JSON."""

    def __init__(self) -> None:
        """Listen to the lines of decisions."""
        self.out = io.StringIO()
        self.handler = logging.StreamHandler(self.out)
        self.handler.setFormatter(logs.formatter("json"))

    @property
    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    made, logger = Lines(), logging.getLogger("service.logs")
    logger.addHandler(made.handler)
    logger.setLevel(logging.INFO)
    yield made
    logger.removeHandler(made.handler)
    logger.setLevel(logging.NOTSET)


def letter(position: int, reason: str, content: bytes, vouch: bytes = b"7\nk1\nsig") -> DeadLetter:
    arrival = Arrival("app", "feedback:in:app", "9-0", 1, vouch=vouch)
    return put_aside(arrival, position, reason, "detail", content)


def passed(*dead: DeadLetter) -> Passed:
    fields = {b"batch": SECRET.encode(), b"seq": b"7", b"sig": b"sig", b"key": b"k1"}
    return Passed("feedback:in:app", [("9-0", fields)], Taken(3, 1, dead), AT, 0.5, [0.1])


def test_what_was_taken_in_is_one_line_without_what_it_says(lines: Lines) -> None:
    logs.passed(passed())
    (line,) = lines.read
    assert line["decision"] == "held"
    assert (line["stored"], line["duplicates"], line["dead"]) == (3, 1, 0)
    assert (line["stream"], line["entry"], line["level"]) == ("feedback:in:app", "9-0", "info")
    assert line["timestamp"].endswith("Z")
    assert SECRET not in lines.out.getvalue()


def test_each_dead_letter_is_a_line_with_event_source_reason_and_trace(lines: Lines) -> None:
    body = json.dumps({"id": "e1", "source": "rater/1", "data": {"text": SECRET}}).encode()
    logs.passed(passed(letter(2, "unknown_field", body)))
    line = lines.read[1]
    assert line["decision"] == "dead-lettered"
    assert (line["event_id"], line["source"]) == ("e1", "rater/1")
    assert (line["producer"], line["position"], line["reason"]) == ("app", 2, "unknown_field")
    assert line["trace_id"] == trace_id("app", b"7", b"sig")
    assert SECRET not in lines.out.getvalue()


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"[" * 100_000, b'{"id": 3, "source": null}', b'{"id":"a","id":"b"}']
)
def test_a_letter_that_cannot_be_read_is_a_line_all_the_same(lines: Lines, content: bytes) -> None:
    logs.passed(passed(letter(0, "bad_json", content), letter(-1, "unknown_key", content, b"")))
    assert [line.get("reason") for line in lines.read] == [None, "bad_json", "unknown_key"]
    assert all("event_id" not in line for line in lines.read)


def test_no_control_character_of_a_stranger_reaches_the_terminal(lines: Lines) -> None:
    name = "\x1b[2J\u202e\n{}"
    body = json.dumps({"id": name, "source": name}).encode()
    logs.passed(passed(letter(0, "missing_field", body)))
    assert lines.out.getvalue().isascii()
    assert "\x1b" not in lines.out.getvalue()
    assert len(lines.read) == 2, "a line stays one line"
    assert lines.read[1]["source"] == name


def test_a_field_that_is_not_named_is_not_written_whoever_passes_it(lines: Lines) -> None:
    logging.getLogger("service.logs").info("x", extra={"content": SECRET, "producer": "app"})
    assert lines.read[0]["producer"] == "app"
    assert SECRET not in lines.out.getvalue()


def test_a_verdict_that_changed_is_a_line(lines: Lines) -> None:
    logs.verdict("app", "rater/1", None, "hold")
    (line,) = lines.read
    assert (line["decision"], line["source"], line["after"]) == ("verdict", "rater/1", "hold")


def test_a_failure_is_one_line_with_its_trace(lines: Lines) -> None:
    try:
        int("broken")
    except ValueError:
        logging.getLogger("service.logs").exception("it failed")
    (line,) = lines.read
    assert "ValueError: invalid literal" in line["exception"]


def test_plain_lines_are_as_they_were() -> None:
    record = logging.LogRecord("service.intake", 30, "f", 1, "%d entries wait", (3,), None)
    assert logs.formatter("plain").format(record) == "service.intake: 3 entries wait"


def test_ids_of_a_trace_follow_from_what_was_signed_and_from_nothing_else() -> None:
    one = trace_id("app", b"1", b"s")
    assert one == trace_id("app", b"1", b"s")
    others = {trace_id("app", b"2", b"s"), trace_id("ap", b"1", b"s"), trace_id("app", b"1", b"t")}
    assert len({one, *others}) == 4
    assert (len(one), len(span_id("app", b"1", b"s"))) == (32, 16)
