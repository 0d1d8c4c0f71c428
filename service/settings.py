"""Where things are: the state directory, and the environment, read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from service.options import Options

ROLES: Final = ("operator", "intake", "scoring", "releasing", "export")
"""Who signs in the service's name; each has its own key file, and a process needs only its own."""


@dataclass(frozen=True, slots=True)
class State:
    """The state directory and what stands where in it."""

    root: Path

    @property
    def store(self) -> Path:
        """The SQLite store."""
        return self.root / "store.db"

    @property
    def elsewhere(self) -> Path:
        """The URL of the store, where `up --store` put it into a database."""
        return self.root / "store.url"

    def key(self, role: str) -> Path:
        """Return the private key file of a role."""
        return self.root / "keys" / f"{role}.pem"

    @property
    def secrets(self) -> Path:
        """The HMAC secrets of producers, one file (0600) a key id; intake alone reads them."""
        return self.root / "keys" / "producers"

    @property
    def policy(self) -> Path:
        """The policy in force."""
        return self.root / "policy.toml"

    @property
    def trust(self) -> Path:
        """The trust file that verifiers are given, out of band."""
        return self.root / "trust.toml"

    @property
    def revocations(self) -> Path:
        """The signed, numbered revocation list."""
        return self.root / "revocations.dsse.json"

    @property
    def witness(self) -> Path:
        """The newest checkpoint of the log, kept away from the store."""
        return self.root / "witness" / "checkpoint"

    @property
    def remembered(self) -> Path:
        """What a witness that runs here remembers; on its own machine, its setting says where."""
        return self.root / "witness" / "remembered"

    @property
    def settings(self) -> Path:
        """The file of settings that the environment does not say."""
        return self.root / "settings.toml"

    @property
    def bus(self) -> Path:
        """The embedded bus: its data, its log, its socket."""
        return self.root / "bus"

    @property
    def told(self) -> Path:
        """How far the log was told on the bus."""
        return self.root / "told"

    def turn(self, loop: str) -> Path:
        """Return the file that the process at this loop locks, of those that run here."""
        return self.root / f"{loop}.turn"

    @property
    def hooks(self) -> Path:
        """The commands that are told what was released, taken back or erased."""
        return self.root / "hooks.toml"

    @property
    def called(self) -> Path:
        """How far each hook was told, a file each."""
        return self.root / "called"

    @property
    def adapters(self) -> Path:
        """Adapters to other systems: a file of settings and an inbox each."""
        return self.root / "adapters"

    @property
    def ledgers(self) -> Path:
        """What producers on this machine have published, a ledger each."""
        return self.root / "published"


def options_of(state: State, environment: Mapping[str, str] = os.environ) -> Options:
    """Return the settings in force: `FQ_…` variables, else the state directory's file.

    Raises `UsageError` naming what is wrong in them, and the mend.
    """
    from service.options import read  # noqa: PLC0415  `--help` needs no model

    return read(environment, state.settings)


def ssh_agent_socket(environment: Mapping[str, str] = os.environ) -> str:
    """Return the socket of the ssh-agent that the environment names, empty where it names none."""
    return environment.get("SSH_AUTH_SOCK", "")


def secret_from(name: str, environment: Mapping[str, str] = os.environ) -> bytes | None:
    """Return the bytes of the variable `name`, for a secret that stands in no file."""
    return os.fsencode(environment[name]) if environment.get(name) else None
