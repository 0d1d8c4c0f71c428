"""Keys in files: Ed25519, PKCS #8 PEM, readable by their owner alone."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization as spelled
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from approvals.keys import key_id, spell_public
from approvals.ports import Signer, SignerKind
from quarantine.errors import NotAuthorisedError, UsageError


@dataclass(frozen=True, slots=True)
class FileSigner:
    """An Ed25519 private key that was read from a file."""

    private: Ed25519PrivateKey
    public: str
    key_id: str

    def sign(self, message: bytes) -> bytes:
        """Sign `message`."""
        return self.private.sign(message)


def new_key(file: Path) -> FileSigner:
    """Make a key pair: `file` (0600) and `file`.pub; refuses to write over either."""
    private = Ed25519PrivateKey.generate()
    public = spell_public(private.public_key())
    secret = private.private_bytes(
        spelled.Encoding.PEM, spelled.PrivateFormat.PKCS8, spelled.NoEncryption()
    )
    beside = file.with_name(file.name + ".pub")
    if beside.exists():
        raise UsageError(f"{beside} is there already")
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{file} is there already") from None
    except OSError as error:
        raise UsageError(f"cannot write a key to {file}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(secret)
        beside.write_text(public, encoding="ascii")
    except OSError as error:
        for half in (file, beside):  # of no use alone, and in the way of the next try
            half.unlink(missing_ok=True)
        raise UsageError(f"cannot write a key to {file}: {error.strerror}") from None
    return FileSigner(private, public, key_id(public))


class FileSigners:
    """Private keys in files."""

    def open(self, reference: str, public: str | None) -> Signer | None:
        """Read the key in the file `reference`; others must not be able to read that file."""
        file = Path(reference)
        if not file.is_file():
            return None
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise NotAuthorisedError(f"{file} can be read by others: chmod 600 {file}")
        try:
            private = spelled.load_pem_private_key(file.read_bytes(), password=None)
        except (ValueError, TypeError) as error:
            raise NotAuthorisedError(f"{file} holds no unencrypted private key in PEM") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise NotAuthorisedError(f"{file} holds no Ed25519 key")
        own = spell_public(private.public_key())
        if public is not None and key_id(public) != key_id(own):
            raise NotAuthorisedError(f"{file} is not the key that is registered for this name")
        return FileSigner(private, own, key_id(own))


SIGNER: SignerKind = FileSigners()
