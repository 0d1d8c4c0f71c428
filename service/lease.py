"""A loop's turn: of several processes that could run it, one does, and the others stand by."""

from __future__ import annotations

import fcntl
import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from quarantine.model import to_micros
from quarantine.ports import Store
from service.settings import State

LASTS: Final = timedelta(seconds=30)
"""After so long without a word from its holder, another process takes the loop over."""


@dataclass(slots=True, weakref_slot=True)
class Lease:
    """The turn of one process at the loop `name`.

    `holder` stays the same when the process starts anew, so that it goes on at once. Where `mark`
    is given, of several processes that have it in common only the one that locks that file is
    `holder`, the others add their number: two of one state directory are never the same.
    """

    store: Store
    name: str
    holder: str
    clock: Callable[[], datetime]
    mark: Path | None = None
    _marked: bool = False
    _token: int = 0

    def mine(self) -> bool:
        """Say whether the loop is this process's now, and keep it so for a while."""
        at = self.clock()
        until = to_micros(at + LASTS)
        self._token = self.store.lease(self.name, self._who(), at=to_micros(at), until=until)
        return self._token > 0

    def require(self) -> None:
        """Refuse what comes late: after another process took over and wrote (`StaleError`)."""
        self.store.fence(self.name, self._token)

    def _who(self) -> str:
        """Return under which name this process asks; the mark is free once its holder has ended."""
        if self.mark is not None and not self._marked and not self._token:
            self._marked = _locked(self.mark, self)
        return self.holder if self.mark is None or self._marked else f"{self.holder}:{os.getpid()}"


def lease(store: Store, name: str, state: State, clock: Callable[[], datetime]) -> Lease:
    """Return the turn at the loop `name` of whoever runs on this machine with `state`."""
    holder = f"{os.uname().nodename}:{state.root.absolute()}"
    return Lease(store, name, holder, clock, state.turn(name))


def _locked(file: Path, owner: Lease) -> bool:
    """Lock `file` until `owner` is gone, which the kernel sees to when its process dies."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:  # a directory that cannot be written: then nobody has the short name
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return False
    weakref.finalize(owner, os.close, handle)
    return True
