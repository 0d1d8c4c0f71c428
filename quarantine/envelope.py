"""One event's exact bytes, read strictly: CloudEvents 1.0 with the data of one of our kinds."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache, lru_cache
from types import NoneType
from typing import Annotated, Any, Final, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from quarantine import strict_json
from quarantine.errors import MalformedError
from quarantine.model import Data, Event, Kind, Said, Worded, to_micros
from quarantine.plugins import offered

LARGEST: Final = 64 * 1024
AHEAD: Final = 5 * 60 * 1_000_000
"""How far a sender's clock may run ahead of ours, in µs."""

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_TYPE = re.compile(r"feedback\.([a-z_]+)\.v(\d+)", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FRACTION = re.compile(r"\.(\d{6})\d*")
_LONGEST_FRACTION: Final = 9
_MICROSECONDS: Final = len("2026-01-01T00:00:00.000000Z")
_PLAIN: Final[dict[object, frozenset[type]]] = {
    str: frozenset({str}),
    str | None: frozenset({str, NoneType}),
    float: frozenset({int, float}),
    float | None: frozenset({int, float, NoneType}),
}
"""What the types of fields are in JSON; a field of any other type is left to pydantic."""
UNHEARD: Final = frozenset(Data.model_fields) - {"shown"}
"""What any data may hold and no kind hears: it changes nothing of what an event says."""
_LONGEST_NAME: Final = 512
_ASKED: Final = 8
"""Attributes that every event has."""


def _printable(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must hold no control characters")
    return text


Name = Annotated[
    str, StringConstraints(min_length=1, max_length=_LONGEST_NAME), AfterValidator(_printable)
]


class CloudEvent(BaseModel):
    """The attributes an event may carry (CloudEvents 1.0, and ours: `scope`, `aspect`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    specversion: Literal["1.0"]
    id: Name
    source: Name
    subject: Name
    type: str
    time: str
    scope: Name
    aspect: Name | None = None
    datacontenttype: Literal["application/json"] | None = None
    data: dict[str, object]


@cache
def kinds() -> dict[str, Kind]:
    """Return the kinds by their CloudEvents type."""
    found = cast("dict[str, Kind]", dict(offered("quarantine.kinds", "KIND")))
    return {kind.event_type: kind for kind in found.values()}


def kind_named(name: str) -> Kind:
    """Return the kind with this short name; `KeyError` when there is none."""
    return {kind.name: kind for kind in kinds().values()}[name]


def moment(spelled: str) -> datetime:
    """Read an RFC 3339 time; raises `MalformedError` (`bad_value`)."""
    if _RFC3339.fullmatch(spelled):
        if len(spelled) > _MICROSECONDS:
            spelled = _FRACTION.sub(r".\1", spelled)
        try:
            return datetime.fromisoformat(spelled.upper())
        except ValueError:
            pass
    raise MalformedError("bad_value", f"time: {spelled[:40]!r} is not RFC 3339")


def read(body: bytes, *, position: int, arrived: int) -> Event:
    """Read one slice; raises `MalformedError` with its reason.

    `position` is the slice's place in its batch, `arrived` the service's clock in µs.
    """
    if len(body) > LARGEST:
        raise MalformedError("event_too_large", f"{len(body)} bytes, {LARGEST} is the most")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("not_utf8", f"byte {error.start} is not UTF-8") from None
    return understand(strict_json.parse(text), body, position=position, arrived=arrived)


def understand(value: object, body: bytes, *, position: int, arrived: int) -> Event:
    """Make the event of a value that was parsed from `body` by `strict_json`."""
    event = _attributes(value)
    kind = kinds().get(event.type) or _unknown(event.type)
    claimed = to_micros(moment(event.time))
    if claimed > arrived + AHEAD:
        raise MalformedError("time_ahead", f"{event.time} is more than 5 minutes ahead")
    data = _data(kind, event.data)
    return Event(
        position=position,
        source=event.source,
        id=event.id,
        kind=kind.name,
        scope=event.scope,
        target=event.subject,
        aspect=event.aspect or "",
        claimed=claimed,
        said=data.said(),
        body=body,
    )


def glance(value: object, body: bytes, *, position: int, arrived: int) -> Event | None:
    """Make the event of a parsed value as `understand` does, in a fraction of the time.

    Absent when it is not plainly valid: then only `read` knows whether it is, and why not.
    """
    if not isinstance(value, dict) or not isinstance(value.get("data"), dict):
        return None
    try:
        named = _plainly_named(value)
        kind, say = ways()[value["type"]]
        claimed = claimed_at(value["time"])
        said = say(value["data"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, MalformedError):
        return None
    if not named or claimed > arrived + AHEAD:
        return None
    id_, source, target, scope = named[:4]
    aspect = value.get("aspect") or ""
    return Event(position, source, id_, kind, scope, target, aspect, claimed, said, body)


def _plainly_named(value: dict[str, Any]) -> list[str] | None:
    """Return id, source, subject and scope (and aspect) where all but type, time and data is plain.

    Raises `KeyError` or `TypeError` when one is missing or is no string.
    """
    names = [value["id"], value["source"], value["subject"], value["scope"]]
    if len(value) != _ASKED and not _plain_options(value, names):
        return None
    spelled = "".join(names)
    if value["specversion"] != "1.0" or not all(names):
        return None
    if len(spelled) > _LONGEST_NAME and max(map(len, names)) > _LONGEST_NAME:
        return None
    return names if spelled.isprintable() or not _CONTROL.search(spelled) else None


def _plain_options(value: dict[str, Any], names: list[str]) -> bool:
    """Look at the attributes an event may leave out; add the name among them to `names`."""
    options = 0
    if "aspect" in value:
        options += 1
        names.append(value["aspect"])
    if "datacontenttype" in value:
        options += 1
        if value["datacontenttype"] != "application/json":
            return False
    return len(value) == _ASKED + options


@cache
def ways() -> dict[str, tuple[str, Callable[[Any], Said]]]:
    """Return each kind's name and its shortest way from data to what it says, by its type."""
    return {type_: (kind.name, _way(kind)) for type_, kind in kinds().items()}


def _way(kind: Kind) -> Callable[[Any], Said]:
    validate = TypeAdapter(kind.data).validator.validate_python
    types = {
        name: _PLAIN.get(field.annotation, frozenset())
        for name, field in kind.data.model_fields.items()
    }

    def check(data: Any) -> Said:
        said: Said = validate(data).said()
        return said

    if kind.say is None:
        return check
    say = kind.say

    def glimpse(data: Any) -> Said:
        for name, value in data.items():
            if type(value) not in types[name]:
                return check(data)
        return say(data)

    return glimpse


def claimed_at(spelled: str) -> int:
    """Return `moment` in µs since 1970, and raise what it raises.

    The whole seconds of it are the same for many events, and remembered.
    """
    fraction = spelled[20:-1]
    if not (fraction.isdecimal() and fraction.isascii() and len(fraction) <= _LONGEST_FRACTION):
        return _claimed_at(spelled)
    if spelled[19] != "." or spelled[-1] != "Z":
        return _claimed_at(spelled)
    return _claimed_at(spelled[:19] + "Z") + int(fraction.ljust(6, "0")[:6])


@lru_cache(maxsize=4096)
def _claimed_at(spelled: str) -> int:
    return to_micros(moment(spelled))


def opened(body: bytes) -> tuple[CloudEvent, Data]:
    """Return the attributes and data of a body that is held, which was read before."""
    event = _attributes(strict_json.parse(body.decode()))
    return event, _data(kinds()[event.type], event.data)


def worded(body: bytes) -> Worded:
    """Return the texts of a body that is held, which was read before."""
    value: Any = strict_json.scan_plain(body.decode().lstrip(), 0)[0]
    return kinds()[value["type"]].words(value["data"])


def _attributes(value: object) -> CloudEvent:
    if not isinstance(value, dict):
        raise MalformedError("bad_value", "an event is a JSON object")
    if value.get("specversion", "1.0") != "1.0":
        raise MalformedError("old_version", "specversion must be 1.0")
    try:
        return CloudEvent.model_validate(value)
    except ValidationError as error:
        raise _malformed(error) from None


def _data(kind: Kind, data: dict[str, object]) -> Data:
    try:
        return kind.data.model_validate(data)
    except ValidationError as error:
        raise _malformed(error, "data") from None


def _unknown(type_: str) -> Kind:
    match = _TYPE.fullmatch(type_)
    if match and any(kind.name == match[1] for kind in kinds().values()):
        raise MalformedError("old_version", f"{type_[:64]} is not the version in force")
    raise MalformedError("unknown_type", f"{type_[:64]!r} is no type of feedback")


def _malformed(error: ValidationError, *within: str) -> MalformedError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    reasons = {"extra_forbidden": "unknown_field", "missing": "missing_field"}
    where = ".".join([*within, *(str(part)[:64] for part in first["loc"])])
    message = first["msg"].removeprefix("Value error, ")
    return MalformedError(reasons.get(first["type"], "bad_value"), f"{where}: {message}")
