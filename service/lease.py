"""A loop's turn: of several processes that could run it, one does, and the others stand by."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from quarantine.model import to_micros
from quarantine.ports import Store
from service.settings import State

LASTS: Final = timedelta(seconds=30)
"""After so long without a word from its holder, another process takes the loop over."""


@dataclass(slots=True)
class Lease:
    """The turn of one process at the loop `name`; `holder` stays the same when it starts anew."""

    store: Store
    name: str
    holder: str
    clock: Callable[[], datetime]
    _token: int = 0

    def mine(self) -> bool:
        """Say whether the loop is this process's now, and keep it so for a while."""
        at = self.clock()
        until = to_micros(at + LASTS)
        self._token = self.store.lease(self.name, self.holder, at=to_micros(at), until=until)
        return self._token > 0

    def require(self) -> None:
        """Refuse what comes late: after another process took over and wrote (`StaleError`)."""
        self.store.fence(self.name, self._token)


def lease(store: Store, name: str, state: State, clock: Callable[[], datetime]) -> Lease:
    """Return the turn at the loop `name` of whoever runs on this machine with `state`."""
    return Lease(store, name, f"{os.uname().nodename}:{state.root.absolute()}", clock)
