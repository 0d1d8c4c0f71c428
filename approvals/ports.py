"""Every seam of approvals on one page: Signer, Exporter, Gauge, and the commands' Rim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from approvals.rehearsal import Measured, Rehearsal
    from approvals.roster import Roster
    from approvals.rules import Policy
    from quarantine.ports import Store


class Signer(Protocol):
    """A person's or a role's private key, wherever it is kept."""

    @property
    def key_id(self) -> str:
        """Return the first 16 hex digits of the SHA-256 of the public key (DER)."""

    @property
    def public(self) -> str:
        """Return the public key as PEM SubjectPublicKeyInfo."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the Ed25519 signature over `message` (RFC 8032)."""


class SignerKind(Protocol):
    """One place where private keys are kept."""

    def open(self, reference: str, public: str | None) -> Signer | None:
        """Open the key that `reference` names; absent when this kind does not know such references.

        `public` (PEM) chooses among several keys of one place. Raises `NotAuthorisedError` when
        the key is there but cannot be used (rights, format, no such key in the agent).
        """


class Exporter(Protocol):
    """One format of a training set."""

    @property
    def name(self) -> str:
        """Return the format's name (`trl-preference`)."""

    @property
    def kinds(self) -> frozenset[str]:
        """Return the kinds of feedback that fit."""

    def write(self, rows: Iterable[pa.RecordBatch], about: Mapping[str, str], to: Path) -> None:
        """Write release `rows` into the empty directory `to`; the same rows give the same bytes."""


class Gauge(Protocol):
    """One family of feedback, and how what it would teach is measured before it leaves."""

    def fits(self, rows: pd.DataFrame) -> bool:
        """Say whether release rows of one kind are of this family."""

    def measure(self, rehearsal: Rehearsal) -> Measured:
        """Measure what candidate rows change; pure, the same rehearsal gives the same figures."""


class Rim(Protocol):
    """What the commands ask of the rim: the clock, the store, the keys, the policy in force."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""

    def nonce(self) -> str:
        """Return 128 unpredictable bits, in hex."""

    def begin(self, state: Path) -> None:
        """Make the state directory `state`, with all it needs, where there is none."""

    def store(self, state: Path) -> Store:
        """Open the store of the state directory `state`; `UsageError` where nobody began one."""

    def has_store(self, state: Path) -> bool:
        """Say whether the state directory `state` has a store, without making one."""

    def roster(self, state: Path, store: Store) -> Roster:
        """Return who may speak and decide, as the log has it and the operator signed it."""

    def policy(self, state: Path, store: Store) -> Policy:
        """Return the policy in force; it is recorded in the log when it is new."""

    def signer(self, reference: str, public: str | None) -> Signer:
        """Open the private key that `reference` names."""

    def role(self, state: Path, role: str) -> Signer:
        """Open the key of one of the service's roles."""

    def origin(self, state: Path) -> str:
        """Return the name of the state's log, as its checkpoints say it."""

    def publics(self, state: Path) -> Mapping[str, str]:
        """Return the roles' public keys (PEM), by role."""

    def detectors(self) -> Mapping[str, str]:
        """Return each detector's settings by its name, for manifests."""

    def publish_trust(self, state: Path, store: Store) -> Path:
        """Write the trust file and the signed revocation list anew; return the trust file."""
