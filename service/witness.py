"""The witness: keeps the newest checkpoint in a place of its own, and says when the log forgot one.

An old store that is put back has genuine checkpoints, but not the newest: whoever remembers that
one knows (C2SP witnesses do the same for public logs). So the witness belongs under another user,
or on another machine, with the public keys and the right to read the log, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from approvals.audit import standing
from approvals.landing import write_whole
from quarantine.ports import Store


class Witness:
    """Holds what it remembers against the log, then remembers what is newer."""

    def __init__(self, store: Store, place: Path, roles: Mapping[str, str]) -> None:
        """Remember in the file `place`; `roles` are public keys (PEM) by role."""
        self._store = store
        self._place = place
        self._roles = roles

    def once(self) -> int:
        """Return how many rows the newest checkpoint covers, 0 where there is none yet.

        Raises `TamperedError`, and remembers what it did, when the log no longer begins with it.
        """
        size = 0
        if self._place.exists():
            known = standing(
                self._store, self._place.read_bytes(), self._roles, "what the witness remembers"
            )
            size = known.size
        for _, note in self._store.checkpoints()[-1:]:
            newest = standing(self._store, note, self._roles, "the newest checkpoint")
            if newest.size > size:
                self._place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                write_whole(self._place, note)
                size = newest.size
        return size
