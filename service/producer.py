"""A producer: signs, batches, sends, and knows after any crash what it sent and what arrived."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import redis
from redis.exceptions import AskError, ClusterDownError, OutOfMemoryError, TryAgainError

from approvals.signers.file import SIGNER
from quarantine.closing import Closing
from quarantine.errors import RefusedError, UnavailableError, UsageError
from quarantine.model import PRODUCER_NAME
from service.bus import shown, stream_of
from service.ledger import Ledger, Signed
from service.servers import Bus, open_bus
from service.sheets import digest_of, events_in
from service.slices import MOST
from service.traced import Spans, Untraced
from service.vouching import LARGEST_BATCH, HmacKey, signed_bytes

WINDOW: Final = 16
"""Entries on their way at once."""
PATIENCE_S: Final = 60.0
FIRST_WAIT_S: Final = 0.05
LONGEST_WAIT_S: Final = 2.0
TELL_EVERY: Final = 10_000

_PEM: Final = b"-----BEGIN"
_LATER: Final = (
    OutOfMemoryError,
    redis.ConnectionError,
    redis.TimeoutError,
    # A cluster that moves a stream, or that lost a server.
    AskError,
    ClusterDownError,
    TryAgainError,
    redis.ReadOnlyError,
)
"""What the bus says to an entry that it takes when it is sent again."""


class Key(Protocol):
    """What signs batches: an Ed25519 key (`approvals.ports.Signer`) or a `wire.HmacKey`."""

    @property
    def key_id(self) -> str:
        """Return the id under which the key is registered."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`."""


class Sent(NamedTuple):
    """What one publishing did: events and entries that went out, entries that the bus took."""

    sent: int
    entries: int
    acknowledged: int


def open_key(file: Path) -> Key:
    """Open the key in `file`: an Ed25519 private key in PEM, else the bytes are an HMAC secret.

    Raises `UsageError` when there is no such file, `NotAuthorisedError` when others can read it.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    if not file.read_bytes().startswith(_PEM):
        return HmacKey(file.read_bytes())
    signer = SIGNER.open(str(file), None)
    if signer is None:
        raise UsageError(f"{file} holds no key")
    return signer


@dataclass(slots=True)
class Publisher(Closing):
    """Publishes to one producer's stream; what a crash left without an answer goes out first.

    Raises `RefusedError` when the bus will not take it, `UnavailableError` when it does not answer
    for `patience_s` seconds; both leave the ledger such that publishing again goes on there.
    """

    bus_url: str
    producer: str
    key: Key
    ledger_path: Path
    patience_s: float = PATIENCE_S
    spans: Spans = field(default_factory=Untraced)
    ledger: Ledger = field(init=False)
    _bus: Bus = field(init=False)
    _acknowledged: int = 0

    def __post_init__(self) -> None:
        """Open the ledger; nothing is sent yet."""
        if not PRODUCER_NAME.fullmatch(self.producer):
            raise UsageError(f"a producer's name is {PRODUCER_NAME.pattern}, not {self.producer!r}")
        self._bus = open_bus(self.bus_url)
        self.ledger = Ledger(self.ledger_path)

    def resume(self) -> int:
        """Send again what the bus has not acknowledged; return how many entries that was."""
        left = sorted(self.ledger.unacknowledged.values(), key=lambda entry: entry.seq)
        for start in range(0, len(left), WINDOW):
            self._deliver(left[start : start + WINDOW])
        return len(left)

    def publish(
        self,
        events: Iterable[bytes],
        *,
        batch: int = 100,
        rate: float | None = None,
        source: str = "",
        progress: Callable[[int], None] | None = None,
    ) -> Sent:
        """Send `events`, each the exact bytes of one CloudEvent in JSON, up to `batch` an entry.

        `rate` is the most events a second; `source` the digest of the file they are from, whose
        first `ledger.files[source]` events are left out. `progress` hears how many went out.
        """
        if not 1 <= batch <= MOST:
            raise UsageError(f"a batch holds 1 to {MOST} events, not {batch}")
        before = self._acknowledged
        self.resume()
        upto = self.ledger.files.get(source, 0)
        depth = WINDOW if rate is None else max(1, min(WINDOW, int(rate / 4 / batch)))
        started, sent, entries = time.monotonic(), 0, 0
        for window in _windows(_batches(islice(events, upto, None), batch), depth):
            signed = self._signed(window, source, upto + sent)
            self.ledger.send(signed)
            with self.spans.publishing(self.producer, [(each.seq, each.sig) for each in signed]):
                self._deliver(signed)
            sent += sum(entry.events for entry in signed)
            entries += len(signed)
            if progress is not None:
                progress(sent)
            if rate is not None:
                time.sleep(max(0.0, started + sent / rate - time.monotonic()))
        return Sent(sent, entries, self._acknowledged - before)

    def close(self) -> None:
        """Close the ledger and the connection."""
        self.ledger.close()
        self._bus.close()

    def _signed(self, batches: Sequence[list[bytes]], source: str, upto: int) -> list[Signed]:
        signed = []
        for seq, events in enumerate(batches, self.ledger.last + 1):
            batch = b"[" + b",".join(events) + b"]"
            upto += len(events)
            message = signed_bytes(self.producer, seq, batch)
            signed.append(
                Signed(
                    seq=seq,
                    digest=hashlib.sha256(batch).hexdigest(),
                    key=self.key.key_id,
                    sig=base64.b64encode(self.key.sign(message)).decode(),
                    events=len(events),
                    file=source,
                    upto=upto if source else 0,
                    batch=_text(batch),
                )
            )
        return signed

    def _deliver(self, entries: Sequence[Signed]) -> None:
        """Send until the bus has acknowledged every entry; a repetition does no harm."""
        wait, deadline = FIRST_WAIT_S, time.monotonic() + self.patience_s
        left = list(entries)
        while left := self._try(left):
            if time.monotonic() >= deadline:
                raise UnavailableError(f"the bus {shown(self.bus_url)} does not take entries now")
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _try(self, entries: Sequence[Signed]) -> list[Signed]:
        """Send once; return what was not acknowledged."""
        taken, left = [], []
        for entry, answer in zip(entries, self._answers(entries), strict=True):
            if isinstance(answer, bytes):
                taken.append((entry.seq, answer.decode()))
            elif isinstance(answer, _LATER):
                left.append(entry)
            else:
                raise RefusedError(f"the bus {shown(self.bus_url)} refuses: {answer}")
        self.ledger.acknowledge(taken)
        self._acknowledged += len(taken)
        if left:
            with contextlib.suppress(redis.RedisError, OSError):
                self._bus.look_again()
        return left

    def _answers(self, entries: Sequence[Signed]) -> list[object]:
        """Send once; return what the bus said to each: an id, or why not."""
        stream = stream_of(self.producer)
        try:
            pipe = self._bus.of(stream).pipeline(transaction=False)
            for entry in entries:
                pipe.xadd(
                    stream,
                    {"batch": entry.batch, "seq": entry.seq, "key": entry.key, "sig": entry.sig},
                )
            return [*pipe.execute(raise_on_error=False)]
        except (redis.ConnectionError, redis.TimeoutError) as error:
            return [error for _ in entries]


def publish_file(  # noqa: PLR0913  one publishing is told all of this, by name
    file: Path,
    publisher: Publisher,
    *,
    at: datetime,
    scope: str = "default",
    batch: int = 100,
    rate: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> Sent:
    """Publish a file of CloudEvents (JSONL) or a CSV; what of it was sent before is left out.

    Rows without a scope are for `scope`, without a time are said `at`. Raises `UsageError` naming
    the row that is none. The publisher is closed at the end.
    """
    told = 0

    def tell(sent: int) -> None:
        nonlocal told
        if progress is not None and sent - told >= TELL_EVERY:
            told = sent
            progress(f"{sent:,} events sent")

    with publisher:
        events = events_in(file, scope=scope, at=at)
        digest = digest_of(file)
        return publisher.publish(events, batch=batch, rate=rate, source=digest, progress=tell)


def _batches(events: Iterable[bytes], most: int) -> Iterator[list[bytes]]:
    """Group events into batches of at most `most` events and a mebibyte."""
    batch: list[bytes] = []
    size = 2
    for event in events:
        if batch and (len(batch) == most or size + len(event) + 1 > LARGEST_BATCH):
            yield batch
            batch, size = [], 2
        batch.append(event)
        size += len(event) + 1
    if batch:
        yield batch


def _windows(batches: Iterator[list[bytes]], depth: int) -> Iterator[list[list[bytes]]]:
    while window := list(islice(batches, depth)):
        yield window


def _text(batch: bytes) -> str:
    try:
        return batch.decode()
    except UnicodeDecodeError as error:
        raise UsageError("an event is JSON in UTF-8") from error
