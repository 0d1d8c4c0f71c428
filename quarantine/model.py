"""The words of the quarantine: who speaks, what is said, what is put aside, what we think of it."""

from __future__ import annotations

import hashlib
import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple

from pydantic import ConfigDict

from quarantine.record import Record

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SHORT: Final = 64
INBOUND: Final = "feedback:in:"
"""A producer's stream is this followed by its name."""
PRODUCER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


def to_micros(at: datetime) -> int:
    """Return whole microseconds since 1970 (UTC), exactly."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """Return the aware UTC time of `micros` microseconds since 1970."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


class Origin(StrEnum):
    """Where feedback comes from, as the registry and the type say; least trusted last."""

    HUMAN = "human"
    AUTOMATED = "automated"
    SELF_TRAINING = "self-training"

    @property
    def rank(self) -> int:
        """Return 0 for human, 1 for automated, 2 for self-training."""
        return list(Origin).index(self)


class Tier(StrEnum):
    """How well a source is known; buys speed of review, never influence."""

    UNVETTED = "unvetted"
    VETTED = "vetted"
    TENURED = "tenured"


class Verdict(StrEnum):
    """What scoring proposes for a source."""

    CLEAR = "clear"
    WATCH = "watch"
    HOLD = "hold"


class SourceKey(NamedTuple):
    """A source inside its producer's namespace; `producer` is empty in a backtest."""

    producer: str
    source: str

    def __str__(self) -> str:
        """Spell it `producer/source`, or the source alone where there is no producer."""
        return f"{self.producer}/{self.source}" if self.producer else self.source


class Said(NamedTuple):
    """What an event says, in the terms that every detector shares.

    `answer` is what can be equal or not; `value` the same on a scale from 0 to 1, where the kind
    has one; `question` tells answers apart that cannot be compared although the target is one;
    `place` is the position, from 0, at which the chosen option was shown.
    """

    answer: str
    value: float | None = None
    question: str = ""
    place: int | None = None


class Worded(NamedTuple):
    """The texts of an event, each '' where there is none, and the model that it names.

    `asked` is the prompt, or the item that is judged; `chosen` is what the event speaks for and
    `other` what it speaks against; `own` are the source's own words. `generation` is -1 where the
    event is no model's own; what an item's description gives is not known here.
    """

    asked: str = ""
    chosen: str = ""
    other: str = ""
    own: str = ""
    model: str = ""
    generation: int = -1


def worded(data: Mapping[str, Any], *, chosen: str = "", other: str = "") -> Worded:
    """Return the texts of data that was read before, for a kind whose options have these names."""
    return Worded(
        asked=data.get("prompt") or data.get("item") or "",
        chosen=data.get(chosen) or "",
        other=data.get(other) or "",
        own=data.get("text") or "",
        model=data.get("model") or "",
        generation=data.get("generation", -1),
    )


class Data(Record):
    """What any event's `data` may hold besides what its kind asks for (contract, 1)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    text: str | None = None
    item: str | None = None
    shown: list[str] | None = None
    model: str | None = None
    shown_at: str | None = None
    supersedes: str | None = None
    derived_from: list[str] | None = None

    @abstractmethod
    def said(self) -> Said:
        """Say what this says in the terms that every detector shares."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of feedback: its short name, its CloudEvents type, and what its data must hold.

    `origin` is the best origin this type can claim; the registry can only lower it. `say` is the
    short way from data whose numbers and strings have the right types to what `data` would say:
    it raises `KeyError` or `ValueError` where `data` would refuse. `words` says, of such data that
    was read before, which texts the event has.
    """

    name: str
    event_type: str
    origin: Origin
    data: type[Data]
    say: Callable[[Mapping[str, Any]], Said] | None = None
    words: Callable[[Mapping[str, Any]], Worded] = worded


def short(text: str) -> str:
    """Return `text` itself when it is short, else its digest: all that equality needs."""
    return text if len(text) <= SHORT else hashlib.sha256(text.encode()).hexdigest()[:32]


def place_of(chosen: str, shown: Sequence[str] | None) -> int | None:
    """Return the position at which `chosen` was shown, absent when nobody knows."""
    return shown.index(chosen) if shown and chosen in shown else None


class Event(NamedTuple):
    """One valid piece of feedback, ready to be held; `body` is its exact slice of the batch."""

    position: int
    source: str
    id: str
    kind: str
    scope: str
    target: str
    aspect: str
    claimed: int
    said: Said
    body: bytes


@dataclass(frozen=True, slots=True)
class Act:
    """Something done, by a person or a role: `body` is a canonical DSSE envelope over a record."""

    kind: str
    at: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Logged:
    """An act with its place in the log."""

    index: int
    act: Act


class Held(NamedTuple):
    """One held event as a release or an auditor reads it: all that its leaf covers.

    Of one that was erased, `salt` and `body` are empty; `leaf` still stands in the log.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a row
    producer: str
    source: str
    id: str
    arrived: int
    key: str
    salt: bytes
    body: bytes
    leaf: bytes

    @property
    def is_erased(self) -> bool:
        """Say whether what it said is gone; a salt is never empty otherwise."""
        return not self.salt


class Finding(Record):
    """One detector's reason to look at a source, in one sentence; `score` is 0 to 1, 1 is worst."""

    detector: str
    score: float
    because: str
    examples: tuple[str, ...] = ()


class Dossier(Record):
    """What is thought of one source: the union of its findings, its cluster and a verdict.

    `score` is 0 to 1, higher is worse; `p_value` is absent on a cold start; `cluster` is spelled
    as the `SourceKey` of its oldest member.
    """

    producer: str
    source: str
    events: int
    score: float
    p_value: float | None = None
    cluster: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    cold_start: bool = False

    @property
    def key(self) -> SourceKey:
        """Return whom this is about."""
        return SourceKey(self.producer, self.source)


class Standing(NamedTuple):
    """What people have said of a source; a machine never overrules it."""

    tier: Tier = Tier.UNVETTED
    ruling: Literal["", "hold", "clear"] = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Held events as somebody names them; an empty word, or an absent time, leaves it open.

    `since` (inclusive) and `until` (exclusive) are times of arrival, in µs since 1970; `key` is the
    id of the key that vouched.
    """

    producer: str = ""
    source: str = ""
    key: str = ""
    event: str = ""
    kind: str = ""
    scope: str = ""
    target: str = ""
    since: int | None = None
    until: int | None = None


class Member(NamedTuple):
    """One event of a frozen request: its place in the log, its leaf and the voices it counts to."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a row
    leaf: bytes
    cluster: str
    producer: str = ""
    source: str = ""
    target: str = ""
    origin: str = ""
