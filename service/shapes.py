"""Batches whose events are all spelled alike, read by one expression made from the first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from quarantine import strict_json
from quarantine.envelope import AHEAD, LARGEST, claimed_at, glance, ways
from quarantine.errors import MalformedError
from quarantine.model import Event, Said
from service.slices import MOST

FEWEST: Final = 64
"""Events in a batch that make it worth while: an expression costs as much as reading so many."""

_LONGEST: Final = LARGEST // 4
"""Characters of an event, which is too long beyond four times as many bytes."""
_COMPACT: Final = (",", ":")
_SPACED: Final = (", ", ": ")
_NAME: Final = r'"([^"\\\x00-\x1f\x7f-\x9f]{1,512})"'
_STRING: Final = r'"([^"\\\x00-\x1f]*)"'
# No possessive quantifiers: Python before 3.11.5 matches them wrongly. None of these can backtrack
# far, because what may follow is never in the class that repeats.
_NUMBER: Final = r"(-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?)(?![0-9.eE])"
_NAMES: Final = ("source", "id", "scope", "subject", "time", "aspect")


class _Inner(NamedTuple):
    """Which group holds which string or number of an event's data, and what stands still there."""

    strings: dict[str, int]
    numbers: dict[str, int]
    still: dict[str, object]

    @property
    def groups(self) -> int:
        """Return how many groups that is."""
        return len(self.strings) + len(self.numbers)


class _Shape(NamedTuple):
    """How one event is spelled: what stands still, and which group holds which of the rest."""

    pattern: re.Pattern[str]
    joint: str
    names: Mapping[str, int]
    strings: Mapping[str, int]
    numbers: Mapping[str, int]
    still: Mapping[str, object]
    kind: str
    say: Callable[[Any], Said]


def alike(batch: bytes, *, arrived: int) -> list[Event] | None:
    """Read a batch in which every event is spelled as the first one is, and valid.

    What comes out is what `split` and `read` would make of it; absent when any event is spelled
    another way, needs an escape or is not valid: then only they know. `arrived` is in µs.
    """
    try:
        text = batch.decode()
        shape = _shape(text, arrived)
        if shape is None:
            return None
        return list(_events(shape, text, batch, arrived))
    except (MalformedError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _events(shape: _Shape, text: str, batch: bytes, arrived: int) -> Iterator[Event]:
    """Yield the events; raises `LookupError` at the first that is not of this shape."""
    latest, plain = arrived + AHEAD, len(text) == len(batch)
    kind, say, still = shape.kind, shape.say, shape.still
    strings, numbers = [*shape.strings.items()], [*shape.numbers.items()]
    source, id_, scope, subject, time, aspect = (shape.names[name] for name in _NAMES)
    for position, found in enumerate(_spelled(shape, text)):
        said = (*found.groups(), "")
        data = {**still, **{name: said[group] for name, group in strings}}
        for name, group in numbers:
            spelled = said[group]
            data[name] = float(spelled) if "." in spelled else int(spelled)
        claimed = claimed_at(said[time])
        if claimed > latest:
            raise LookupError
        yield Event(
            position,
            said[source],
            said[id_],
            kind,
            said[scope],
            said[subject],
            said[aspect],
            claimed,
            say(data),
            batch[found.start() : found.end()] if plain else found[0].encode(),
        )


def _spelled(shape: _Shape, text: str) -> Iterator[re.Match[str]]:
    """Yield each event where it stands; raises `LookupError` where something else does."""
    match, joint = shape.pattern.match, shape.joint
    at, end = 1, 0
    for _ in range(MOST):
        found = match(text, at)
        if found is None or found.end() - at > _LONGEST:
            raise LookupError
        yield found
        end = found.end()
        if not text.startswith(joint, end):
            break
        at = end + len(joint)
    if text[end:] != "]":
        raise LookupError


def _shape(text: str, arrived: int) -> _Shape | None:
    """Return the shape of the first event, where that is valid and its batch is worth it."""
    if not text.startswith("[{") or text.count('"specversion"') < FEWEST:
        return None
    value, _ = strict_json.scan_plain(text, 1)
    if not isinstance(value, dict) or not glance(value, b"", position=0, arrived=arrived):
        return None
    style = _SPACED if text[text.index(":") + 1] == " " else _COMPACT
    names: dict[str, int] = {}
    inner = _Inner({}, {}, {})
    parts = []
    for key, each in value.items():
        if key == "data":
            inner, pattern = _inner(each, style, len(names))
        elif key in _NAMES and each is not None:
            names[key] = len(names) + inner.groups
            pattern = _STRING if key == "time" else _NAME
        else:
            pattern = _literal(each, style)
        parts.append(f'"{key}"{style[1]}{pattern}')
    names.setdefault("aspect", len(names) + inner.groups)
    kind, say = ways()[value["type"]]
    compiled = _compiled("{" + style[0].join(parts) + "}")
    return _Shape(compiled, style[0], names, *inner, kind, say)


def _inner(data: Mapping[str, object], style: tuple[str, str], first: int) -> tuple[_Inner, str]:
    """Return what of `data` changes, its groups counted from `first`, and its pattern."""
    inner = _Inner({}, {}, {})
    parts = []
    for key, each in data.items():
        group = first + inner.groups
        if isinstance(each, str):
            inner.strings[key] = group
            pattern = _STRING
        elif isinstance(each, int | float) and not isinstance(each, bool):
            inner.numbers[key] = group
            pattern = _NUMBER
        else:
            inner.still[key] = each
            pattern = _literal(each, style)
        parts.append(f'"{key}"{style[1]}{pattern}')
    return inner, "{" + style[0].join(parts) + "}"


def _literal(value: object, style: tuple[str, str]) -> str:
    return re.escape(json.dumps(value, ensure_ascii=False, separators=style))


@lru_cache(maxsize=256)
def _compiled(spelled: str) -> re.Pattern[str]:
    return re.compile(spelled)
