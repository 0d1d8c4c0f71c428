"""What an adapter says: a piece of another system's feedback in our words, or why it is none."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from approvals.model import Assurance
from quarantine.errors import MalformedError
from quarantine.record import spell_time
from quarantine.strict_json import parse

Json = dict[str, object]


class Said(NamedTuple):
    """One piece of feedback.

    `native` names it in its own system, `version` this state of it (two states differ in it, the
    later one is greater); `name` is what that system calls the question that it answers.
    """

    native: str
    version: str
    source: str
    subject: str
    kind: str
    time: str
    data: Mapping[str, object]
    assurance: Assurance
    name: str = ""


class Gone(NamedTuple):
    """That system deleted the pieces named `native`, or so and a slash before the rest.

    Those of `but` are still there: what a change left out is gone as well.
    """

    native: str
    version: str
    time: str
    but: frozenset[str] = frozenset()


class Aside(NamedTuple):
    """What is no feedback that we can take, and why: `reason` is one word, `detail` a sentence."""

    reason: str
    detail: str


Found = Said | Gone | Aside


class Payload(BaseModel):
    """A shape of another system: what we read of it is checked, what else it holds is let be."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Camel(Payload):
    """A shape whose names are spelled `likeThis` there."""

    model_config = ConfigDict(alias_generator=to_camel)


@dataclass(frozen=True, slots=True)
class Term:
    """What a team says of one question of its own: its scale or labels, and what it is about."""

    low: float | None = None
    high: float | None = None
    labels: tuple[str, ...] = ()
    aspect: str = ""
    scope: str = ""


class Terms(Protocol):
    """What an adapter is told: the terms by the name of a question, and the fields of a table."""

    @property
    def kind(self) -> str:
        """Return the kind of every row of a table."""

    @property
    def fields(self) -> Mapping[str, str]:
        """Return where each of our words stands in a record."""

    @property
    def constants(self) -> Mapping[str, object]:
        """Return what is the same in all rows of a table."""

    def term(self, name: str) -> Term:
        """Return what was said of this question, an empty term where nothing was."""


class Place(NamedTuple):
    """Where to ask: parts of the address that a team chose, and from when on."""

    query: Mapping[str, str]
    since: str
    most: int = 100


class Ask(NamedTuple):
    """One question to another system over HTTP; `sent` is a JSON body, where there is one."""

    path: str
    query: Sequence[tuple[str, str]] = ()
    sent: Json | None = None


Fetch = Callable[[Ask], object]
"""Asks, and returns the JSON that came back; raises `UnavailableError` or `RefusedError`."""


@dataclass(frozen=True, slots=True)
class Poll:
    """How a system is asked: its records since a time, and the header that carries a secret."""

    records: Callable[[Fetch, Place], Iterator[object]]
    headers: Callable[[str], Mapping[str, str]]


Authentic = Callable[[Mapping[str, str], bytes, str, datetime], None]
"""Checks headers (lower case) and body with a secret at a time; raises `NotAuthorisedError`."""


def json_of(body: bytes) -> object:
    """Return the JSON in `body`; raises `MalformedError` (`not_utf8`, `bad_json` and the like)."""
    try:
        return parse(body.decode())
    except UnicodeDecodeError:
        raise MalformedError("not_utf8", "the record is not UTF-8") from None


@dataclass(frozen=True, slots=True)
class Adapter:
    """One system: how its records read, and whether it is asked or calls us, or comes in files.

    `opened` returns the record in the bytes that were kept. `read` yields what one record says. It
    raises `pydantic.ValidationError` or `MalformedError` for what has not its shape; `readings`
    turns those into words.
    """

    name: str
    title: str
    read: Callable[[object, Terms], Iterator[Found]]
    poll: Poll | None = None
    authentic: Authentic | None = None
    opened: Callable[[bytes], object] = json_of


def readings(adapter: Adapter, body: bytes, terms: Terms) -> Iterator[Found]:
    """Yield what the record in `body` says; what has not the shape it should have is put aside."""
    try:
        yield from adapter.read(adapter.opened(body), terms)
    except ValidationError as error:
        yield misshapen(error)
    except MalformedError as error:
        yield Aside(error.reason, error.detail)


def misshapen(error: ValidationError) -> Aside:
    """Say the first thing in which a record has not the shape that it should have."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:64] for part in first["loc"])
    return Aside("unreadable", f"{where}: {first['msg']}")


def judged(value: object, term: Term, *, name: str, automated: bool) -> tuple[str, Json]:
    """Return the kind and data of a judgement: a yes or no, a number, or one word of a set.

    Raises `MalformedError` where a scale or the set is not known: neither is ever guessed.
    """
    if isinstance(value, bool):
        return _number(float(value), 0.0, 1.0, name, automated=automated)
    if isinstance(value, int | float) and math.isfinite(value):
        if not automated and (term.low is None or term.high is None):
            raise MalformedError("no_scale", f"say low and high of {name!r} in a [[term]]")
        return _number(float(value), term.low, term.high, name, automated=automated)
    if isinstance(value, str) and value:
        if value not in term.labels:
            raise MalformedError("no_labels", f"{value[:64]!r} is no label of {name!r}: [[term]]")
        return "label", {"label": value, "labels": list(term.labels)}
    raise MalformedError("no_value", f"{name!r} holds neither a number nor a word")


def _number(
    value: float, low: float | None, high: float | None, name: str, *, automated: bool
) -> tuple[str, Json]:
    bounds = {key: bound for key, bound in (("low", low), ("high", high)) if bound is not None}
    if automated:
        return "signal", {"name": name, "value": value, **bounds}
    return "rating", {"value": value, **bounds}


def in_utc(spelled: str) -> str:
    """Spell an ISO 8601 time of another system as we do; one without a zone is in UTC."""
    try:
        at = datetime.fromisoformat(spelled)
    except ValueError:
        raise MalformedError("bad_time", f"{spelled[:40]!r} is no time") from None
    return spell_time(at if at.tzinfo else at.replace(tzinfo=UTC))


def with_text(data: Json, text: str | None) -> Json:
    """Return `data` with the source's own words, where there are any."""
    return {**data, "text": text} if text else data


def bytes_of(record: object) -> bytes:
    """Spell a record that was parsed, always alike."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
