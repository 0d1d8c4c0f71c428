"""What every adapter must do with recorded payloads of its system, and with spoilt ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from quarantine.envelope import read
from quarantine.errors import UnavailableError
from quarantine.model import to_micros
from service.adapting.config import Config, adapters
from service.adapting.forwarding import Forwarder
from service.adapting.words import bytes_of
from service.settings import State

RECORDED = Path(__file__).parents[1] / "recorded"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = to_micros(NOW)


@dataclass
class Press:
    """Stands where a publisher stands, and remembers what was published; `down`: nothing is."""

    said: list[tuple[str, bytes]] = field(default_factory=list)
    down: bool = False

    def open(self, producer: str, key: Path) -> Any:
        del key
        return _Pressing(self, producer)


@dataclass
class _Pressing:
    press: Press
    producer: str

    def publish(self, events: list[bytes]) -> None:
        if self.press.down:
            raise UnavailableError("the bus is away")
        self.press.said += [(self.producer, event) for event in events]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


@pytest.fixture(params=sorted(adapters()))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def press() -> Press:
    return Press()


@pytest.fixture
def forwarder(name: str, press: Press, tmp_path: Path) -> Iterator[Forwarder]:
    config = Config.model_validate(recorded(name)["config"])
    with Forwarder(name, config, State(tmp_path), press.open) as made:
        yield made


def told(press: Press) -> list[list[str]]:
    found = []
    for producer, body in press.said:
        event = read(body, position=0, arrived=LATER)
        found.append([producer, event.source, event.kind, event.id])
    return found


def matches(said: list[list[str]], expected: list[list[str]]) -> bool:
    """Say whether this was said, in whatever order; an id `?` is any."""
    free = any(each[3] == "?" for each in expected)
    mine = sorted(each[:3] if free else each for each in said)
    return mine == sorted(each[:3] if free else each for each in expected)


def test_what_was_recorded_is_said_in_our_words_by_whom_it_should(
    name: str, forwarder: Forwarder, press: Press
) -> None:
    known = recorded(name)
    done = forwarder.take(map(bytes_of, known["records"]), lambda: NOW)
    assert matches(told(press), known["events"]), told(press)
    assert sorted(each.reason for each in forwarder.inbox.aside()) == sorted(known["aside"])
    assert done.events == len(known["events"])


def test_what_comes_again_is_not_said_again(name: str, forwarder: Forwarder, press: Press) -> None:
    bodies = [bytes_of(each) for each in recorded(name)["records"]]
    forwarder.take(bodies, lambda: NOW)
    before = len(press.said)
    assert forwarder.take(bodies, lambda: NOW + timedelta(hours=1)).events == 0
    assert len(press.said) == before


def test_while_the_bus_is_away_all_is_kept_and_said_later(
    name: str, forwarder: Forwarder, press: Press
) -> None:
    known = recorded(name)
    press.down = True
    with pytest.raises(UnavailableError):
        forwarder.take(map(bytes_of, known["records"]), lambda: NOW)
    press.down = False
    forwarder.take([], lambda: NOW + timedelta(hours=1))
    assert matches(told(press), known["events"])


def test_a_run_cut_off_after_publishing_says_the_same_bytes_again(
    name: str, forwarder: Forwarder, press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [bytes_of(each) for each in recorded(name)["records"]]
    with monkeypatch.context() as cut:
        cut.setattr(forwarder.inbox, "finish", _die)
        with pytest.raises(KeyboardInterrupt):
            forwarder.take(bodies, lambda: NOW)
    first = list(press.said)
    press.said.clear()
    forwarder.take([], lambda: NOW + timedelta(hours=1))
    assert press.said == first


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def spoilt(record: object) -> Iterator[object]:
    """Yield `record` with each of its places left out, or holding what it should not."""
    for path in _places(record):
        for strange in (None, [], {}, -1, 10**30, "", "\ud800x", True):
            changed = copy.deepcopy(record)
            _put(changed, path, strange)
            yield changed


def _places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, each in inner:
        yield (*path, key)
        yield from _places(each, (*path, key))


def _put(value: Any, path: tuple[Any, ...], strange: object) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = strange


def test_spoilt_records_lose_nothing_and_never_break_it(
    name: str, forwarder: Forwarder, press: Press
) -> None:
    bodies = [
        json.dumps(bad).encode() for record in recorded(name)["records"] for bad in spoilt(record)
    ]
    bodies += [
        b'{"text": "' + b"x" * 70_000 + b'"}',
        b"",
        b"nonsense",
        b"\xff",
        b"[1]",
        b'"x"',
        b"NaN",
        b'{"a":NaN}',
        b"[" * 1000,
    ]
    done = forwarder.take(bodies, lambda: NOW)
    came, waiting, _ = forwarder.inbox.counts()
    assert (came, waiting) == (len(set(bodies)), 0)
    assert done.aside > 0
    for _, body in press.said:
        read(body, position=0, arrived=LATER)
