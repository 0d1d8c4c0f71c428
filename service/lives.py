"""The lives of a stream: the bus was emptied, or put back to an older state, and goes on."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import redis

from approvals.attest import act_of
from approvals.mishaps import StreamReset
from approvals.ports import Signer
from quarantine.arrivals import Mark
from quarantine.model import INBOUND
from quarantine.ports import Store
from service.bus import GROUP
from service.passage import Look, Standing, order

SHORT: Final = 200
"""Entries of a stream that are counted for no other reason than to know what is new."""

_MOST: Final = 10_000


def remembered(store: Store, client: redis.Redis, stream: str, stands: Standing) -> int:
    """Let the store remember what was ever added to `stream`; return the sum over its lives."""
    return store.seen(
        stream.removeprefix(INBOUND),
        stream,
        lambda last: _mark(stands, last.encode()),
        lambda last: _again(client, stream, last),
    )


def tell_resets(store: Store, signer: Signer, told: dict[str, int], at: datetime) -> None:
    """Record every new life of a stream that `told` (lives by producer) does not have."""
    for producer, lives in store.lives().items():
        for life in range(told.get(producer, 0) + 1, lives + 1):
            record = StreamReset(at=at, producer=producer, life=life)
            store.record([act_of(record, signer)])


def read_from_start(client: redis.Redis, stream: str, seen: Look) -> bool:
    """Set the group back when it stands beyond the last id of its stream; say whether it did.

    What is added below the group's position would never be delivered. Whatever is delivered
    again that way is known by its entry and changes nothing.
    """
    if order(seen.delivered) <= order(seen.last):
        return False
    client.xgroup_setid(stream, GROUP, "0")
    return True


def _mark(stands: Standing, last: bytes) -> Mark:
    """Say what is newer than `last` from what was read anyway; never too much of it.

    Where the group stands before `last` that cannot be told, so a short stream asks for an exact
    look. A long one is taken at its word: there the group will come to stand behind `last`.
    """
    seen = stands.look
    if order(seen.delivered) < order(last):
        known = -1 if seen.length <= SHORT else seen.added
    else:
        older = sum(order(id_) <= order(last) for id_ in stands.read)
        known = seen.added - max(0, seen.length - older)
    return Mark(seen.added, seen.last.decode(), min(known, seen.added))


def _again(client: redis.Redis, stream: str, last: str) -> Mark:
    """Look at one moment, and count what of the stream is newer than `last`.

    An emptied bus has nothing of what was remembered. A bus that was put back to an older state
    has entries that were counted before, and only what is newer was added since.
    """
    pipe = client.pipeline(transaction=True)
    pipe.xinfo_stream(stream)
    pipe.xrange(stream, f"({last}", "+", count=_MOST)
    info, newer = pipe.execute(raise_on_error=False)
    if isinstance(info, Exception):
        return Mark(0, "0-0", 0)  # the stream is gone
    added = int(info["entries-added"])
    # After the last id that there can be the bus takes no start, and nothing can be newer.
    count = 0 if isinstance(newer, Exception) else len(newer)
    return Mark(added, info["last-generated-id"].decode(), max(0, added - count))
