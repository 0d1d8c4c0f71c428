"""Who vouches for an entry of the bus: its fields, the bytes that are signed, keys, signatures."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from approvals.keys import read_public
from approvals.model import ProducerKey
from approvals.roster import Producer
from quarantine.errors import MalformedError, UnavailableError
from quarantine.model import from_micros

FIELDS: Final = (b"batch", b"seq", b"key", b"sig")
"""The fields of an entry, all of them and no other."""
LARGEST_BATCH: Final = 1024 * 1024
LAST_SEQ: Final = 2**63 - 1
LONGEST_FIELD: Final = 1024

_FIELDS: Final = frozenset(FIELDS)
_SEQ = re.compile(rb"[1-9][0-9]{0,18}")

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


def vouched(entry: Entry, producer: Producer, secrets: Secrets) -> tuple[int, str, bytes]:
    """Return `seq`, key id and batch of an entry that a key of `producer` signed, which counts now.

    Raises `MalformedError` with the reason (one of `wire.UNVOUCHED`) otherwise, `UnavailableError`
    when a registered HMAC secret is not on this machine.
    """
    opened = _opened(entry)
    _verify(entry, producer, secrets, opened)
    return opened


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
    if max(len(seq), len(key), len(sig)) > LONGEST_FIELD:
        raise MalformedError("bad_entry", f"seq, key or sig exceeds {LONGEST_FIELD} bytes")
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
