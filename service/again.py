"""A dead letter judged again, by today's registry at today's time, as if it came just now."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from approvals.roster import Producer
from quarantine.arrivals import Arrival, DeadLetter
from quarantine.envelope import read
from quarantine.errors import MalformedError
from quarantine.model import from_micros
from service.vouching import FIELDS, Entry, Secrets
from service.wire import allow, sift

HOPELESS: Final = frozenset({"conflict", "seq_reused"})
"""Reasons that nothing mends: other bytes were taken in under that name first."""
_SAID: Final = len(FIELDS) - 1


def sift_again(letter: DeadLetter, at: int, producer: Producer | None, secrets: Secrets) -> Arrival:
    """Return the arrival of a dead letter under its second name; `at` (µs) is now.

    A whole entry is verified and cut anew; of a slice, whose batch was verified when it came, the
    key must count now. Raises `MalformedError` with why it stays dead: its old reason, or a new
    one. Raises `UnavailableError` when a registered HMAC secret is not on this machine.
    """
    if letter.reason in HOPELESS or not letter.whole:
        detail = letter.detail if letter.whole else "its bytes were not kept whole"
        raise MalformedError(letter.reason, detail)
    said = letter.vouch.split(b"\n")
    if len(said) != _SAID:
        raise MalformedError(letter.reason, "nobody vouched for it")
    if letter.position >= 0:
        return _slice(letter, at, producer, said[1].decode("ascii", "backslashreplace"))
    fields = dict(zip(FIELDS, (letter.content, *said), strict=True))
    arrival = sift(Entry(letter.stream, letter.again, fields, at), producer, secrets)
    if not arrival.events:
        first = arrival.dead[0]
        raise MalformedError(first.reason, first.detail)
    return arrival


def _slice(letter: DeadLetter, at: int, producer: Producer | None, key: str) -> Arrival:
    if producer is None or key not in producer.keys:
        raise MalformedError("unknown_key", f"{letter.producer} has no key {key[:64]!r}")
    if not producer.keys[key][1].covers(from_micros(at)):
        raise MalformedError("key_not_valid", f"key {key} does not count at this time")
    event = read(letter.content, position=letter.position, arrived=at)
    allow(event, producer)
    arrival = Arrival(letter.producer, letter.stream, letter.again, at, vouch=letter.vouch)
    return replace(arrival, key=key, events=[event])
