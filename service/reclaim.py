"""Taking over what a dead consumer left unfinished, so that a killer of consumers stays alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple, TypedDict, cast

import redis
from faststream.redis.message import BatchStreamMessage

from service.bus import GROUP

MOST: Final = 5
"""Deliveries before an entry is put aside."""
WHOLE: Final = 32
"""Entries in one chunk after their first delivery, as many as are read at once; then alone."""

DEAD_AFTER: Final = 24
"""A consumer that did not even ask for so many times as long as an entry stays with it is gone."""

_PAGE: Final = 1000


class Chunk(NamedTuple):
    """Entries that were delivered equally often and are tried together."""

    ids: Sequence[bytes]
    deliveries: int


class _Pending(TypedDict):
    message_id: bytes
    consumer: bytes
    times_delivered: int


class _Consumer(TypedDict):
    name: bytes
    pending: int
    idle: int


def left_over(client: redis.Redis, stream: str, idle_ms: int) -> list[Chunk]:
    """Return what is pending for longer than `idle_ms` with any consumer, in chunks to try.

    The more often an entry was delivered, the smaller its chunk: an entry that kills its
    consumer does not drag its neighbours to their fifth delivery.
    """
    found = cast(
        "list[_Pending]",
        client.xpending_range(stream, GROUP, "-", "+", _PAGE, idle=idle_ms),
    )
    return list(_chunks(sorted(found, key=_deliveries)))


def claim(
    client: redis.Redis, stream: str, consumer: str, chunk: Chunk, idle_ms: int
) -> BatchStreamMessage:
    """Claim a chunk for `consumer`; what another took meanwhile, or is gone, is not in it."""
    claimed = client.xclaim(stream, GROUP, consumer, idle_ms, [*chunk.ids])
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", claimed)
    return BatchStreamMessage(
        type="bstream",
        channel=stream,
        data=[fields for _, fields in entries],
        message_ids=[id_ for id_, _ in entries],
    )


def forget_dead(client: redis.Redis, stream: str, me: str, idle_ms: int) -> None:
    """Take consumers out of the group that are long gone and have nothing any more.

    Every start of a process is a new consumer: without this their number would only grow.
    """
    found = cast("list[_Consumer]", client.xinfo_consumers(stream, GROUP))
    for each in found:
        name = each["name"].decode()
        if each["pending"] or each["idle"] < DEAD_AFTER * idle_ms or name == me:
            continue
        if client.xgroup_delconsumer(stream, GROUP, name):
            # It woke up in between and what it was given is forgotten: give it out again.
            client.xgroup_setid(stream, GROUP, "0")


def _deliveries(pending: _Pending) -> int:
    return pending["times_delivered"]


def _chunks(found: Sequence[_Pending]) -> Iterator[Chunk]:
    for deliveries, same in groupby(found, key=_deliveries):
        ids = [pending["message_id"] for pending in same]
        size = WHOLE if deliveries <= 1 else 1
        for start in range(0, len(ids), size):
            yield Chunk(ids[start : start + size], deliveries)
