"""What the machine refuses under a command, as a sentence: a disk that is full, a file not ours."""

from __future__ import annotations

import errno
import os
import sqlite3
from typing import Final

_MENDS: Final = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there",
    errno.EFBIG: "make room there",
    errno.EROFS: "name a place that can be written",
    errno.EACCES: "look at its rights, and at who you are",
    errno.EPERM: "look at its rights, and at who you are",
    errno.ENOTDIR: "name a directory",
    errno.EISDIR: "name a file",
    errno.ENAMETOOLONG: "name it shorter",
    errno.EMFILE: "let this user open more files (ulimit -n)",
    errno.ENFILE: "let this machine open more files",
    errno.EIO: "look at the disk before going on",
}
_STORE: Final = {
    sqlite3.SQLITE_FULL: "make room there",
    sqlite3.SQLITE_READONLY: "a command must be able to write there",
    sqlite3.SQLITE_CANTOPEN: "look at its rights, and at who you are",
    sqlite3.SQLITE_PERM: "look at its rights, and at who you are",
    sqlite3.SQLITE_BUSY: "try again",
    sqlite3.SQLITE_IOERR: "look at the disk, and whether it has room, before going on",
}


def refused(error: Exception) -> str | None:
    """Return one sentence with its mend where the machine said no; absent where we are wrong."""
    if isinstance(error, sqlite3.OperationalError):
        mend = _STORE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        return mend and f"the store's file cannot be used: {error}: {mend}"
    if isinstance(error, OSError) and error.errno in _MENDS:
        place = "an answer" if error.filename is None else str(error.filename)
        return f"{place}: {os.strerror(error.errno)}: {_MENDS[error.errno]}"
    return None
