"""What every place for private keys owes: a signature that holds, and no key of anybody else."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from approvals.keys import key_id, read_public, spell_public
from approvals.ports import SignerKind
from approvals.signers.file import new_key
from quarantine.errors import NotAuthorisedError
from quarantine.plugins import offered

SIGNERS = cast("dict[str, SignerKind]", dict(offered("approvals.signers", "SIGNER")))


@dataclass(frozen=True)
class Place:
    """A place that keeps keys: how it is called, and how a key gets there."""

    reference: Callable[[str], str]
    keep: Callable[[str], str]


def in_files(folder: Path) -> Place:
    return Place(lambda name: str(folder / name), lambda name: new_key(folder / name).public)


def in_agent(folder: Path, socket: Path) -> Place:
    def keep(name: str) -> str:
        file = folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
        environment = os.environ | {"SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", file], check=True, env=environment)
        return _public(file)

    return Place(lambda _: f"ssh-agent:{socket}", keep)


def _public(file: Path) -> str:
    key = load_ssh_public_key(file.with_name(file.name + ".pub").read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    return spell_public(key)


@pytest.fixture(params=sorted(SIGNERS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param != "ssh_agent":
        yield in_files(tmp_path)
        return
    if not all(map(shutil.which, ("ssh-agent", "ssh-add", "ssh-keygen"))):
        pytest.skip("OpenSSH's ssh-agent, ssh-add and ssh-keygen are not installed")
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not socket.exists():
            assert agent.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield in_agent(tmp_path, socket)
    finally:
        agent.terminate()
        agent.wait()


def opened(reference: str, public: str | None) -> object:
    """Open a reference the way the rim does: the first kind that knows it."""
    found = [kind.open(reference, public) for kind in SIGNERS.values()]
    return next((signer for signer in found if signer is not None), None)


def test_a_signature_holds_under_the_public_key(place: Place) -> None:
    public = place.keep("ana")
    signer = next(
        found
        for kind in SIGNERS.values()
        if (found := kind.open(place.reference("ana"), public)) is not None
    )
    assert signer.key_id == key_id(public)
    assert signer.public == public
    for message in (b"", b"words", bytes(range(256)) * 1000):
        signature = signer.sign(message)
        assert len(signature) == 64
        read_public(public).verify(signature, message)


def test_the_only_key_there_is_found_without_naming_it(place: Place) -> None:
    public = place.keep("ana")
    signer = opened(place.reference("ana"), None)
    assert signer is not None
    assert getattr(signer, "public", "") == public


def test_a_key_of_somebody_else_is_refused(place: Place, tmp_path: Path) -> None:
    place.keep("ana")
    (tmp_path / "elsewhere").mkdir()
    other = new_key(tmp_path / "elsewhere" / "ben").public
    with pytest.raises(NotAuthorisedError):
        opened(place.reference("ana"), other)


def test_what_is_nowhere_is_not_opened(tmp_path: Path) -> None:
    assert opened(str(tmp_path / "none"), None) is None


def test_an_agent_that_is_away_is_not_authorised(tmp_path: Path) -> None:
    for reference in (f"ssh-agent:{tmp_path / 'none'}", "ssh-agent:"):
        with pytest.raises(NotAuthorisedError, match="away"):
            opened(reference, None)


def test_an_agent_with_two_keys_must_be_told_which(place: Place) -> None:
    first, second = place.keep("ana"), place.keep("ben")
    if place.reference("ana") != place.reference("ben"):
        return  # a place that names its keys
    with pytest.raises(NotAuthorisedError, match="holds 2"):
        opened(place.reference("ana"), None)
    assert getattr(opened(place.reference("ana"), first), "public", "") == first
    assert getattr(opened(place.reference("ben"), second), "public", "") == second
