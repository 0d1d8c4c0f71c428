"""Intake: from every producer's stream through the door to the store, whatever dies on the way."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import redis
from faststream.redis.message import BatchStreamMessage

from approvals.mishaps import ProducerPaused
from quarantine.errors import BrokenError, UnavailableError
from service import dead_letters, reclaim
from service.breaker import Breaker
from service.bus import DEAD, GROUP, stream_of
from service.door import Door
from service.readiness import Readiness
from service.reconcile import Reconciler
from service.repair import Repair
from service.servers import Bus, open_bus
from service.streams import Streams

EVERY_S: Final = 1.0
BACK_OFF_S: Final = 1.0
IDLE_MS: Final = 5000
THREADS: Final = 64
"""Streams whose entries wait at the door at once; who waits for a thread waits out of turn."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Intake:
    """The consumer process, made of loops that each may run twice and change nothing then.

    `consumer` must be unique to the process. `idle_ms` is how long an entry stays with a consumer
    before another one takes it over; longer than any batch takes.
    """

    url: str
    door: Door
    reconciler: Reconciler
    consumer: str
    idle_ms: int = IDLE_MS
    breaker: Breaker = field(default_factory=Breaker)
    readiness: Readiness = field(default_factory=Readiness)
    _bus: Bus = field(init=False)
    _streams: Streams = field(init=False)
    _repair: Repair = field(init=False)
    _put_aside: asyncio.Event = field(default_factory=asyncio.Event)
    _halted: asyncio.Event = field(default_factory=asyncio.Event)
    _broken: BrokenError | None = None
    _copied: int | None = None
    _pausing: set[asyncio.Task[None]] = field(default_factory=set)
    _choosing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Prepare the connections; nothing is sent yet."""
        self._bus = open_bus(self.url)
        self._streams = Streams(self.url, self._bus, self.consumer, self.handle)
        self._repair = Repair(self._bus, self.reconciler.record)

    async def run(self, stopping: asyncio.Event) -> None:
        """Take in until `stopping` is set; then finish the batches in hand, and return.

        Raises `BrokenError` when the disk failed under the store: nothing is tried again then.
        """
        threads = ThreadPoolExecutor(THREADS)
        asyncio.get_running_loop().set_default_executor(threads)
        await self._streams.connect()
        loops = [
            asyncio.create_task(self._again(self._follow, EVERY_S)),
            asyncio.create_task(self._again(self._reclaim, min(EVERY_S, self.idle_ms / 5000))),
            asyncio.create_task(self._again(self._copy_dead_letters, 0.0)),
            asyncio.create_task(self._again(self._reconcile, EVERY_S)),
            asyncio.create_task(self._again(self._mend, EVERY_S)),
        ]
        told = [asyncio.create_task(each.wait()) for each in (stopping, self._halted)]
        # A loop that ends has met a bug: that must end the process, not leave it half alive.
        await asyncio.wait([*told, *loops], return_when=asyncio.FIRST_COMPLETED)
        failed = [self._broken, *(loop.exception() for loop in loops if loop.done())]
        for task in (*told, *loops):
            task.cancel()
        for error in failed:
            if isinstance(error, BrokenError):
                raise error  # nothing in hand can be finished any more
        await _ended([*told, *loops])
        await asyncio.gather(*self._pausing, return_exceptions=True)
        await self._streams.close()
        for error in failed:
            if error is not None:
                raise error
        with contextlib.suppress(redis.RedisError, OSError, UnavailableError):
            await self._reconcile()  # the figures are right while nothing runs, too
        self._bus.close()

    async def handle(self, message: BatchStreamMessage) -> None:
        """Take in what was read: held or put aside for good before it is acknowledged."""
        stream = message["channel"]
        ids = [id_.decode() for id_ in message["message_ids"]]
        entries = list(zip(ids, message["data"], strict=True))
        try:
            taken = await asyncio.to_thread(self.door.take, stream, entries)
        except UnavailableError as error:
            _log.warning("%s: %d entries wait: %s", stream, len(ids), error)
            self.readiness.fails("store", error)
            await self._forgive(stream, ids)
            await asyncio.sleep(BACK_OFF_S)
            raise
        except BrokenError as error:
            self._broken = error
            self._halted.set()
            raise
        self.readiness.works("store")
        if taken.dead:
            self._put_aside.set()
        pause = self.door.watched(self.breaker, stream, taken)
        if pause is not None:
            # Apart from the batch in hand, for whose end the pause waits.
            self._pausing.add(asyncio.create_task(self._pause(stream, pause)))

    async def _pause(self, stream: str, pause: ProducerPaused) -> None:
        """Read a stream no more until its pause is over; every intake process hears it by log."""
        _log.warning("%s is not read until %s: %s", stream, pause.until, pause.because)
        # Whoever follows the log meanwhile would not see the pause in it, and read on.
        async with self._choosing:
            await self._streams.rest(stream)
            with contextlib.suppress(UnavailableError):
                await asyncio.to_thread(self.reconciler.record, pause)

    async def _forgive(self, stream: str, ids: Sequence[str]) -> None:
        """Count the deliveries of `ids` anew: what failed was the store, not the entries."""
        with contextlib.suppress(redis.RedisError):
            client = self._bus.of(stream)
            forgive = functools.partial(
                client.xclaim, stream, GROUP, self.consumer, 0, [*ids], retrycount=1, justid=True
            )
            await asyncio.to_thread(forgive)

    async def _follow(self) -> None:
        async with self._choosing:
            known, resting = await asyncio.to_thread(self.door.producers)
            await self._streams.follow(map(stream_of, known), [*map(stream_of, resting)])
        for task in [task for task in self._pausing if task.done()]:
            self._pausing.discard(task)
            task.result()  # what went wrong there goes wrong here

    async def _reclaim(self) -> None:
        for stream in self._streams.running():
            client = await asyncio.to_thread(self._bus.of, stream)
            left = await asyncio.to_thread(reclaim.left_over, client, stream, self.idle_ms)
            for chunk in left:
                await self._take_over(stream, chunk)
            await asyncio.to_thread(
                reclaim.forget_dead, client, stream, self.consumer, self.idle_ms
            )

    async def _take_over(self, stream: str, chunk: reclaim.Chunk) -> None:
        message = await asyncio.to_thread(
            reclaim.claim, self._bus.of(stream), stream, self.consumer, chunk, self.idle_ms
        )
        if chunk.deliveries >= reclaim.MOST:
            await asyncio.to_thread(self._give_up, message, chunk.deliveries)
            self._put_aside.set()
        elif message["message_ids"]:
            await self._streams.consume(message)

    def _give_up(self, message: BatchStreamMessage, deliveries: int) -> None:
        stream = message["channel"]
        for id_, fields in zip(message["message_ids"], message["data"], strict=True):
            _log.error("%s %s was delivered %d times", stream, id_.decode(), deliveries)
            self.door.give_up(stream, (id_.decode(), fields), deliveries)
            self._bus.of(stream).xack(stream, GROUP, id_)

    async def _copy_dead_letters(self) -> None:
        client = await asyncio.to_thread(self._bus.of, DEAD)
        if self._copied is None:
            self._copied = await asyncio.to_thread(dead_letters.copied, client)
        self._put_aside.clear()
        self._copied = await asyncio.to_thread(
            dead_letters.copy, self.door.store, client, self._copied
        )
        # Not `wait_for`: before Python 3.12 it loses a cancellation that comes with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await self._put_aside.wait()

    async def _mend(self) -> None:
        await asyncio.to_thread(self._repair.once)

    async def _reconcile(self) -> None:
        await asyncio.to_thread(self.reconciler.once)

    async def _again(self, step: Callable[[], Awaitable[None]], every_s: float) -> None:
        """Do `step` again and again; when the bus or the store does not answer, later."""
        name = getattr(step, "__name__", "step").strip("_").replace("_", " ")
        turns = asyncio.get_running_loop().time
        while True:
            try:
                await step()
                self.readiness.turns(name, turns())
                await asyncio.sleep(every_s)
            except (redis.RedisError, UnavailableError, OSError, TimeoutError) as error:
                _log.warning("%s: %s", name, error)
                self.readiness.fails(name, error)
                await asyncio.sleep(BACK_OFF_S)
                with contextlib.suppress(redis.RedisError, OSError):
                    await asyncio.to_thread(self._bus.look_again)


async def _ended(tasks: Sequence[asyncio.Task[None] | asyncio.Task[bool]]) -> None:
    """Wait until every task has ended; one that lost its cancellation is cancelled again."""
    left = set(tasks)
    while left:
        done, left = await asyncio.wait(left, timeout=EVERY_S)
        for task in done:
            if not task.cancelled():
                task.exception()  # who waits for it has it; unasked it would be reported as lost
        for task in left:
            task.cancel()
