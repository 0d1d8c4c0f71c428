"""Producers with real keys and an intake, for trials on the wire: with the bus, or at the door."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import redis
from redis.typing import EncodableT, FieldT

from approvals.attest import act_of
from approvals.model import ProducerAdded, ProducerKey
from approvals.signers.file import FileSigner, new_key
from quarantine.arrivals import Counts, DeadLetter, Taken
from service import wiring
from service.breaker import Breaker, Limits
from service.bus import GROUP, stream_of
from service.door import Door
from service.intake import Intake
from service.reconcile import Reconciler
from service.redteam.ground import Ground
from service.redteam.speech import batch
from service.servers import open_bus
from service.vouching import signed_bytes

PATIENCE_S: Final = 20.0
"""How long is waited for what must come."""
_POLL_S: Final = 0.02
_IDLE_MS: Final = 300
_NO_BREAKER: Final = Limits(least=10**9)

Fields = dict[bytes, bytes]


@dataclass
class Sender:
    """A registered producer with its key; it counts its entries."""

    name: str
    key: FileSigner
    seq: int = 0

    @property
    def stream(self) -> str:
        """Return its stream."""
        return stream_of(self.name)

    def entry(self, *events: bytes) -> Fields:
        """Sign events as the next entry."""
        return self.sealed(batch(*events))

    def sealed(self, content: bytes) -> Fields:
        """Sign these bytes, whatever they are, as the next entry."""
        self.seq += 1
        signature = self.key.sign(signed_bytes(self.name, self.seq, content))
        return {
            b"batch": content,
            b"seq": str(self.seq).encode(),
            b"key": self.key.key_id.encode(),
            b"sig": base64.b64encode(signature),
        }


@dataclass
class Wire:
    """A ground with producers that sign; entries go through the door, or over a real bus."""

    ground: Ground
    url: str = ""
    stem: str = "p"
    _clients: list[redis.Redis] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the door that intake uses, on the service's own clock."""
        self.door = Door(self.ground.store, self.ground.state.secrets, wiring.now)

    def sender(self, name: str) -> Sender:
        """Register a producer, under a name that no other trial has on the bus."""
        own = f"{self.stem}-{name}"
        key = new_key(self.ground.folder / f"{own}.pem")
        record = ProducerAdded(
            at=wiring.now() - timedelta(minutes=1),
            name=own,
            key=ProducerKey(id=key.key_id, algorithm="ed25519", public=key.public),
        )
        self.ground.store.record([act_of(record, self.ground.operator)])
        return Sender(own, key)

    def take(self, stream: str, entries: Sequence[Fields]) -> Taken:
        """Take entries in through the door, in one turn, without a bus."""
        first = len(self.ground.store.spans(stream.removeprefix("feedback:in:"))) + time.time_ns()
        return self.door.take(
            stream, [(f"{first + n}-0", fields) for n, fields in enumerate(entries)]
        )

    def counts(self, sender: Sender) -> Counts:
        """Return what became of what a producer sent."""
        return self.ground.store.counts().get(sender.name, Counts())

    def dead(self) -> list[DeadLetter]:
        """Return what was put aside."""
        return [letter for _, letter in self.ground.store.dead(limit=20_000)]

    @property
    def client(self) -> redis.Redis:
        """A client of the bus, with all rights."""
        if not self._clients:
            self._clients.append(open_bus(self.url).of(""))
        return self._clients[0]

    def add(self, sender: Sender, fields: Fields, *, most: int | None = None) -> str:
        """Add an entry to a producer's stream on the bus, trimmed to `most`; return its id."""
        entry: dict[FieldT, EncodableT] = {name: value for name, value in fields.items()}  # noqa: C416  another type
        added = self.client.xadd(sender.stream, entry, maxlen=most, approximate=False)
        return str(added)

    def say(self, sender: Sender, *events: bytes) -> str:
        """Send events in one signed entry over the bus; return its id."""
        return self.add(sender, sender.entry(*events))

    def waiting(self, sender: Sender) -> int:
        """Return how many entries were delivered and not acknowledged; -1 without a group."""
        try:
            found = self.client.xpending(sender.stream, GROUP)
            return int(found["pending"])
        except redis.ResponseError:
            return -1

    def received(self, sender: Sender) -> int:
        """Return how many entries of a producer were taken in."""
        return self.counts(sender).entries_received

    def reconciler(self, clock: Callable[[], object] = wiring.now) -> Reconciler:
        """Return what watches for losses, on the service's clock or another."""
        signer = wiring.role_signer(self.ground.state, "intake")
        return Reconciler(self.ground.store, open_bus(self.url), signer, clock)  # type: ignore[arg-type]

    @asynccontextmanager
    async def taking_in(self) -> AsyncIterator[Intake]:
        """Run the intake of this build meanwhile; nobody is made to wait for what they send."""
        intake = Intake(self.url, self.door, self.reconciler(), f"c-{wiring.nonce()[:8]}", _IDLE_MS)
        intake.breaker = Breaker(_NO_BREAKER)
        stopping = asyncio.Event()
        running = asyncio.create_task(intake.run(stopping))
        try:
            yield intake
        finally:
            stopping.set()
            await running


async def until(holds: Callable[[], object]) -> bool:
    """Look again and again until something holds; say whether it came to hold in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not await asyncio.to_thread(holds):
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


def lived(play: Coroutine[object, object, None]) -> None:
    """Play a trial that needs a running bus, to its end."""
    asyncio.run(play)
