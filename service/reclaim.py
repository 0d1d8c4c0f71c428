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
WHOLE: Final = 16
"""Entries in one chunk after their first delivery, as many as are read at once; then alone."""

_PAGE: Final = 1000


class Chunk(NamedTuple):
    """Entries that were delivered equally often and are tried together."""

    ids: Sequence[bytes]
    deliveries: int


class _Pending(TypedDict):
    message_id: bytes
    consumer: bytes
    times_delivered: int


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


def _deliveries(pending: _Pending) -> int:
    return pending["times_delivered"]


def _chunks(found: Sequence[_Pending]) -> Iterator[Chunk]:
    for deliveries, same in groupby(found, key=_deliveries):
        ids = [pending["message_id"] for pending in same]
        size = WHOLE if deliveries <= 1 else 1
        for start in range(0, len(ids), size):
            yield Chunk(ids[start : start + size], deliveries)
