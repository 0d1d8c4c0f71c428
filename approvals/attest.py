"""Signed envelopes: records in DSSE with Ed25519, in one canonical spelling."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from securesystemslib.dsse import Envelope
from securesystemslib.signer._signature import Signature

from approvals.acts import ACTS
from approvals.keys import key_id, read_public
from approvals.model import ActRecord
from approvals.ports import Signer
from quarantine.errors import TamperedError
from quarantine.model import Act, Logged, to_micros

IN_TOTO: Final = "application/vnd.in-toto+json"


def payload_type(act: str) -> str:
    """Return the DSSE payload type of an act: a signature over one kind is none over another."""
    return f"application/vnd.feedback-quarantine.{act}.v1+json"


def seal(payload: bytes, type_: str, signers: Iterable[Signer]) -> bytes:
    """Return `payload` in an envelope signed by each of `signers`, canonically spelled."""
    envelope = Envelope(payload, type_, {})
    message = envelope.pae()
    for signer in signers:
        signature = Signature(signer.key_id, signer.sign(message).hex())
        envelope.signatures[signer.key_id] = signature
    return rfc8785.dumps(envelope.to_dict())


def unseal(spelled: bytes) -> Envelope:
    """Read an envelope; any spelling but the canonical one is `TamperedError`.

    So is whatever stands beside a signature: nobody signed it, and it would make an act another.
    """
    try:
        envelope = Envelope.from_dict(json.loads(spelled))
        canonical = rfc8785.dumps(envelope.to_dict())
    except Exception as error:  # the library raises what its parts raise
        raise TamperedError(f"these bytes are no DSSE envelope: {type(error).__name__}") from error
    if canonical != spelled:
        raise TamperedError("the envelope is not in its one canonical spelling")
    if any(each.unrecognized_fields for each in envelope.signatures.values()):
        raise TamperedError("the envelope says more beside a signature than whose it is")
    return envelope


def signed_by(envelope: Envelope, keys: Mapping[str, str]) -> list[str]:
    """Return the ids of those `keys` (id to PEM) whose signature on the envelope holds.

    A signature that names one of `keys` and does not hold is `TamperedError`, not a missing one.
    """
    message = envelope.pae()
    held = []
    for signature in envelope.signatures.values():
        public = keys.get(signature.keyid)
        if public is None:
            continue
        try:
            read_public(public).verify(bytes.fromhex(signature.signature), message)
        except (InvalidSignature, ValueError) as error:
            raise TamperedError(f"the signature of key {signature.keyid} does not hold") from error
        held.append(signature.keyid)
    return held


def wholly_signed(envelope: Envelope, keys: Mapping[str, str]) -> bool:
    """Say whether there is a signature, and every one is by one of `keys` (id to PEM) and holds.

    An envelope without any signature is signed by nobody. Raises what `signed_by` raises.
    """
    return bool(envelope.signatures) and signed_by(envelope, keys) == list(envelope.signatures)


@lru_cache(maxsize=8192)
def holds(body: bytes, key: str, public: str) -> bool:
    """Say whether the envelope `body` is signed with this key (its id, its PEM) and no other.

    A pure function, remembered: a log is folded often, and its acts never change.
    """
    envelope = unseal(body)
    return list(envelope.signatures) == signed_by(envelope, {key: public}) == [key]


def require_signed(logged: Logged, public: str, who: str) -> None:
    """Refuse (`TamperedError`) an act that is not signed with the key `public` (PEM) alone."""
    if not holds(logged.act.body, key_id(public), public):
        raise TamperedError(f"{logged.act.kind} at log row {logged.index} is not signed by {who}")


def act_of(record: ActRecord, signer: Signer) -> Act:
    """Make the log's act of a record that `signer` signs."""
    body = seal(record.canonical(), payload_type(record.act), [signer])
    return Act(record.act, to_micros(record.at), body)


@lru_cache(maxsize=8192)
def record_of(act: Act) -> ActRecord:
    """Read the record in an act; its kind, its time and its payload type must agree.

    A pure function, remembered as `holds` is.
    """
    envelope = unseal(act.body)
    kind = ACTS.get(act.kind)
    if kind is None or envelope.payload_type != payload_type(act.kind):
        raise TamperedError(f"an act says {act.kind} and its envelope {envelope.payload_type}")
    record = kind.parse(envelope.payload)
    if to_micros(record.at) != act.at:
        raise TamperedError(f"an act {act.kind} and its envelope disagree on the time")
    return record
