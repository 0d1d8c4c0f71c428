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
from redis.exceptions import NoPermissionError, RedisClusterException

from service.appetite import Appetite
from service.broker import broker_of
from service.bus import GROUP
from service.servers import Bus, streams

if TYPE_CHECKING:
    from faststream.redis.subscriber.usecases import StreamBatchSubscriber
    from faststream.redis.subscriber.usecases.stream_subscriber import ReadResponse

BATCH: Final = 32
"""Entries read at once from one stream, at most; all streams share one budget of bytes."""
POLL_MS: Final = 200
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
    bus: Bus
    consumer: str
    handler: Handler
    _broker: RedisBroker = field(init=False)
    appetite: Appetite = field(default_factory=lambda: Appetite(BATCH))
    _subscribers: dict[str, StreamBatchSubscriber] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Prepare the broker; nothing is sent yet."""
        self._broker = broker_of(self.url, connections=2 * MOST)

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
            return set(streams(self.bus))
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
            self._help(subscriber, stream)
            self._subscribers[stream] = subscriber
        try:
            await self._subscribers[stream].start()
        except RedisClusterException as error:
            raise redis.ConnectionError(f"the cluster does not answer: {error}") from error

    def _make_group(self, stream: str) -> None:
        """Make the group at 0, so that what was published before the first start is read too."""
        try:
            self.bus.of(stream).xgroup_create(stream, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _help(self, subscriber: StreamBatchSubscriber, stream: str) -> None:
        """Let each read take as many entries as fit then: FastStream knows one number for all."""
        read = subscriber._xreadgroup  # noqa: SLF001  there is no other seam before a read

        async def helped(
            *, count: int | None, block: int | None, noack: bool = False
        ) -> ReadResponse:
            fits = self.appetite.helping(stream, streams=len(self._subscribers))
            return await read(count=min(fits, count or fits), block=block, noack=noack)

        subscriber._xreadgroup = helped  # type: ignore[method-assign]  # noqa: SLF001  the same

    async def _parse(self, message: BatchStreamMessage) -> RedisBatchStreamMessage:
        """Pass the entries through as they are: no envelope, no headers, nobody to reply to."""
        first, stream = message["message_ids"][0].decode(), message["channel"]
        self.appetite.saw(stream, message["data"])
        return RedisBatchStreamMessage(
            raw_message=message,
            body=b"",
            consumer=self._subscribers[stream].parser.consumer,
            group=GROUP,
            message_id=first,
            correlation_id=first,
        )


async def _decode(message: RedisBatchStreamMessage) -> BatchStreamMessage:
    return message.raw_message
