"""Batches whose events are all spelled alike, read by one expression made from the first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from quarantine import strict_json
from quarantine.arrivals import Alike, Columns
from quarantine.envelope import AHEAD, LARGEST, UNHEARD, claimed_at, glance, ways
from quarantine.errors import MalformedError
from quarantine.model import Said
from service.slices import MOST

FEWEST: Final = 64
"""Events in a batch that make it worth while: an expression costs as much as reading so many."""

_SHORTEST: Final = 150
"""Bytes of an event, at least: what it must say needs more."""
_LONGEST: Final = LARGEST // 4
"""Characters of an event, which is too long beyond four times as many bytes."""
_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_SPACED: Final = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "))
_NAME: Final = r'"([^"\\\x00-\x1f\x7f-\x9f]{1,512})"'
# No possessive quantifiers: Python before 3.11.5 matches them wrongly. None of these can backtrack
# far, because what may follow is never in the class that repeats.
_STRING: Final = r'"[^"\\\x00-\x1f]*"'
_NUMBER: Final = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?![0-9.eE])"
_UTC: Final = r'"([0-9T:-]{19})(?:\.([0-9]{1,9}))?Z"'
_ANY_TIME: Final = r'"([^"\\\x00-\x1f]*)()"'
_MICROS: Final = 6
"""Digits of a second's fraction that are kept."""
_NAMES: Final = frozenset({"id", "source", "scope", "subject", "aspect"})

_Found = Sequence[Sequence[str]]
"""What stands in the groups of an expression, group by group, for every event of a batch."""


class _Shape(NamedTuple):
    """How every event is spelled, and what the first one says: its `data` and its time's `zone`.

    `column` says which group holds which name of an event. Column 0 is the whole of it, the one
    behind `time` the fraction of its second, and that of `data` all that is heard and may change.
    """

    pattern: re.Pattern[str]
    joint: str
    zone: str
    column: Mapping[str, int]
    data: Mapping[str, object]
    kind: str
    say: Callable[[Any], Said]


def alike(batch: bytes, *, arrived: int) -> Alike | None:
    """Read a batch in which every event is spelled as the first one is, and valid.

    What comes out is what `split` and `read` would make of it; absent when any event is spelled
    another way, needs an escape or is not valid: then only they know. `arrived` is in µs.
    """
    if len(batch) < FEWEST * _SHORTEST:
        return None
    try:
        text = batch.decode()
        shape = _shape(text, arrived)
        return None if shape is None else _events(shape, _found(shape, text), arrived)
    except (MalformedError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
        return None


def _found(shape: _Shape, text: str) -> _Found:
    """Read every event by the shape; raises `LookupError` where anything else stands.

    An expression that searches passes over what it does not match, so what it found is joined
    again: only when that gives the very text was it all there was.
    """
    pattern, joint = shape.pattern, shape.joint
    first = pattern.match(text, 1)
    if first is None or not pattern.match(text, first.end() + len(joint)):
        raise LookupError  # soon told where every second one is spelled another way
    columns = [*zip(*pattern.findall(text), strict=True)]
    bodies = columns[0]
    if len(bodies) > MOST or max(map(len, bodies)) > _LONGEST:
        raise LookupError
    if f"[{joint.join(bodies)}]" != text:
        raise LookupError
    return columns


def _events(shape: _Shape, columns: _Found, arrived: int) -> Alike:
    """Make the events; raises `LookupError` at a time too far ahead, and what `say` raises."""
    column = shape.column
    claimed = _claimed(columns[column["time"]], columns[column["time"] + 1], shape.zone)
    if max(claimed) > arrived + AHEAD:
        raise LookupError
    many = len(claimed)
    return Alike(
        Columns(
            position=range(many),
            source=columns[column["source"]],
            id=columns[column["id"]],
            kind=[shape.kind] * many,
            scope=columns[column["scope"]],
            target=columns[column["subject"]],
            aspect=columns[column["aspect"]] if "aspect" in column else [""] * many,
            claimed=claimed,
            said=_said(shape, columns[column["data"]]),
            body=[*map(str.encode, columns[0])],
        )
    )


def _claimed(spelled: Sequence[str], fractions: Sequence[str], zone: str) -> list[int]:
    """Return times in µs; the whole seconds are the same for many events, and read once."""
    seconds = {each: claimed_at(each + zone) for each in set(spelled)}
    return [
        seconds[each] + int((fraction + "000000")[:_MICROS])
        for each, fraction in zip(spelled, fractions, strict=True)
    ]


def _said(shape: _Shape, heard: Sequence[str]) -> list[Said]:
    """Return what each event says: where all that is `heard` is spelled alike, they say the same.

    Raises what `say` raises where one is not valid.
    """
    known: dict[str, Said] = {}
    for each in set(heard):
        changed = cast("dict[str, object]", strict_json.scan_plain(f"{{{each}}}", 0)[0])
        known[each] = shape.say({**shape.data, **changed})
    return [known[each] for each in heard]


def _shape(text: str, arrived: int) -> _Shape | None:
    """Return the shape of the first event, where that is valid and its batch is worth it."""
    if not text.startswith("[{"):
        return None
    value, end = strict_json.scan_plain(text, 1)
    if len(text) < end * (FEWEST - 1):
        return None
    if not isinstance(value, dict) or not glance(value, b"", position=0, arrived=arrived):
        return None
    spell = _SPACED if text[text.index(":") + 1] == " " else _COMPACT
    zone = "Z" if re.fullmatch(_UTC, f'"{value["time"]}"') else ""
    patterns = dict.fromkeys(_NAMES, _NAME)
    patterns |= {"data": _inner(value["data"], spell), "time": _UTC if zone else _ANY_TIME}
    column: dict[str, int] = {}
    parts, groups = [], 1
    for key, each in value.items():
        pattern = "" if each is None else patterns.get(key, "")
        if pattern:
            column[key] = groups
            groups += 2 if key == "time" else 1
        else:
            pattern = _literal(each, spell)
        parts.append(f'"{key}"{spell.key_separator}{pattern}')
    kind, say = ways()[value["type"]]
    compiled = _compiled("({" + spell.item_separator.join(parts) + "})")
    return _Shape(compiled, spell.item_separator, zone, column, value["data"], kind, say)


def _inner(data: Mapping[str, object], spell: json.JSONEncoder) -> str:
    """Return the pattern of `data`, with one group from the first to the last that is heard."""
    parts = [
        f'"{key}"{spell.key_separator}{_changing(each) or _literal(each, spell)}'
        for key, each in data.items()
    ]
    heard = [at for at, key in enumerate(data) if key not in UNHEARD and _changing(data[key])]
    if heard:
        parts[heard[0]] = "(" + parts[heard[0]]
        parts[heard[-1]] += ")"
    joined = spell.item_separator.join(parts)
    return "{" + joined + "}" if heard else "{" + joined + "()}"


def _changing(value: object) -> str:
    """Return the pattern of what may change from event to event, nothing for what stands still."""
    if isinstance(value, str):
        return _STRING
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return _NUMBER if number else ""


def _literal(value: object, spell: json.JSONEncoder) -> str:
    return re.escape(spell.encode(value))


@lru_cache(maxsize=256)
def _compiled(spelled: str) -> re.Pattern[str]:
    return re.compile(spelled)
