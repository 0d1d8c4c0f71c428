"""Where the bus stands with each inbound stream: what was ever added, what still waits there."""

from __future__ import annotations

from typing import Final, NamedTuple, TypedDict, cast

import redis

from quarantine.arrivals import Passage
from quarantine.model import INBOUND
from quarantine.ports import Store
from service.bus import GROUP
from service.servers import Bus, streams

TRIES: Final = 3
LAST_ID: Final = f"{2**64 - 1}-{2**64 - 1}"
"""The last id that an entry can have; a stream that ends in it takes no more."""
_PAGE: Final = 200
_MOST_PENDING: Final = 10_000


class _Delivery(TypedDict):
    message_id: bytes
    time_since_delivered: int
    times_delivered: int


class Look(NamedTuple):
    """One stream as it stood at one moment; ids as the bus spells them.

    `delivered` is the last entry that any consumer was given; `waiting` those that were given and
    not acknowledged, with how often and for how many ms; `last` the newest id that was given out.
    """

    added: int
    length: int
    delivered: bytes
    waiting: dict[bytes, tuple[int, int]]
    last: bytes = b"0-0"

    def resembles(self, other: Look) -> bool:
        """Say whether nothing moved between two looks."""
        here, there = self.waiting.keys(), other.waiting.keys()
        return self[:3] == other[:3] and here == there


class Standing(NamedTuple):
    """A stream's passage; `stuck` when something was delivered in vain, so more may still come.

    `read` are the entries that are there still, up to the last that was delivered.
    """

    passage: Passage
    look: Look
    stuck: bool
    read: frozenset[bytes]


def standings(bus: Bus, store: Store) -> dict[str, Standing]:
    """Return how every inbound stream stands, by producer. Raises what redis raises."""
    return {
        stream.removeprefix(INBOUND): standing(bus.of(stream), store, stream)
        for stream in streams(bus)
    }


def standing(client: redis.Redis, store: Store, stream: str) -> Standing:
    """Count what waits in `stream` from the entries that are really there.

    Waiting is what nobody was given, and what was given, is still there and was not taken: the
    bus's own `lag` believes in entries that were deleted, and an entry that was taken but not yet
    acknowledged is received already.
    """
    now = look(client, stream)
    for _ in range(TRIES):
        before = now
        read = _read(client, stream, before.delivered)
        now = look(client, stream)
        if now.resembles(before):
            break
    unread = max(0, now.length - len(read))
    there = now.waiting.keys() & read
    taken = store.taken(stream, [id_.decode() for id_ in there])
    left = [now.waiting[id_] for id_ in there if id_.decode() not in taken]
    passage = Passage(
        added=now.added,
        pending=unread + len(left),
        lag=unread,
        oldest_pending_s=max((idle for _, idle in left), default=0) / 1000,
    )
    return Standing(passage, now, stuck=any(times > 1 for times, _ in left), read=frozenset(read))


def look(client: redis.Redis, stream: str) -> Look:
    """Look at one stream, all of it at one moment."""
    pipe = client.pipeline(transaction=True)
    pipe.xinfo_stream(stream)
    pipe.xinfo_groups(stream)
    pipe.xpending_range(stream, GROUP, "-", "+", _MOST_PENDING)
    info, groups, waiting = pipe.execute(raise_on_error=False)
    if isinstance(info, Exception) or isinstance(groups, Exception):
        return Look(0, 0, b"0-0", {})  # the stream is gone
    delivered = [each["last-delivered-id"] for each in groups if each["name"] == GROUP.encode()]
    deliveries = [] if isinstance(waiting, Exception) else cast("list[_Delivery]", waiting)
    return Look(
        added=int(info["entries-added"]),
        length=int(info["length"]),
        delivered=delivered[0] if delivered else b"0-0",
        waiting={
            each["message_id"]: (each["times_delivered"], each["time_since_delivered"])
            for each in deliveries
        },
        last=info["last-generated-id"],
    )


def trim(client: redis.Redis, stream: str, seen: Look) -> None:
    """Let go of what every consumer is done with: below the oldest waiting, or the last delivered.

    Any other trimming loses what was not read yet.
    """
    oldest = min(seen.waiting, key=order, default=seen.delivered)
    client.xtrim(stream, minid=oldest.decode(), approximate=False)


def order(id_: bytes) -> tuple[int, int]:
    """Return what entry ids are ordered by."""
    milliseconds, _, number = id_.partition(b"-")
    return int(milliseconds), int(number)


def _read(client: redis.Redis, stream: str, delivered: bytes) -> set[bytes]:
    """Return the entries that are there, up to and with `delivered`."""
    found: set[bytes] = set()
    start = "-"
    while True:
        page = cast(
            "list[tuple[bytes, object]]",
            client.xrange(stream, start, delivered.decode(), count=_PAGE),
        )
        found.update(id_ for id_, _ in page)
        if len(page) < _PAGE or page[-1][0] == delivered:
            return found  # after the last id that there can be, the bus takes no start
        start = f"({page[-1][0].decode()}"
