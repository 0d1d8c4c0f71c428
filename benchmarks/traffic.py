"""Feedback for measuring intake: ratings of about 365 bytes, signed and sent as producers do."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis

from approvals.attest import act_of
from approvals.model import ProducerAdded, ProducerKey
from approvals.signers.file import new_key
from service import wiring
from service.bus import connect, stream_of
from service.producer import Key
from service.settings import State
from service.vouching import HmacKey, signed_bytes

SOURCES = 2_000
_START = 1_767_225_600_000
_TEXT = (
    "The second half answers the question; the first repeats it,"
    " and neither says which version of the library it is about"
)


def body_of(number: int, *, mixed: bool = False) -> bytes:
    """Return one rating as a producer spells it; ids are UUIDv7, so they rise with `number`.

    All have the same fields in the same order, unless `mixed`: then every second has one more.
    """
    at = _START + number
    second, milli = divmod(number, 1000)
    minute, hour = second // 60, second // 3600
    spelled = f"{at:012x}7{number & 0xFFF:03x}8{number * 2_654_435_761 % 2**60:015x}"
    event = {
        "specversion": "1.0",
        "id": "-".join((spelled[:8], spelled[8:12], spelled[12:16], spelled[16:20], spelled[20:])),
        "source": f"rater/{number * 7_919 % SOURCES}",
        "subject": f"answer/{number * 104_729 % 50_000}",
        "type": "feedback.rating.v1",
        "time": f"2026-01-01T{hour % 24:02d}:{minute % 60:02d}:{second % 60:02d}.{milli:03d}Z",
        "scope": "helpful",
        "data": {"value": 1 + number % 5, "low": 1, "high": 5, "text": f"{_TEXT} ({number % 97})"},
    }
    if mixed and number % 2:
        event["aspect"] = "helpfulness"
    return json.dumps(event, separators=(",", ":")).encode()


@dataclass
class Producer:
    """One registered producer: signs batches of `size` events and sends them to its stream.

    A share `bad` of its events lacks what they rate.
    """

    url: str
    name: str
    key: Key
    size: int
    mixed: bool = False
    bad: float = 0.0
    sent: int = 0
    seq: int = 0
    client: redis.Redis = field(init=False)

    def __post_init__(self) -> None:
        """Connect."""
        self.client = connect(self.url)

    @property
    def stream(self) -> str:
        """Return the key of its stream."""
        return stream_of(self.name)

    def fields(self) -> dict[str, object]:
        """Sign the next batch and return its entry's fields."""
        numbers = range(self.sent, self.sent + self.size)
        bodies = [self._body(number) for number in numbers]
        batch = b"[" + b",".join(bodies) + b"]"
        self.sent += self.size
        self.seq += 1
        signature = base64.b64encode(self.key.sign(signed_bytes(self.name, self.seq, batch)))
        return {"batch": batch, "seq": self.seq, "key": self.key.key_id, "sig": signature}

    def say(self) -> str:
        """Send the next batch; return its entry's id."""
        return self.client.xadd(self.stream, self.fields()).decode()

    def _body(self, number: int) -> bytes:
        body = body_of(number, mixed=self.mixed)
        return body.replace(b'"value"', b'"worth"') if number % 100 < 100 * self.bad else body

    def fill(self, events: int) -> None:
        """Send `events` more, many entries at once."""
        until = self.sent + events
        while self.sent < until:
            pipe = self.client.pipeline(transaction=False)
            for _ in range(min(100, -(-(until - self.sent) // self.size))):
                pipe.xadd(self.stream, self.fields())
            pipe.execute()

    def pending(self) -> int:
        """Return how many events were not acknowledged yet."""
        groups = self.client.xinfo_groups(self.stream)
        done = sum(int(each["entries-read"] or 0) - int(each["pending"]) for each in groups)
        return (self.seq - done) * self.size


@dataclass
class Site:
    """A state directory of its own beside a bus that runs."""

    folder: Path
    url: str
    state: State = field(init=False)

    def __post_init__(self) -> None:
        """Make the state directory."""
        self.state = State(self.folder / "state")
        wiring.prepare(self.state)

    def producers(self, count: int, *, size: int, hmac: bool = False) -> Iterator[Producer]:
        """Register producers, by Ed25519 key or by HMAC secret."""
        for number in range(count):
            name = f"bench-{number}"
            key, registered = self._hmac() if hmac else self._ed25519(name)
            record = ProducerAdded(at=wiring.now(), name=name, key=registered)
            with wiring.open_store(self.state) as store:
                store.record([act_of(record, wiring.role_signer(self.state, "operator"))])
            yield Producer(self.url, name, key, size)

    def _ed25519(self, name: str) -> tuple[Key, ProducerKey]:
        key = new_key(self.folder / f"{name}.pem")
        return key, ProducerKey(id=key.key_id, algorithm="ed25519", public=key.public)

    def _hmac(self) -> tuple[Key, ProducerKey]:
        key = HmacKey(secrets.token_bytes(32))
        self.state.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.state.secrets / key.key_id).write_bytes(key.secret)
        return key, ProducerKey(id=key.key_id, algorithm="hmac-sha256")
