"""What the held events say in words, read once from their bodies and kept as long as we run."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from quarantine.envelope import worded
from quarantine.model import Worded
from quarantine.ports import Store
from quarantine.wording import Reader, Wording, table_of

CHUNK: Final = 10_000
"""Events whose bodies are in memory together."""


class Words:
    """The wording of a store's events by log index; each body is read once.

    Intake does none of this: bodies are stored as they came, and what they say is read here, in the
    scoring process, after they are held. Of a text grams, counts and a digest stay in memory; the
    text itself is read again from its event where a finding quotes it.
    """

    def __init__(self, store: Store) -> None:
        """Read nothing yet."""
        self._store = store
        self._reader = Reader(self._text)
        self._size = 0

    def of(self, index: npt.NDArray[np.int64]) -> Wording:
        """Return the wording of the held events at these log indexes (rising, all of them)."""
        new = index[np.searchsorted(index, self._size) :]
        for start in range(0, len(new), CHUNK):
            some = new[start : start + CHUNK]
            held = {each.index: words_in(each.body) for each in self._store.held(some.tolist())}
            said = [held.get(each, Worded()) for each in some.tolist()]
            self._reader.add(some, table_of(said))
        if len(new):
            self._size = int(new[-1]) + 1
        return self._reader.wording()

    def _text(self, index: int, role: str) -> str:
        said = next((words_in(each.body) for each in self._store.held([index])), Worded())
        return str(getattr(said, role))


def words_in(body: bytes) -> Worded:
    """Return what a held body says in words; one that was erased says nothing any more."""
    return worded(body) if body else Worded()
