"""The producer's side for tests: real keys, registered producers, entries as plain XADD."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import redis

from approvals.attest import act_of
from approvals.model import ProducerAdded, ProducerKey, ProducerRevoked
from approvals.signers.file import FileSigner, new_key
from quarantine.arrivals import DeadLetter
from quarantine.ports import Store
from service import wiring
from service.bus import GROUP, stream_of
from service.door import Door
from service.intake import Intake
from service.reconcile import Reconciler
from service.servers import open_bus
from service.settings import State
from service.vouching import HmacKey, signed_bytes

PATIENCE_S = 60.0
"""How long a test waits for what must come, on a machine that has other work; it looks again and
again and never just sleeps."""


def event(id_: object, *, source: str = "rater/1", **changed: object) -> dict[str, object]:
    """Make one valid rating, with some attributes changed."""
    made = {
        "specversion": "1.0",
        "id": str(id_),
        "source": source,
        "subject": f"answer-{id_}",
        "type": "feedback.rating.v1",
        "time": "2026-01-01T00:00:00Z",
        "scope": "helpful",
        "data": {"value": 4, "low": 1, "high": 5},
    }
    return made | changed


def batch_of(events: Iterable[object]) -> bytes:
    """Spell a batch."""
    return json.dumps(list(events), separators=(",", ":")).encode()


def fields_of(
    key: FileSigner | HmacKey, name: str, seq: int, batch: bytes
) -> dict[str | bytes, str | bytes | int | float]:
    """Sign a batch and make the four fields of its entry."""
    signature = base64.b64encode(key.sign(signed_bytes(name, seq, batch)))
    return {"batch": batch, "seq": str(seq), "key": key.key_id, "sig": signature}


@dataclass
class Sender:
    """One registered producer that counts its entries."""

    client: redis.Redis
    name: str
    key: FileSigner | HmacKey
    seq: int = 0

    @property
    def stream(self) -> str:
        return stream_of(self.name)

    def say(self, *events: object) -> str:
        """Send events in one entry."""
        return self.send(batch_of(events))

    def send(self, batch: bytes) -> str:
        """Send these bytes, signed, as the next entry; return the entry's id."""
        self.seq += 1
        return self.add(fields_of(self.key, self.name, self.seq, batch))

    def add(self, fields: dict[str | bytes, str | bytes | int | float]) -> str:
        """Send these fields, whatever they are."""
        return self.client.xadd(self.stream, {**fields}).decode()  # type: ignore[union-attr]


@dataclass
class Site:
    """A state directory with its store, beside a bus that runs."""

    state: State
    url: str
    store: Store
    keys: Path
    client: redis.Redis = field(init=False)

    def __post_init__(self) -> None:
        self.client = open_bus(self.url).of("")

    def register(self, name: str, **allowed: tuple[str, ...]) -> Sender:
        """Register a producer with an Ed25519 key."""
        key = new_key(self.keys / f"{name}-{wiring.nonce()[:6]}.pem")
        self.add(
            name, ProducerKey(id=key.key_id, algorithm="ed25519", public=key.public), **allowed
        )
        return Sender(self.client, name, key)

    def register_hmac(self, name: str, secret: bytes) -> Sender:
        """Register a producer with an HMAC secret."""
        key = HmacKey(secret)
        self.state.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.state.secrets / key.key_id).write_bytes(secret)
        self.add(name, ProducerKey(id=key.key_id, algorithm="hmac-sha256"))
        return Sender(self.client, name, key)

    def add(self, name: str, key: ProducerKey, **allowed: tuple[str, ...]) -> None:
        record = ProducerAdded.model_validate(
            {"at": wiring.now(), "name": name, "key": key, **allowed}
        )
        self.store.record([act_of(record, wiring.role_signer(self.state, "operator"))])

    def allow(self, sender: Sender, **allowed: tuple[str, ...]) -> None:
        """Register a sender's key (again), with what it may send now."""
        assert isinstance(sender.key, FileSigner)
        public = sender.key.public
        key = ProducerKey(id=sender.key.key_id, algorithm="ed25519", public=public)
        self.add(sender.name, key, **allowed)

    def revoke(self, name: str, since: datetime | None = None) -> None:
        at = wiring.now()
        record = ProducerRevoked(at=at, name=name, since=since or at)
        self.store.record([act_of(record, wiring.role_signer(self.state, "operator"))])

    def intake(self, consumer: str = "tester", idle_ms: int = 300) -> Intake:
        """Make an intake as its process does, on this site's store."""
        signer = wiring.role_signer(self.state, "intake")
        reconciler = Reconciler(self.store, open_bus(self.url), signer, wiring.now)
        door = Door(self.store, self.state.secrets, wiring.now)
        return Intake(self.url, door, reconciler, consumer, idle_ms)

    @asynccontextmanager
    async def taking_in(self, intake: Intake | None = None) -> AsyncIterator[Intake]:
        """Run an intake meanwhile; it must end well."""
        intake, stopping = intake or self.intake(), asyncio.Event()
        running = asyncio.create_task(intake.run(stopping))
        try:
            yield intake
        finally:
            stopping.set()
            await running

    def dead(self) -> list[DeadLetter]:
        return [letter for _, letter in self.store.dead(limit=10_000)]

    def reasons(self) -> list[str]:
        return sorted(letter.reason for letter in self.dead())

    def waiting(self, stream: str) -> int:
        """Return how many entries were delivered and not acknowledged."""
        try:
            return int(self.client.xpending(stream, GROUP)["pending"])  # type: ignore[index,call-overload]
        except redis.ResponseError:
            return -1  # there is no group yet

    def received(self, name: str) -> int:
        counts = self.store.counts()
        return counts[name].entries_received if name in counts else 0


async def until(holds: Callable[[], object], what: str = "") -> None:
    """Wait until something holds, looking again and again; fail when it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < deadline, f"never came to hold: {what or holds}"
        await asyncio.sleep(0.02)
