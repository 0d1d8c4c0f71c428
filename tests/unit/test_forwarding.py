"""What becomes of a piece of feedback when another system says that somebody else said it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from service.adapting.config import Config
from service.adapting.forwarding import Forwarder
from service.adapting.words import bytes_of
from service.settings import State
from tests.contracts.test_adapter_bodies import NOW, Press, recorded


def told(by: str | None, second: int, source: str = "APP") -> bytes:
    """Return one annotation of Phoenix as it stood at a second."""
    note = copy.deepcopy(recorded("phoenix")["records"][0])
    changed = f"2026-11-01T10:00:{second:02d}+00:00"
    return bytes_of({**note, "user_id": by, "updated_at": changed, "source": source})


def said(tmp_path: Path, *bodies: bytes) -> list[tuple[str, str, str, str | None]]:
    """Take records one after another; return producer, source, id and what each supersedes."""
    press = Press()
    config = Config.model_validate(recorded("phoenix")["config"])
    with Forwarder("phoenix", config, State(tmp_path), press.open) as forwarder:
        for body in bodies:
            forwarder.take([body], lambda: NOW)
        assert list(forwarder.inbox.aside()) == []
    events: list[tuple[str, Any]] = [(name, json.loads(body)) for name, body in press.said]
    return [
        (name, each["source"], each["id"], each["data"].get("supersedes")) for name, each in events
    ]


FIRST = "U3Bhbg=="


def at(second: int) -> str:
    return f"{FIRST}@2026-11-01T10:00:{second:02d}.000000Z"


def test_a_change_by_its_source_supersedes_what_it_said(tmp_path: Path) -> None:
    assert said(tmp_path, told("ana", 1), told("ana", 2)) == [
        ("people", "user/ana", FIRST, None),
        ("people", "user/ana", at(2), FIRST),
    ]


def test_a_change_by_somebody_else_takes_back_the_one_and_puts_nothing_in_his_mouth(
    tmp_path: Path,
) -> None:
    assert said(tmp_path, told("ana", 1), told("ben", 2), told("ana", 3)) == [
        ("people", "user/ana", FIRST, None),
        ("people", "user/ana", at(2), FIRST),
        ("people", "user/ben", at(2), None),
        ("people", "user/ben", at(3), at(2)),
        ("people", "user/ana", at(3), None),
    ]


def test_a_change_that_another_producer_sends_takes_back_what_the_first_one_sent(
    tmp_path: Path,
) -> None:
    assert said(tmp_path, told("ana", 1), told("ana", 2, source="API")) == [
        ("people", "user/ana", FIRST, None),
        ("people", "user/ana", at(2), FIRST),
        ("others", "user/ana", at(2), None),
    ]
