"""What the releasing role keeps true: who looks, trust, the revocation list, the checkpoint."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from approvals.adoption import in_force
from approvals.audit import sign_checkpoint
from approvals.drawing import draw
from approvals.ledger import Ledger
from approvals.revoke import publish
from approvals.trust import MAX_AGE, RoleKey, write_trust
from quarantine.ports import Store
from service import wiring
from service.settings import State

FRESH: Final = MAX_AGE / 4
"""A revocation list older than this is issued anew, long before it runs out."""


def publish_trust(state: State, store: Store) -> Path:
    """Write the trust file and the signed revocation list anew; return the trust file."""
    publics = wiring.role_publics(state)
    write_trust(
        state.trust,
        roster=wiring.roster_of(store, state),
        keys=[RoleKey(role=role, public=public) for role, public in publics.items()],
        origin=wiring.origin(state),
    )
    publish(store, state.revocations, wiring.role_signer(state, "releasing"), wiring.now())
    return state.trust


class Upkeep:
    """Keeps what verifiers need fresh; running it twice changes nothing the second time."""

    def __init__(self, state: State, store: Store) -> None:
        """Keep the files of `state` in step with `store`."""
        self._state = state
        self._store = store
        self._size = -1
        self._issued: datetime | None = None

    def once(self, at: datetime) -> bool:
        """Write anew what is out of date; say whether anything was."""
        size = self._store.size()
        stale = self._issued is None or at - self._issued > timedelta(seconds=FRESH.total_seconds())
        if size == self._size and not stale:
            return False
        self._draw(at)
        publish_trust(self._state, self._store)
        if size:
            sign_checkpoint(
                self._store,
                wiring.role_signer(self._state, "releasing"),
                origin=wiring.origin(self._state),
                witness=self._state.witness,
            )
        self._size, self._issued = size, at
        return True

    def _draw(self, at: datetime) -> None:
        """Draw who looks at new requests: whoever asks may have no releasing key, and need none."""
        ledger = Ledger.read(self._store.acts(), wiring.role_publics(self._state)["operator"])
        policy = in_force(ledger)
        if policy is not None:
            signer = wiring.role_signer(self._state, "releasing")
            draw(self._store, policy, ledger, signer=signer, at=at)
