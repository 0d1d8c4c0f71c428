"""Streams that end in a forged id, which stops or misdates all that follows: found and repaired."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

import redis
from redis.exceptions import AskError, NoPermissionError, WatchError

from approvals.mishaps import StreamForged
from quarantine.model import INBOUND, from_micros
from service.bus import GROUP
from service.passage import LAST_ID, Look, look, order
from service.servers import Bus, streams

AHEAD_MS: Final = 5 * 60 * 1000
"""An id this far ahead of the bus's own clock was given by a sender and not by the bus."""
LONGEST_WAIT_MS: Final = 60_000

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Repair:
    """Sets forged streams back to the bus's clock, once everything in them is taken in.

    `record` tells the log. A producer that does it again and again waits longer for each repair,
    up to a minute; the others never notice.
    """

    bus: Bus
    record: Callable[[StreamForged], None]
    _done: dict[str, tuple[int, int]] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _blind: bool = False

    def once(self) -> None:
        """Look at every stream once. Raises what redis raises, but for rights that are missing."""
        try:
            # The servers of a cluster have a clock each, and a stream keeps that of its own.
            clocks = {id(client): clock_ms(client) for client in self.bus.primaries()}
        except NoPermissionError as error:
            if not self._blind:
                _log.error("forged ids are not looked for: %s", error)
            self._blind = True
            return
        for stream in streams(self.bus):
            client = self.bus.of(stream)
            now = clocks.get(id(client), 0)
            if now and self._is_due(stream, last := last_id(client, stream), now):
                self._mend(stream, last, now)

    def _is_due(self, stream: str, last: bytes, now: int) -> bool:
        times, since = self._done.get(stream, (0, 0))
        due = since + min(1000 * 2**times, LONGEST_WAIT_MS) if times else 0
        return is_forged(last, now) and now >= due

    def _mend(self, stream: str, forged: bytes, now: int) -> None:
        try:
            last = set_back(self.bus.of(stream), stream, now)
        except AskError:
            raise  # the stream is on another server now
        except redis.ResponseError as error:
            _log.error("%s ends in %s and may not be repaired: %s", stream, forged.decode(), error)
            if stream not in self._refused:
                self._refused.add(stream)
                self._tell(stream, forged, None, now)
            return
        if last is not None:
            self._done[stream] = (self._done.get(stream, (0, 0))[0] + 1, now)
            self._tell(stream, forged, last, now)

    def _tell(self, stream: str, forged: bytes, last: str | None, now: int) -> None:
        self.record(
            StreamForged(
                at=from_micros(now * 1000),
                producer=stream.removeprefix(INBOUND),
                forged=forged.decode(),
                last=last,
            )
        )


def clock_ms(client: redis.Redis) -> int:
    """Return the bus's own clock, in ms since 1970: what its ids are made of."""
    seconds, micros = client.time()
    return seconds * 1000 + micros // 1000


def last_id(client: redis.Redis, stream: str) -> bytes:
    """Return the newest id that `stream` gave out, `0-0` where it is gone."""
    try:
        info = cast("dict[str, bytes]", client.xinfo_stream(stream))
    except redis.ResponseError:
        return b"0-0"
    return info["last-generated-id"]


def is_forged(last: bytes, now: int) -> bool:
    """Say whether a stream's `last` id was given out by no clock: too far ahead of `now` (ms)."""
    return order(last)[0] > now + AHEAD_MS


def set_back(client: redis.Redis, stream: str, now: int) -> str | None:
    """Set a stream back to `now` (ms); return its new last id, nothing while it is not at rest.

    At rest means that all that is in it was delivered and acknowledged: it is let go. The count
    of entries ever added stays; if anything is added meanwhile, nothing is done. Raises what redis
    raises.
    """
    with client.pipeline(transaction=True) as pipe:
        pipe.watch(stream)  # type: ignore[no-untyped-call]  # redis-py leaves it without types
        seen = look(client, stream)
        if seen.waiting or _unread(client, stream, seen):
            return None
        bound = str(now + AHEAD_MS)
        honest = client.xrevrange(stream, bound, "-", count=1)
        ids = [id_ for id_, _ in cast("list[tuple[bytes, object]]", honest)]
        last = max([*ids, b"%d-0" % now], key=order).decode()
        pipe.multi()
        # Not XDEL: it would leave the forged id behind as the highest deleted, and newer servers
        # set no stream back to before that.
        pipe.xtrim(stream, maxlen=0, approximate=False)
        pipe.execute_command("XSETID", stream, last)  # type: ignore[no-untyped-call]  # the same
        pipe.xgroup_setid(stream, GROUP, last)
        try:
            pipe.execute()
        except WatchError:
            return None
    return last


def _unread(client: redis.Redis, stream: str, seen: Look) -> bool:
    """Say whether something is in the stream that no consumer was given yet."""
    delivered = seen.delivered.decode()
    return delivered != LAST_ID and bool(client.xrange(stream, f"({delivered}", "+", count=1))
