"""The bus format: an entry's fields, the bytes that are signed, and what can be held of them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from approvals.keys import read_public
from approvals.model import ANY, ProducerKey
from approvals.roster import Producer
from quarantine.arrivals import Arrival, DeadLetter, columns_of, put_aside
from quarantine.envelope import LARGEST, glance, read
from quarantine.errors import MalformedError, UnavailableError
from quarantine.model import INBOUND, Event, from_micros
from quarantine.safe import safe
from service.shapes import alike
from service.slices import Slice, split

FIELDS: Final = (b"batch", b"seq", b"key", b"sig")
"""The fields of an entry, all of them and no other."""
LARGEST_BATCH: Final = 1024 * 1024
LAST_SEQ: Final = 2**63 - 1
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

_FIELDS: Final = frozenset(FIELDS)
_SEQ = re.compile(rb"[1-9][0-9]{0,18}")
_WHOLE_ENTRY: Final = -1
_LONGEST_DETAIL: Final = 300
_LONGEST_FIELD: Final = 1024

_Refused = tuple[int, MalformedError, bytes]
"""What cannot be held: its position, why, and its bytes."""
Secrets = Callable[[str], bytes | None]
"""Gives the HMAC secret with that key id, or nothing when it is not on this machine."""


class Entry(NamedTuple):
    """One stream entry as it was read: `at` is when (µs), by the service's clock."""

    stream: str
    id: str
    fields: Mapping[bytes, bytes]
    at: int


@dataclass(frozen=True, slots=True)
class HmacKey:
    """A producer's HMAC-SHA256 key (RFC 2104): the secret is the bytes of a file."""

    secret: bytes

    @property
    def key_id(self) -> str:
        """Return the id by which an entry names this key."""
        return hmac_key_id(self.secret)

    def sign(self, message: bytes) -> bytes:
        """Return the 32 bytes of the code over `message`."""
        return hmac.digest(self.secret, message, "sha256")


def hmac_key_id(secret: bytes) -> str:
    """Return the id of an HMAC secret: 16 hex digits of a digest that tells nothing of it."""
    return hashlib.sha256(b"feedback-hmac-key/v1\n" + secret).hexdigest()[:16]


def signed_bytes(producer: str, seq: int, batch: bytes) -> bytes:
    """Return the exact bytes that a producer signs for one entry."""
    return b"feedback-batch/v1\n%b\n%d\n%b" % (producer.encode(), seq, batch)


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


def vouched(entry: Entry, producer: Producer, secrets: Secrets) -> tuple[int, str, bytes]:
    """Return `seq`, key id and batch of an entry that a key of `producer` signed, which counts now.

    Raises `MalformedError` with the reason (one of `UNVOUCHED`) otherwise, and what `sift` raises.
    """
    opened = _opened(entry)
    _verify(entry, producer, secrets, opened)
    return opened


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
        all(said)
        and max(map(len, said)) <= _LONGEST_FIELD
        and spelled.count(b"\n") == len(said) - 1
    )
    return spelled if fits else b""


def _unregistered(entry: Entry) -> NoReturn:
    raise MalformedError("unknown_producer", f"nobody is registered for {entry.stream}")


def _opened(entry: Entry) -> tuple[int, str, bytes]:
    """Check size, fields and `seq`, before anything is parsed."""
    fields = entry.fields
    batch = fields.get(b"batch", b"")
    if len(batch) > LARGEST_BATCH:
        raise MalformedError("batch_too_large", f"{len(batch)} bytes, {LARGEST_BATCH} is the most")
    if fields.keys() != _FIELDS:
        named = ", ".join(repr(name[:64]) for name in list(fields)[:8])
        raise MalformedError("bad_entry", f"an entry has batch, seq, key, sig; this one: {named}")
    seq, key, sig = fields[b"seq"], fields[b"key"], fields[b"sig"]
    if max(len(seq), len(key), len(sig)) > _LONGEST_FIELD:
        raise MalformedError("bad_entry", f"seq, key or sig exceeds {_LONGEST_FIELD} bytes")
    if not _SEQ.fullmatch(seq) or int(seq) > LAST_SEQ:
        raise MalformedError("bad_seq", "seq is a decimal from 1 without leading zeros")
    return int(seq), key.decode("ascii", "backslashreplace"), batch


def _verify(
    entry: Entry, producer: Producer, secrets: Secrets, opened: tuple[int, str, bytes]
) -> None:
    """Check that a registered key of this producer signed exactly this, and may at this time."""
    seq, id_, batch = opened
    if id_ not in producer.keys:
        raise MalformedError("unknown_key", f"{producer.name} has no key {id_[:64]!r}")
    key, tenure = producer.keys[id_]
    message = signed_bytes(producer.name, seq, batch)
    if not _holds(key, secrets, message, _signature(entry.fields[b"sig"])):
        raise MalformedError("bad_signature", f"the signature by {id_} does not hold for seq {seq}")
    if not tenure.covers(_moment(entry.at)):
        raise MalformedError("key_not_valid", f"key {id_} does not count at this time")


def _signature(spelled: bytes) -> bytes:
    try:
        signature = base64.b64decode(spelled, validate=True)
    except binascii.Error:
        raise MalformedError("bad_signature", "sig is not standard padded base64") from None
    if base64.b64encode(signature) != spelled:
        raise MalformedError("bad_signature", "sig is not in its one base64 spelling")
    return signature


def _holds(key: ProducerKey, secrets: Secrets, message: bytes, signature: bytes) -> bool:
    if key.algorithm == "hmac-sha256":
        secret = secrets(key.id)
        if secret is None:
            # The producer did nothing wrong: wait for the operator instead of putting it aside.
            raise UnavailableError(f"the secret of key {key.id} is not on this machine")
        return hmac.compare_digest(hmac.digest(secret, message, "sha256"), signature)
    try:
        _public(key.public or "").verify(signature, message)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=8)
def _moment(at: int) -> datetime:
    return from_micros(at)


@lru_cache(maxsize=1024)
def _public(pem: str) -> Ed25519PublicKey:
    return read_public(pem)


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
