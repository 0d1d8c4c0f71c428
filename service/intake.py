"""Intake: one consumer for each producer's stream, from the bus through the door to the store."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import redis
from faststream import AckPolicy
from faststream.redis import RedisBroker, StreamSub
from faststream.redis.message import BatchStreamMessage, RedisBatchStreamMessage

from quarantine.errors import UnavailableError
from service import dead_letters, reclaim
from service.bus import GROUP, address, connect, inbound, stream_of
from service.door import Door

if TYPE_CHECKING:
    from faststream.redis.subscriber.usecases import StreamBatchSubscriber

BATCH: Final = 16
"""Entries read at once from one stream: at most so many times a megabyte is in hand."""
POLL_MS: Final = 200
EVERY_S: Final = 1.0
BACK_OFF_S: Final = 1.0
MOST_STREAMS: Final = 4096
"""One connection each; more streams than this wait for another process."""

_log = logging.getLogger("quarantine.intake")


@dataclass(slots=True)
class Intake:
    """The consumer process: finds streams, reads them, takes back what others left unfinished.

    `consumer` must be unique to the process. `idle_ms` is how long an entry stays with a consumer
    before another one takes it over; longer than any batch takes.
    """

    url: str
    door: Door
    consumer: str
    idle_ms: int = 5000
    _broker: RedisBroker = field(init=False)
    _client: redis.Redis = field(init=False)
    _subscribers: dict[str, StreamBatchSubscriber] = field(default_factory=dict)
    _put_aside: asyncio.Event = field(default_factory=asyncio.Event)
    _copied: int | None = None

    def __post_init__(self) -> None:
        """Prepare the connections; nothing is sent yet."""
        self._client = connect(self.url)
        self._broker = RedisBroker(
            address(self.url),
            logger=None,
            apply_types=False,
            max_connections=2 * MOST_STREAMS,
            graceful_timeout=15.0,
        )

    async def run(self, stopping: asyncio.Event) -> None:
        """Take in until `stopping` is set; then finish the batches in hand, and return."""
        await self._broker.connect()
        loops = [
            asyncio.create_task(self._again(self._find_streams, EVERY_S)),
            asyncio.create_task(self._again(self._reclaim, max(0.1, self.idle_ms / 5000))),
            asyncio.create_task(self._again(self._copy_dead_letters, 0.0)),
        ]
        stop = asyncio.create_task(stopping.wait())
        # A loop that ends has met a bug: it must end the process, not leave it half alive.
        await asyncio.wait([stop, *loops], return_when=asyncio.FIRST_COMPLETED)
        failed = [loop.exception() for loop in loops if loop.done()]
        await self._finish([stop, *loops])
        for error in failed:
            if error is not None:
                raise error

    async def handle(self, message: BatchStreamMessage) -> None:
        """Take in what was read: held or put aside for good before it is acknowledged."""
        stream = message["channel"]
        ids = [id_.decode() for id_ in message["message_ids"]]
        entries = list(zip(ids, message["data"], strict=True))
        try:
            taken = await asyncio.to_thread(self.door.take, stream, entries)
        except UnavailableError as error:
            _log.warning("%s: %d entries wait: %s", stream, len(ids), error)
            await self._forgive(stream, ids)
            await asyncio.sleep(BACK_OFF_S)
            raise
        if taken.dead:
            self._put_aside.set()

    async def _forgive(self, stream: str, ids: list[str]) -> None:
        """Count the deliveries of `ids` anew: what failed was the store, not the entries."""
        forgive = functools.partial(
            self._client.xclaim, stream, GROUP, self.consumer, 0, ids, retrycount=1, justid=True
        )
        with contextlib.suppress(redis.RedisError):
            await asyncio.to_thread(forgive)

    async def _find_streams(self) -> None:
        """Read the stream of every registered producer, and every stranger's that is there."""
        known = await asyncio.to_thread(self.door.producers)
        try:
            found = await asyncio.to_thread(lambda: set(inbound(self._client)))
        except redis.exceptions.NoPermissionError:
            found = set()  # without the right to look around, strangers are not seen
        for stream in sorted({stream_of(name) for name in known} | found):
            subscriber = self._subscribers.get(stream)
            if subscriber is None and len(self._subscribers) >= MOST_STREAMS:
                _log.error("%s is not read: %d streams are", stream, MOST_STREAMS)
            elif subscriber is None or not subscriber.running:
                await self._subscribe(stream, subscriber)

    async def _subscribe(self, stream: str, subscriber: StreamBatchSubscriber | None) -> None:
        """Start to read a stream from its beginning, or again after its group was destroyed."""
        await asyncio.to_thread(self._make_group, stream)
        if subscriber is None:
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
            subscriber(self.handle)
            self._subscribers[stream] = subscriber
        await subscriber.start()

    def _make_group(self, stream: str) -> None:
        """Make the group at 0, so that what was published before the first start is read too."""
        try:
            self._client.xgroup_create(stream, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _parse(self, message: BatchStreamMessage) -> RedisBatchStreamMessage:
        """Pass the entries through as they are: no envelope, no headers, no reply."""
        client = await self._broker.connect()
        first = message["message_ids"][0].decode()
        return RedisBatchStreamMessage(
            raw_message=message,
            body=b"",
            consumer=client,
            group=GROUP,
            message_id=first,
            correlation_id=first,
        )

    async def _reclaim(self) -> None:
        for stream, subscriber in list(self._subscribers.items()):
            if subscriber.running:
                left = functools.partial(
                    reclaim.left_over, self._client, stream, self.consumer, self.idle_ms
                )
                await self._take_over(stream, await asyncio.to_thread(left))

    async def _take_over(self, stream: str, left: list[reclaim.Chunk]) -> None:
        for chunk in left:
            message = await asyncio.to_thread(
                reclaim.claim, self._client, stream, self.consumer, chunk, self.idle_ms
            )
            if not message["message_ids"]:
                continue
            if chunk.deliveries < reclaim.MOST:
                await self._subscribers[stream].consume(message)
                continue
            await asyncio.to_thread(self._give_up, message, chunk.deliveries)
            self._put_aside.set()

    def _give_up(self, message: BatchStreamMessage, deliveries: int) -> None:
        stream = message["channel"]
        for id_, fields in zip(message["message_ids"], message["data"], strict=True):
            _log.error("%s %s was delivered %d times", stream, id_.decode(), deliveries)
            self.door.give_up(stream, (id_.decode(), fields), deliveries)
            self._client.xack(stream, GROUP, id_)

    async def _copy_dead_letters(self) -> None:
        if self._copied is None:
            self._copied = await asyncio.to_thread(dead_letters.copied, self._client)
        self._copied = await asyncio.to_thread(
            dead_letters.copy, self.door.store, self._client, self._copied
        )
        self._put_aside.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._put_aside.wait(), EVERY_S)

    async def _again(self, step: Callable[[], Awaitable[None]], every_s: float) -> None:
        """Do `step` again and again; when the bus or the store does not answer, later."""
        while True:
            try:
                await step()
                await asyncio.sleep(every_s)
            except (redis.RedisError, UnavailableError, OSError, TimeoutError) as error:
                _log.warning("%s: %s", getattr(step, "__name__", "step"), error)
                await asyncio.sleep(BACK_OFF_S)

    async def _finish(self, tasks: list[asyncio.Task[None] | asyncio.Task[bool]]) -> None:
        """Stop reading, wait for what is in hand, let go of the connections."""
        await asyncio.gather(*(each.stop() for each in self._subscribers.values()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._broker.stop()
        self._client.close()


async def _decode(message: RedisBatchStreamMessage) -> BatchStreamMessage:
    return message.raw_message
