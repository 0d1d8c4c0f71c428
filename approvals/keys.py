"""Public keys: Ed25519, spelled as PEM SubjectPublicKeyInfo, called by the digest of their DER."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization as spelled
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from quarantine.errors import UsageError


def spell_public(key: Ed25519PublicKey) -> str:
    """Spell a public key as PEM SubjectPublicKeyInfo."""
    return key.public_bytes(
        spelled.Encoding.PEM, spelled.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def read_public(pem: str) -> Ed25519PublicKey:
    """Read an Ed25519 public key in PEM SubjectPublicKeyInfo; `UsageError` when it is none."""
    try:
        key = spelled.load_pem_public_key(pem.encode())
    except ValueError as error:
        raise UsageError("this is no public key in PEM (SubjectPublicKeyInfo)") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError("only Ed25519 public keys are taken")
    return key


def public_in(file: Path) -> str:
    """Return the Ed25519 public key (PEM) that a file holds; `UsageError` where it holds none."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    try:
        public = file.read_bytes().decode()
        read_public(public)
    except UnicodeDecodeError:
        raise UsageError(f"{file} holds no public key in PEM (SubjectPublicKeyInfo)") from None
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from error
    return public


@lru_cache(maxsize=1024)
def key_id(pem: str) -> str:
    """Return the id of a public key: 16 hex digits of the SHA-256 of its DER."""
    der = read_public(pem).public_bytes(
        spelled.Encoding.DER, spelled.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()[:16]
