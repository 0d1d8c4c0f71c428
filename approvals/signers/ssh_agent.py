"""Keys in an ssh-agent: Ed25519, never read, asked to sign (draft-miller-ssh-agent)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from approvals.keys import key_id, spell_public
from approvals.ports import Signer, SignerKind
from quarantine.errors import NotAuthorisedError

PREFIX: Final = "ssh-agent:"
"""A reference is this followed by the path of the agent's socket."""

_TYPE: Final = b"ssh-ed25519"
_LIST, _KEYS, _SIGN, _SIGNED = 11, 12, 13, 14
_KEY_SIZE: Final = 32
_LARGEST: Final = 256 * 1024
_WAIT_S: Final = 60.0
"""How long a person may take to confirm a signature, where the agent asks."""


class _Reader:
    """Reads length-prefixed strings off an answer of the agent."""

    def __init__(self, content: bytes) -> None:
        self._left = content

    def number(self) -> int:
        taken, self._left = self._left[:4], self._left[4:]
        if len(taken) != struct.calcsize(">I"):
            raise NotAuthorisedError("the ssh-agent's answer ends too early")
        return int.from_bytes(taken, "big")

    def string(self) -> bytes:
        size = self.number()
        taken, self._left = self._left[:size], self._left[size:]
        if len(taken) != size:
            raise NotAuthorisedError("the ssh-agent's answer ends too early")
        return taken


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _ask(path: str, request: bytes, expected: int) -> _Reader:
    """Send one request, return the body of the one answer; no other type of answer is taken."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
            agent.settimeout(_WAIT_S)
            agent.connect(path)
            agent.sendall(_string(request))
            size = int.from_bytes(_receive(agent, 4), "big")
            if not 0 < size <= _LARGEST:
                raise NotAuthorisedError("the ssh-agent's answer has no sensible size")
            answer = _receive(agent, size)
    except OSError as error:
        raise NotAuthorisedError(
            f"the ssh-agent at {path or 'no socket'} is away: {error}"
        ) from error
    if answer[0] != expected:
        raise NotAuthorisedError("the ssh-agent refused")
    return _Reader(answer[1:])


def _receive(agent: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        piece = agent.recv(size - len(content))
        if not piece:
            raise NotAuthorisedError("the ssh-agent hung up")
        content += piece
    return content


@dataclass(frozen=True, slots=True)
class AgentSigner:
    """An Ed25519 key that an ssh-agent holds; `blob` is its public half as SSH spells it."""

    path: str
    blob: bytes
    public: str
    key_id: str

    def sign(self, message: bytes) -> bytes:
        """Have the agent sign `message`; the answer is checked before it is believed."""
        request = bytes([_SIGN]) + _string(self.blob) + _string(message) + bytes(4)
        signed = _Reader(_ask(self.path, request, _SIGNED).string())
        if signed.string() != _TYPE:
            raise NotAuthorisedError("the ssh-agent signed with another algorithm")
        signature = signed.string()
        try:
            _public(self.blob).verify(signature, message)
        except InvalidSignature as error:
            raise NotAuthorisedError("the ssh-agent's signature does not hold") from error
        return signature


def _public(blob: bytes) -> Ed25519PublicKey:
    reader = _Reader(blob)
    reader.string()
    return Ed25519PublicKey.from_public_bytes(reader.string())


def _keys(path: str) -> list[AgentSigner]:
    answer = _ask(path, bytes([_LIST]), _KEYS)
    found = []
    for _ in range(answer.number()):
        blob = answer.string()
        answer.string()
        if _Reader(blob).string() == _TYPE and len(blob) == 8 + len(_TYPE) + _KEY_SIZE:
            public = spell_public(_public(blob))
            found.append(AgentSigner(path, blob, public, key_id(public)))
    return found


class AgentSigners:
    """Private keys in an ssh-agent."""

    def open(self, reference: str, public: str | None) -> Signer | None:
        """Find the key `public` (the only one where absent) in the agent `ssh-agent:SOCKET`."""
        if not reference.startswith(PREFIX):
            return None
        keys = _keys(reference.removeprefix(PREFIX))
        if public is not None:
            keys = [key for key in keys if key.key_id == key_id(public)]
        if len(keys) != 1:
            wanted = "that key" if public is not None else "one Ed25519 key that could be meant"
            raise NotAuthorisedError(f"the ssh-agent does not hold {wanted} (it holds {len(keys)})")
        return keys[0]


SIGNER: SignerKind = AgentSigners()
