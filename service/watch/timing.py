"""How long intake takes: for a batch from read to kept, and for the transaction in it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from service.door import Passed
from service.watch.catalogue import SECONDS
from service.watch.words import Figures, Spread


@dataclass(slots=True)
class Timing:
    """Spreads of what went through the door since this process began; any thread may count."""

    batches: Spread = field(default_factory=lambda: Spread(SECONDS))
    commits: Spread = field(default_factory=lambda: Spread(SECONDS))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def passed(self, what: Passed) -> None:
        """Count one batch and its transactions."""
        with self._lock:
            self.batches.see(what.seconds)
            for seconds in what.commits:
                self.commits.see(seconds)

    def figures(self) -> Figures:
        """Return what was seen by now."""
        with self._lock:
            return {
                "fq_ingest_batch_seconds": {(): self.batches.copy()},
                "fq_store_commit_seconds": {(): self.commits.copy()},
            }
