"""Who keeps the embedded bus of a directory: two servers on one append-only file would ruin it.

The lock is the server's, not that of the process which started it: it inherits the open file, and
the kernel lets go of it when the server has ended, however it ended and whoever outlived whom.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

NAME: Final = "kept"
"""The file in the bus's directory that is locked (flock); it names who started the server."""


def take(directory: Path) -> int | None:
    """Lock the bus of `directory` for a server that is to be started; absent where one runs.

    Returns a descriptor, which the server inherits and the caller closes. The file then holds the
    number of this process.
    """
    handle = os.open(directory / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    os.truncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def starter(directory: Path) -> int:
    """Return the number of the process that started the server of `directory`, 0 if unknown."""
    try:
        return int((directory / NAME).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def is_minded(directory: Path) -> bool:
    """Say whether the process that started the server of `directory` is still there."""
    try:
        os.kill(starter(directory) or os.getpid(), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, and there
        return True
    return True
