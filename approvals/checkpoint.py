"""Signed checkpoints of the log: C2SP tlog-checkpoint in a C2SP signed note, Ed25519."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as spelled

from approvals.keys import read_public
from approvals.ports import Signer
from quarantine.errors import TamperedError, UsageError
from quarantine.log import HASH_SIZE

_ED25519: Final = b"\x01"
_KEY_ID: Final = 4
_DASH: Final = "\u2014"
_ORIGIN: Final = re.compile(r"[!-*,-~]{1,200}")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log was at one moment: its name (`origin`), its number of leaves, its root hash."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Return the signed text: three lines, the root in standard base64."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n".encode()


def origin_of(public: str) -> str:
    """Return a name for the log whose first signing key is `public` (PEM); no two logs share it."""
    raw = read_public(public).public_bytes(spelled.Encoding.Raw, spelled.PublicFormat.Raw)
    return f"feedback-quarantine/{hashlib.sha256(raw).hexdigest()[:16]}"


def make(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the signed note of a checkpoint, under the log's origin as the key's name.

    Raises `UsageError` for an origin that a note cannot carry (spaces, `+`, beyond ASCII).
    """
    if not _ORIGIN.fullmatch(checkpoint.origin):
        raise UsageError(f"{checkpoint.origin!r} cannot name a log: no spaces, no +, ASCII alone")
    text = checkpoint.text()
    mark = _mark(checkpoint.origin, signer.public)
    signature = base64.b64encode(mark + signer.sign(text)).decode()
    return text + f"\n{_DASH} {checkpoint.origin} {signature}\n".encode()


def read(note: bytes, keys: Mapping[str, str]) -> Checkpoint:
    """Read a signed note, of which at least one signature must hold under `keys` (id to PEM).

    Signatures of unknown keys are passed over (a witness may add its own); one that names a known
    key and does not hold, and any other spelling of the text, is `TamperedError`.
    """
    text, gap, signatures = note.partition(b"\n\n")
    text += b"\n"
    if not gap or not signatures.endswith(b"\n"):
        raise TamperedError("the checkpoint is no signed note")
    checkpoint = _parse(text)
    marks = {_mark(checkpoint.origin, public): public for public in keys.values()}
    held = [
        _holds(line, checkpoint, marks)
        for line in signatures[:-1].decode(errors="replace").split("\n")
    ]
    if not any(held):
        raise TamperedError("no key of the log that is trusted has signed the checkpoint")
    return checkpoint


def _parse(text: bytes) -> Checkpoint:
    lines = text.decode(errors="replace").split("\n")[:-1]
    if len(lines) != _LINES or not _ORIGIN.fullmatch(lines[0]) or not _SIZE.fullmatch(lines[1]):
        raise TamperedError("the checkpoint does not say an origin, a size and a root")
    checkpoint = Checkpoint(lines[0], int(lines[1]), _bytes(lines[2]))
    if len(checkpoint.root) != HASH_SIZE or checkpoint.text() != text:
        raise TamperedError("the checkpoint's text is not in its one spelling")
    return checkpoint


def _holds(line: str, checkpoint: Checkpoint, marks: Mapping[bytes, str]) -> bool:
    parts = line.split(" ")
    if len(parts) != _LINES or parts[0] != _DASH:
        raise TamperedError("a signature line of the checkpoint cannot be read")
    content = _bytes(parts[2])
    public = marks.get(content[:_KEY_ID])
    if public is None or parts[1] != checkpoint.origin:
        return False
    try:
        read_public(public).verify(content[_KEY_ID:], checkpoint.text())
    except InvalidSignature as error:
        raise TamperedError("the checkpoint's signature does not hold") from error
    return True


def _bytes(text: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise TamperedError("the checkpoint holds what is no base64") from error
    if base64.b64encode(content).decode() != text:  # the last character has bits that say nothing
        raise TamperedError("the checkpoint holds base64 that is not in its one spelling")
    return content


def _mark(name: str, public: str) -> bytes:
    raw = read_public(public).public_bytes(spelled.Encoding.Raw, spelled.PublicFormat.Raw)
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + raw).digest()[:_KEY_ID]
