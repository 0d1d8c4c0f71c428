"""The private place in which the catalogue is run: directories, one bus, one seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from approvals.rules import shipped
from service import embedded
from service.redteam.ground import Ground


@dataclass
class Yard:
    """A directory of its own that goes away afterwards; the operator's state is never opened.

    `seed` is all the chance there is. The bus is the embedded one, started when first asked for.
    """

    folder: Path
    seed: int = 0
    quick: bool = False
    _stack: ExitStack = field(default_factory=ExitStack)
    _bus: str = ""
    _made: int = 0

    def chance(self) -> np.random.Generator:
        """Return chance that is the same for the same seed."""
        return np.random.default_rng(self.seed)

    def place(self) -> Path:
        """Return a new empty directory."""
        self._made += 1
        made = self.folder / f"{self._made}"
        made.mkdir(mode=0o700)
        return made

    @contextmanager
    def ground(self, text: str = "") -> Iterator[Ground]:
        """Give a new ground under the policy that is shipped for use, or under `text`."""
        made = Ground(self.place(), text or shipped("default"))
        try:
            yield made
        finally:
            made.store.close()

    def some(self, whole: int, quick: int) -> int:
        """Return how much to try: `whole`, or `quick` in a quick run."""
        return quick if self.quick else whole

    @property
    def bus(self) -> str:
        """The URL of the bus that all trials of this run share; each has streams of its own."""
        if not self._bus:
            self._bus = self._stack.enter_context(embedded.start(self.place())).url
        return self._bus

    def close(self) -> None:
        """Stop the bus, if it was started."""
        self._stack.close()
