"""One event's exact bytes, read strictly: CloudEvents 1.0 with the data of one of our kinds."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Annotated, Final, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from quarantine import strict_json
from quarantine.errors import MalformedError
from quarantine.model import Data, Event, Kind, to_micros
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


def _printable(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must hold no control characters")
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=512), AfterValidator(_printable)]


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
        try:
            return datetime.fromisoformat(_FRACTION.sub(r".\1", spelled.upper()))
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


def opened(body: bytes) -> tuple[CloudEvent, Data]:
    """Return the attributes and data of a body that is held, which was read before."""
    event = _attributes(strict_json.parse(body.decode()))
    return event, _data(kinds()[event.type], event.data)


def _attributes(value: object) -> CloudEvent:
    if not isinstance(value, dict):
        raise MalformedError("bad_value", "an event is a JSON object")
    if value.get("specversion", "1.0") != "1.0":
        raise MalformedError("old_version", "specversion must be 1.0")
    try:
        return CloudEvent.model_validate(value)
    except ValidationError as error:
        raise _malformed(error, "") from None


def _data(kind: Kind, data: dict[str, object]) -> Data:
    try:
        return kind.data.model_validate(data)
    except ValidationError as error:
        raise _malformed(error, "data.") from None


def _unknown(type_: str) -> Kind:
    match = _TYPE.fullmatch(type_)
    if match and any(kind.name == match[1] for kind in kinds().values()):
        raise MalformedError("old_version", f"{type_[:64]} is not the version in force")
    raise MalformedError("unknown_type", f"{type_[:64]!r} is no type of feedback")


def _malformed(error: ValidationError, prefix: str) -> MalformedError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    reasons = {"extra_forbidden": "unknown_field", "missing": "missing_field"}
    where = prefix + ".".join(str(part)[:64] for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return MalformedError(reasons.get(first["type"], "bad_value"), f"{where}: {message}")
