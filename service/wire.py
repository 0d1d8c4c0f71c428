"""The bus format: what can be held of an entry that somebody vouches for, and what cannot."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NoReturn

from approvals.model import ANY
from approvals.roster import Producer
from quarantine.arrivals import Arrival, DeadLetter, columns_of, put_aside
from quarantine.envelope import LARGEST, glance, read
from quarantine.errors import MalformedError
from quarantine.model import INBOUND, Event
from quarantine.safe import safe
from service.shapes import alike
from service.slices import Slice, split
from service.vouching import FIELDS, LONGEST_FIELD, Entry, Secrets, vouched

UNVOUCHED: Final = frozenset(
    {
        "unknown_producer",
        "batch_too_large",
        "bad_entry",
        "bad_seq",
        "unknown_key",
        "bad_signature",
        "key_not_valid",
        "delivered_too_often",
    }
)
"""Reasons of entries whose `seq` nobody vouched for: they came, but fill no gap by name."""

_WHOLE_ENTRY: Final = -1
_LONGEST_DETAIL: Final = 300

_Refused = tuple[int, MalformedError, bytes]
"""What cannot be held: its position, why, and its bytes."""


def sift(entry: Entry, producer: Producer | None, secrets: Secrets) -> Arrival:
    """Say what of an entry can be held and what cannot, with the reason; bad input never raises.

    `producer` is who owns the stream in the registry, absent when nobody does. Raises
    `UnavailableError` only when a registered HMAC secret is not on this machine.
    """
    try:
        owner = producer or _unregistered(entry)
        seq, key, batch = vouched(entry, owner, secrets)
    except MalformedError as error:
        return _put_aside(entry, error)
    events, refused = _judged(batch, entry.at, owner)
    arrival = Arrival(
        producer=owner.name,
        stream=entry.stream,
        entry=entry.id,
        arrived=entry.at,
        seq=seq,
        key=key,
        digest=hashlib.sha256(batch).digest(),
        batch=batch,
        vouch=_vouch(entry),
        events=events,
    )
    if not refused:
        return arrival
    return replace(arrival, dead=[_letter(arrival, *each) for each in refused])


def give_up(entry: Entry, deliveries: int) -> Arrival:
    """Put aside an entry that was delivered `deliveries` times and never finished."""
    return _put_aside(
        entry, MalformedError("delivered_too_often", f"{deliveries} deliveries, none finished")
    )


def _put_aside(entry: Entry, error: MalformedError) -> Arrival:
    """Return the arrival of an entry that is one dead letter: nothing it says is believed."""
    arrival = Arrival(
        producer=entry.stream.removeprefix(INBOUND),
        stream=entry.stream,
        entry=entry.id,
        arrived=entry.at,
        vouch=_vouch(entry),
    )
    letter = _letter(arrival, _WHOLE_ENTRY, error, _content(entry))
    return replace(arrival, dead=[letter])


def _vouch(entry: Entry) -> bytes:
    """Return what an entry says beside its batch, a line each; nothing where it does not."""
    said = [entry.fields.get(name, b"") for name in FIELDS[1:]]
    spelled = b"\n".join(said)
    fits = (
        all(said) and max(map(len, said)) <= LONGEST_FIELD and spelled.count(b"\n") == len(said) - 1
    )
    return spelled if fits else b""


def _unregistered(entry: Entry) -> NoReturn:
    raise MalformedError("unknown_producer", f"nobody is registered for {entry.stream}")


def _judged(
    batch: bytes, arrived: int, producer: Producer
) -> tuple[Sequence[Event], list[_Refused]]:
    """Return what of a verified batch can be held, and what cannot."""
    events = alike(batch, arrived=arrived)
    if events is not None and _may(producer, events):
        return events, []
    try:
        slices = split(batch)
    except MalformedError as error:
        return [], [(_WHOLE_ENTRY, error, batch)]
    return _sorted(slices, arrived, producer)


def _sorted(
    slices: list[Slice], arrived: int, producer: Producer
) -> tuple[list[Event], list[_Refused]]:
    events: list[Event] = []
    refused: list[_Refused] = []
    free = _free(producer)
    for position, each in enumerate(slices):
        try:
            event = _event(each, position, arrived)
            if not free:
                allow(event, producer)
            events.append(event)
        except MalformedError as error:
            refused.append((position, error, each.body))
    return events, refused


def _event(slice_: Slice, position: int, arrived: int) -> Event:
    body = slice_.body
    if slice_.read and len(body) <= LARGEST:
        event = glance(slice_.value, body, position=position, arrived=arrived)
        if event is not None:
            return event
    return read(body, position=position, arrived=arrived)


def _free(producer: Producer) -> bool:
    """Say whether a producer may send every kind, for every scope."""
    return ANY in producer.kinds and ANY in producer.scopes


def _may(producer: Producer, events: Sequence[Event]) -> bool:
    """Say whether a producer may send all of this."""
    if _free(producer):
        return True
    told = columns_of(events)
    return all(
        ANY in allowed or set(spoken).issubset(allowed)
        for allowed, spoken in ((producer.kinds, told.kind), (producer.scopes, told.scope))
    )


def allow(event: Event, producer: Producer) -> None:
    """Refuse what this producer may not send: raises `MalformedError`."""
    if ANY not in producer.kinds and event.kind not in producer.kinds:
        raise MalformedError("kind_not_allowed", f"{producer.name} may not send {event.kind}")
    if ANY not in producer.scopes and event.scope not in producer.scopes:
        raise MalformedError("scope_not_allowed", f"{producer.name} may not speak for this scope")


def _content(entry: Entry) -> bytes:
    """Return what to keep of an entry: its batch, or all its fields where it has none."""
    if b"batch" in entry.fields:
        return entry.fields[b"batch"]
    return b"\n".join(name + b"=" + value for name, value in entry.fields.items())


def _letter(arrival: Arrival, position: int, error: MalformedError, content: bytes) -> DeadLetter:
    detail = safe(error.detail, _LONGEST_DETAIL)
    return put_aside(arrival, position, error.reason, detail, content)
