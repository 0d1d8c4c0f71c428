"""What comes in and what cannot: arrivals, dead letters with their reasons, and how both count."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from typing import Final, NamedTuple, overload

from quarantine.model import Event, Said

WHOLE: Final = 64 * 1024
"""A dead letter keeps its content whole up to so many bytes, beyond that its head."""
HEAD: Final = 4 * 1024
KEPT: Final = 16 * 1024 * 1024
"""Bytes of dead letters that are kept for one producer in one hour; beyond, digest and size."""
AGAIN: Final = "#"
"""Stands in the entry of what was put aside and goes through the door again; no bus spells it."""
REASONS: Final = frozenset(
    {
        # of an entry
        "unknown_producer",
        "bad_entry",
        "bad_seq",
        "batch_too_large",
        "not_utf8",
        "bom",
        "unsplittable",
        "empty_batch",
        "too_many_events",
        "unknown_key",
        "key_not_valid",
        "bad_signature",
        "seq_reused",
        "delivered_too_often",
        # of an event
        "bad_json",
        "duplicate_key",
        "not_finite",
        "number_out_of_range",
        "lone_surrogate",
        "too_deep",
        "event_too_large",
        "unknown_type",
        "old_version",
        "unknown_field",
        "missing_field",
        "bad_value",
        "time_ahead",
        "kind_not_allowed",
        "scope_not_allowed",
        "conflict",
    },
)
"""Why something could not be taken in; the list is fixed, a new reason is a change of contract."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What could not be taken in; `position` is -1 for a whole entry, else the slice's from 0.

    `content` is whole up to 64 KiB, then the head, and nothing once its producer's hour is full;
    `size` and `digest` are of the whole. `vouch` is what the entry said beside its batch (`seq`,
    `key`, `sig`, a line each), absent where it did not say all three.
    """

    producer: str
    stream: str
    entry: str
    position: int
    reason: str
    detail: str
    at: int
    size: int
    digest: str
    content: bytes
    vouch: bytes = b""

    @property
    def whole(self) -> bool:
        """Say whether all its bytes were kept."""
        return len(self.content) == self.size

    @property
    def again(self) -> str:
        """Return the entry under which it goes through the door again, at most once."""
        return f"{self.entry}{AGAIN}{self.position}"


class Columns(NamedTuple):
    """The fields of `Event` for many events, all of one length."""

    position: Sequence[int]
    source: Sequence[str]
    id: Sequence[str]
    kind: Sequence[str]
    scope: Sequence[str]
    target: Sequence[str]
    aspect: Sequence[str]
    claimed: Sequence[int]
    said: Sequence[Said]
    body: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Alike(Sequence[Event]):
    """Events that were read all at once, and are written all at once: each is made when asked for.

    Made one by one they would cost as much as a tenth of all that becomes of them.
    """

    columns: Columns

    def __len__(self) -> int:
        """Return how many events these are."""
        return len(self.columns.id)

    def __iter__(self) -> Iterator[Event]:
        """Yield the events."""
        return starmap(Event, zip(*self.columns, strict=True))

    @overload
    def __getitem__(self, place: int) -> Event: ...
    @overload
    def __getitem__(self, place: slice) -> list[Event]: ...
    def __getitem__(self, place: int | slice) -> Event | list[Event]:
        """Return one event, or some."""
        return [*self][place]


def columns_of(events: Sequence[Event]) -> Columns:
    """Return events, at least one, as columns."""
    return events.columns if isinstance(events, Alike) else Columns(*zip(*events, strict=True))


@dataclass(frozen=True, slots=True)
class Arrival:
    """One stream entry after sifting: what can be held, and what cannot with its reason.

    `arrived` is the service's clock in µs; `seq` and `digest` (SHA-256 of the batch bytes) are
    present when the signature held, which is what makes them the producer's word. `batch` is the
    exact bytes, kept only until the store has decided.
    """

    producer: str
    stream: str
    entry: str
    arrived: int
    seq: int | None = None
    key: str = ""
    digest: bytes = b""
    batch: bytes = b""
    vouch: bytes = b""
    events: Sequence[Event] = ()
    dead: Sequence[DeadLetter] = ()


def put_aside(
    arrival: Arrival, position: int, reason: str, detail: str, content: bytes
) -> DeadLetter:
    """Make the dead letter of one slice (or, at -1, of a whole entry): whole up to 64 KiB."""
    return DeadLetter(
        producer=arrival.producer,
        stream=arrival.stream,
        entry=arrival.entry,
        position=position,
        reason=reason,
        detail=detail,
        at=arrival.arrived,
        size=len(content),
        digest=hashlib.sha256(content).hexdigest(),
        content=content if len(content) <= WHOLE else content[:HEAD],
        vouch=arrival.vouch,
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some arrivals: how many events were held or known, what was put aside."""

    stored: int
    duplicates: int
    dead: Sequence[DeadLetter]


@dataclass(frozen=True, slots=True)
class Counts:
    """One producer's side of the law of conservation, in entries and in events (contract, 2)."""

    entries_received: int = 0
    entries_lost: int = 0
    received: int = 0
    stored: int = 0
    duplicates: int = 0
    dead_lettered: int = 0


class Mark(NamedTuple):
    """What a stream says of itself: the entries ever `added`, and the `last` id that it gave.

    `known` of the added are not newer than what was remembered. They are fewer than were remembered
    when the bus was emptied, or put back to an older state and then has some of them once more.
    """

    added: int
    last: str
    known: int


@dataclass(slots=True)
class Passage:
    """Where the consumers of one stream stand with Redis."""

    added: int = 0
    pending: int = 0
    lag: int = 0
    oldest_pending_s: float = 0.0
    notes: list[str] = field(default_factory=list)
