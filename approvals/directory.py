"""A release directory as it lies there: every file by digest, nothing linked, nothing hidden."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from quarantine.errors import TamperedError, UsageError
from quarantine.safe import safe


def digests(root: Path) -> dict[str, str]:
    """Return the SHA-256 (hex) of every file under `root`, by its path (POSIX, relative).

    A directory with nothing in it is there as well, under its name with a slash. Raises
    `UsageError` when there is no such directory, `TamperedError` naming what is neither a file
    nor a directory (a link, a socket).
    """
    if not root.is_dir():
        raise UsageError(f"{root} is no directory")
    found: dict[str, str] = {}
    _walk(root, "", found)
    return found


def compare(found: dict[str, str], wanted: dict[str, str]) -> None:
    """Raise `TamperedError` naming the first file that is changed, missing or too many."""
    for name in sorted(wanted):
        if name not in found:
            raise TamperedError(f"{safe(name)} is missing")
        if found[name] != wanted[name]:
            raise TamperedError(f"{safe(name)} is not what the manifest says it was")
    for name in sorted(found.keys() - wanted.keys()):
        raise TamperedError(f"{safe(name)} is not in the manifest")


def read(root: Path, name: str, digest: str) -> bytes:
    """Return the bytes of a file, which must have this SHA-256 now; else `TamperedError`."""
    try:
        handle = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            content = file.read()
    except OSError as error:
        raise TamperedError(f"{safe(name)} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise TamperedError(f"{safe(name)} is not what the manifest says it was")
    return content


def _walk(root: Path, under: str, found: dict[str, str]) -> None:
    entries = sorted(os.scandir(root / under), key=lambda entry: entry.name)
    if not entries:
        found[f"{under}/"] = ""
    for entry in entries:
        name = f"{under}/{entry.name}" if under else entry.name
        if entry.is_dir(follow_symlinks=False):
            _walk(root, name, found)
        elif entry.is_file(follow_symlinks=False):
            found[name] = _digest(Path(entry.path))
        else:
            raise TamperedError(f"{safe(name)} is no regular file")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
