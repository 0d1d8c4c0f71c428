"""The streams that are read: one FastStream subscriber each, entries passed through as they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import redis
from faststream import AckPolicy
from faststream.redis import RedisBroker, StreamSub
from faststream.redis.message import BatchStreamMessage, RedisBatchStreamMessage
from redis.exceptions import NoPermissionError

from service.bus import CONNECT_S, GROUP, address, inbound

if TYPE_CHECKING:
    from faststream.redis.subscriber.usecases import StreamBatchSubscriber

BATCH: Final = 32
"""Entries read at once from one stream: at most so many times a megabyte is in hand."""
POLL_MS: Final = 200
GRACE_S: Final = 15.0
SOCKET_S: Final = 30.0
MOST: Final = 4096
"""One connection each; more streams than this wait for another process."""

Handler = Callable[[BatchStreamMessage], Awaitable[None]]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Streams:
    """Reads streams as `consumer`, a name of this process alone, and hands batches to `handler`.

    A batch is acknowledged when `handler` returns and stays pending when it raises.
    """

    url: str
    client: redis.Redis
    consumer: str
    handler: Handler
    _broker: RedisBroker = field(init=False)
    _subscribers: dict[str, StreamBatchSubscriber] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Prepare the broker; nothing is sent yet."""
        self._broker = RedisBroker(
            address(self.url),
            logger=_log,
            log_level=logging.DEBUG,
            apply_types=False,
            max_connections=2 * MOST,
            graceful_timeout=GRACE_S,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=SOCKET_S,
        )

    async def connect(self) -> None:
        """Open the broker's connections."""
        await self._broker.connect()

    async def close(self) -> None:
        """Stop reading, wait for the batches in hand, let go of the connections."""
        await asyncio.gather(*(each.stop() for each in self._subscribers.values()))
        await asyncio.sleep(0)  # readers hear that they are cancelled before their lines are cut
        await self._broker.stop()

    def running(self) -> Iterator[str]:
        """Yield the streams that are read now."""
        for stream, subscriber in list(self._subscribers.items()):
            if subscriber.running:
                yield stream

    async def consume(self, message: BatchStreamMessage) -> None:
        """Handle a batch that was claimed the way a batch that was read is handled."""
        await self._subscribers[message["channel"]].consume(message)

    async def rest(self, stream: str) -> None:
        """Stop reading a stream when the batch in hand is done; `follow` reads it again."""
        subscriber = self._subscribers.get(stream)
        if subscriber is not None and subscriber.running:
            await subscriber.stop()

    async def follow(self, known: Iterable[str], resting: Collection[str] = ()) -> None:
        """Read the `known` streams, and every stranger's that the bus has, but no `resting` one."""
        found = await asyncio.to_thread(self._strangers)
        for stream in resting:
            await self.rest(stream)
        for stream in sorted({*known, *found}.difference(resting)):
            subscriber = self._subscribers.get(stream)
            if subscriber is None and len(self._subscribers) >= MOST:
                _log.error("%s is not read: %d streams are", stream, MOST)
            elif subscriber is None or not subscriber.running:
                await self._start(stream)

    def _strangers(self) -> set[str]:
        try:
            return set(inbound(self.client))
        except NoPermissionError:
            return set()  # without the right to look around, strangers are not seen

    async def _start(self, stream: str) -> None:
        """Read a stream from its beginning, or again after its group was destroyed."""
        await asyncio.to_thread(self._make_group, stream)
        if stream not in self._subscribers:
            subscriber = self._broker.subscriber(
                stream=StreamSub(
                    stream,
                    group=GROUP,
                    consumer=self.consumer,
                    batch=True,
                    max_records=BATCH,
                    polling_interval=POLL_MS,
                ),
                parser=self._parse,
                decoder=_decode,
                ack_policy=AckPolicy.NACK_ON_ERROR,
                no_reply=True,
            )
            subscriber(self.handler)
            self._subscribers[stream] = subscriber
        await self._subscribers[stream].start()

    def _make_group(self, stream: str) -> None:
        """Make the group at 0, so that what was published before the first start is read too."""
        try:
            self.client.xgroup_create(stream, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _parse(self, message: BatchStreamMessage) -> RedisBatchStreamMessage:
        """Pass the entries through as they are: no envelope, no headers, nobody to reply to."""
        first = message["message_ids"][0].decode()
        return RedisBatchStreamMessage(
            raw_message=message,
            body=b"",
            consumer=self._subscribers[message["channel"]].parser.consumer,
            group=GROUP,
            message_id=first,
            correlation_id=first,
        )


async def _decode(message: RedisBatchStreamMessage) -> BatchStreamMessage:
    return message.raw_message
