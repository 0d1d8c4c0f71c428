"""The trace of an entry: its ids follow from what was signed, so nobody has to send them.

A bus entry has four fields and an event no room for a `traceparent` (contract, 1), and an id that
a stranger chooses could be made to collide. So both ends compute the ids from the same signed
words: whoever published an entry and whoever stored it speak of the same trace (W3C Trace Context
ids, 16 and 8 bytes).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, Protocol

from quarantine.arrivals import DeadLetter

if TYPE_CHECKING:
    from service.door import Passed

_VOUCHED: Final = 3


class Spans(Protocol):
    """What makes spans of entries (OpenTelemetry), on the producer's side and on ours."""

    def publishing(
        self, producer: str, entries: Iterable[tuple[int, str]]
    ) -> AbstractContextManager[None]:
        """Make a span of each entry (`seq`, `sig`) that is sent within the block."""

    def passed(self, what: Passed) -> None:
        """Make a span of each entry that went through the door."""


class Untraced:
    """Makes none."""

    def publishing(
        self,
        producer: str,  # noqa: ARG002  it is the seam's
        entries: Iterable[tuple[int, str]],  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """Make none."""
        return nullcontext()

    def passed(self, what: Passed) -> None:
        """Make none."""


def trace_id(producer: str, seq: bytes, sig: bytes) -> str:
    """Return the trace of an entry in 32 hex digits; `seq` and `sig` as they stand in the entry."""
    return _ids(producer, seq, sig)[:16].hex()


def span_id(producer: str, seq: bytes, sig: bytes) -> str:
    """Return the span of its publishing, the root of that trace, in 16 hex digits."""
    return _ids(producer, seq, sig)[16:24].hex()


def vouched(letter: DeadLetter) -> tuple[str, bytes, bytes]:
    """Return producer, `seq` and `sig` of a dead letter's entry; nothing where it said none."""
    said = letter.vouch.split(b"\n")
    return (
        (letter.producer, said[0], said[2])
        if len(said) == _VOUCHED
        else (letter.producer, b"", b"")
    )


def entered(producer: str, fields: Mapping[bytes, bytes]) -> tuple[str, bytes, bytes]:
    """Return the same of an entry as it was read."""
    return producer, fields.get(b"seq", b""), fields.get(b"sig", b"")


def _ids(producer: str, seq: bytes, sig: bytes) -> bytes:
    digest = hashlib.sha256(b"feedback-trace/v1\n%b\n%b\n%b" % (producer.encode(), seq, sig))
    return digest.digest()
