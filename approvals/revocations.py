"""The signed, numbered list of what was taken back, which every reader of a release must have."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from approvals.attest import payload_type, seal, unseal, wholly_signed
from approvals.landing import turn, write_whole
from approvals.ports import Signer
from approvals.trust import Trust
from quarantine.errors import QuarantineError, TamperedError, UnavailableError
from quarantine.record import Moment, Record, spell_time

TYPE: Final = payload_type("revocation-list")
SKEW: Final = timedelta(minutes=5)
"""How far the clock of who made something may run ahead of the reader's."""


class SourceTaken(Record):
    """A source that was taken back: what arrived from it in the window, all of it where open."""

    producer: str
    source: str
    since: Moment | None = None
    until: Moment | None = None


class ReleaseTouched(Record):
    """A release that holds rows taken back: so many; `manifest` is its digest (SHA-256, hex).

    `whole` says that it was taken back itself, whatever is thought of its rows.
    """

    name: str
    scope: str
    manifest: str
    rows: int
    whole: bool | None = None


class RevocationList(Record):
    """What was taken back, up to `sequence` leaves of the log; a lower sequence is an older list.

    `events` are the leaf hashes (hex, sorted) of every event taken back.
    """

    sequence: int
    issued_at: Moment
    expires: Moment
    sources: tuple[SourceTaken, ...] = ()
    releases: tuple[ReleaseTouched, ...] = ()
    events: tuple[str, ...] = ()


class Seen(Record):
    """The newest list that a reader has seen, kept by the reader."""

    sequence: int
    issued_at: Moment


def seal_list(revocations: RevocationList, signer: Signer) -> bytes:
    """Return the signed envelope of a list."""
    return seal(revocations.canonical(), TYPE, [signer])


def read_list(trust: Trust, at: datetime, seen: Path | None = None) -> RevocationList:
    """Read the list where `trust` says it is; it must be signed, fresh at `at`, and not older.

    `seen` is the reader's own file that remembers the newest list; it is brought up to date.
    Raises `TamperedError` for a list that is missing, forged, expired or older than one seen,
    `UnavailableError` where a newer one cannot be remembered.
    """
    name = trust.revocations.name
    try:
        spelled = trust.revocations.read_bytes()
    except OSError as error:
        raise TamperedError(
            f"the revocation list {trust.revocations} cannot be read: {error.strerror}; it is "
            "fetched from the same place as the trust file, which says where it stands"
        ) from error
    try:
        found = _opened(spelled, trust)
    except QuarantineError as error:
        raise TamperedError(f"{name}: {error}") from error
    _require_fresh(found, trust, at)
    if seen is not None:
        _remember(found, seen)
    return found


def _opened(spelled: bytes, trust: Trust) -> RevocationList:
    envelope = unseal(spelled)
    if envelope.payload_type != TYPE:
        raise TamperedError("these bytes are no revocation list")
    found = RevocationList.parse(envelope.payload)
    keys = trust.keys_for("revocation", found.issued_at)
    if not wholly_signed(envelope, keys):
        raise TamperedError("it is not signed by a key that may take back")
    return found


def _require_fresh(found: RevocationList, trust: Trust, at: datetime) -> None:
    name = trust.revocations.name
    if found.issued_at > at + SKEW:
        raise TamperedError(f"{name} is from the future: {spell_time(found.issued_at)}")
    until = min(found.expires, found.issued_at + trust.max_age)
    if at >= until:
        raise TamperedError(
            f"{name} number {found.sequence} is stale since {spell_time(until)}: get a new one"
        )


def _remember(found: RevocationList, seen: Path) -> None:
    newest = Seen(sequence=found.sequence, issued_at=found.issued_at)
    if _remembered(newest, seen):  # who may only read `seen` goes on
        return
    try:
        with turn(seen.parent):
            # Another reader may have met a newer list meanwhile, which this one must not put back.
            if not _remembered(newest, seen):
                write_whole(seen, newest.canonical())
    except OSError as error:
        raise UnavailableError(f"{seen} cannot be written: {error.strerror}") from error


def _remembered(newest: Seen, seen: Path) -> bool:
    if not seen.exists():
        return False
    before = Seen.parse(seen.read_bytes())
    if (newest.sequence, newest.issued_at) < (before.sequence, before.issued_at):
        raise TamperedError(
            f"revocation list number {newest.sequence} is older than number"
            f" {before.sequence}, which was seen before"
        )
    return newest == before
