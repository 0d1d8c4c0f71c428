"""The rim as the commands see it; nothing is loaded before it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from approvals.ports import Signer
    from approvals.roster import Roster
    from approvals.rules import Policy
    from quarantine.ports import Store

# ruff: noqa: PLC0415  the wiring is loaded by the command that runs, not by `--help`


class ServiceRim:
    """`approvals.ports.Rim` over `service.wiring`."""

    def now(self) -> datetime:
        """Return the time."""
        from service import wiring

        return wiring.now()

    def nonce(self) -> str:
        """Return 128 unpredictable bits."""
        from service import wiring

        return wiring.nonce()

    def begin(self, state: Path) -> None:
        """Make the state directory, with all it needs, where there is none."""
        from service import wiring
        from service.settings import State

        wiring.prepare(State(state))

    def store(self, state: Path) -> Store:
        """Open the store of a state directory that somebody began."""
        from service import wiring
        from service.settings import State

        wiring.require_begun(State(state))
        wiring.prepare(State(state))
        return wiring.open_store(State(state))

    def has_store(self, state: Path) -> bool:
        """Say whether there is a store that can be asked."""
        from service import stores, wiring
        from service.settings import State

        return wiring.is_begun(State(state)) and stores.has_store(State(state))

    def roster(self, state: Path, store: Store) -> Roster:
        """Return who may speak and decide."""
        from service import wiring
        from service.settings import State

        return wiring.roster_of(store, State(state))

    def policy(self, state: Path, store: Store) -> Policy:
        """Return the policy in force, recorded in the log."""
        from service import wiring
        from service.settings import State

        return wiring.adopt_policy(State(state), store, wiring.now(), _tell)

    def signer(self, reference: str, public: str | None) -> Signer:
        """Open a person's key."""
        from service import wiring

        return wiring.open_signer(reference, public)

    def role(self, state: Path, role: str) -> Signer:
        """Open a role's key."""
        from service import wiring
        from service.settings import State

        wiring.require_begun(State(state))
        wiring.prepare(State(state))
        return wiring.role_signer(State(state), role)

    def origin(self, state: Path) -> str:
        """Return the log's name."""
        from service import wiring
        from service.settings import State

        return wiring.origin(State(state))

    def publics(self, state: Path) -> Mapping[str, str]:
        """Return the roles' public keys."""
        from service import wiring
        from service.settings import State

        return wiring.role_publics(State(state))

    def detectors(self) -> Mapping[str, str]:
        """Return the detectors' settings."""
        from service import wiring

        return wiring.detector_settings()

    def publish_trust(self, state: Path, store: Store) -> Path:
        """Write the trust file and the revocation list, where it is ours to sign.

        Where roles live apart so do their keys: the releasing role sees what is new, and writes.
        """
        from service import releasing
        from service.settings import State

        place = State(state)
        if not place.key("releasing").exists():
            _tell("the releasing role has its key elsewhere; there it writes the trust file")
            return place.trust
        return releasing.publish_trust(place, store)


def _tell(line: str) -> None:
    """Say on standard error what the answer does not say."""
    from quarantine.safe import safe

    sys.stderr.write(f"{safe(line, 500)}\n")
