"""What the tests of faults send, and the question they ask at the end: does the law hold?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from approvals.signers.file import FileSigner
from service.bus import stream_of
from service.producer import Publisher
from service.reconcile import status
from service.stores import location
from tests.faults.checker import complaints
from tests.producing import Site, batch_of, event, until

BATCH = 5
MALFORMED = 7
"""One event in so many."""
_BAD = {"value": "x", "low": 1, "high": 5}


@dataclass
class Traffic:
    """One honest producer that counts what it published; its ledger is what the checker reads."""

    site: Site
    ledger: Path
    name: str = "app"
    url: str = ""
    events: int = 0
    _publisher: Publisher = field(init=False)

    def __post_init__(self) -> None:
        key = self.site.register(self.name).key
        assert isinstance(key, FileSigner)
        self._publisher = Publisher(self.url or self.site.url, self.name, key, self.ledger)

    @property
    def stream(self) -> str:
        return f"feedback:in:{self.name}"

    @property
    def entries(self) -> int:
        return self._publisher.ledger.last

    @property
    def malformed(self) -> int:
        return len(range(0, self.events, MALFORMED))

    def publish(self, entries: int, rate: float | None = None) -> None:
        """Publish so many entries more, some events of them malformed."""
        spelled = [self._spelled(self.events + n) for n in range(entries * BATCH)]
        assert self._publisher.publish(spelled, batch=BATCH, rate=rate).acknowledged >= entries
        self.events += len(spelled)

    def publish_until(self, enough: threading.Event, *, rate: float) -> None:
        """Publish at this pace, however long it takes, until somebody says that it is enough."""

        def spelled() -> Iterator[bytes]:
            while not enough.is_set() or self.events % BATCH:
                self.events += 1
                yield self._spelled(self.events - 1)

        self._publisher.publish(spelled(), batch=BATCH, rate=rate)

    def close(self) -> None:
        self._publisher.close()

    def _spelled(self, number: int) -> bytes:
        changed = {"data": _BAD} if number % MALFORMED == 0 else {}
        return batch_of([event(number, source=f"rater/{number % 5}", **changed)])[1:-1]

    async def drained(self) -> None:
        """Wait until all that was published is received and nothing waits."""
        await drained(self.site, self.name, self.entries)

    def entries_counted(self) -> dict[str, int]:
        document: Any = status(self.site.store, self.site.url, open_requests=0)
        figures = document["producers"][self.name]
        return {**figures["entries"], "gap": figures["gap"]}

    def judge(self) -> None:
        """Assert the law to the letter: nothing lost, nothing doubled, nothing waits."""
        document: Any = status(self.site.store, self.site.url, open_requests=0)
        assert document["producers"][self.name] == {
            "entries": {
                "added": self.entries,
                "received": self.entries,
                "lost": 0,
                "pending": 0,
            },
            "events": {
                "received": self.events,
                "stored": self.events - self.malformed,
                "duplicates": 0,
                "dead_lettered": self.malformed,
            },
            "gap": 0,
        }
        self.judge_events()

    def judge_events(self) -> None:
        """Assert that each event published is held once or put aside once, to the byte."""
        assert complaints(self.ledger, location(self.site.state), self.name) == []
        assert list(self.site.store.verify()) == []


async def drained(site: Site, name: str, entries: int) -> None:
    """Wait until so many are received and nothing waits: however long, as long as it goes on."""
    while (before := site.received(name)) < entries:
        await until(lambda before=before: site.received(name) > before, "more is received")
    await until(lambda: site.waiting(stream_of(name)) == 0, "nothing waits")


@contextmanager
def traffic(site: Site, tmp_path: Path, **changed: Any) -> Iterator[Traffic]:
    made = Traffic(site, tmp_path / f"{changed.get('name', 'app')}.jsonl", **changed)
    try:
        yield made
    finally:
        made.close()
