"""Doubt about the file: the disk failed under it, so it is read and checked before it is used."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from quarantine.errors import TamperedError

_SHOWN = 3


def cast(path: Path) -> None:
    """Leave word beside the store at `path` that its disk failed."""
    with contextlib.suppress(OSError):  # on a disk that fails, this may fail as well
        os.close(os.open(_mark(path), os.O_WRONLY | os.O_CREAT, 0o600))


def settle(path: Path, verify: Callable[[], Iterator[str]]) -> None:
    """Check the whole store if there is doubt; raises `TamperedError` when something is wrong."""
    if not _mark(path).exists():
        return
    for file in (path, Path(f"{path}-wal")):
        _forget_pages(file)
    problems = list(islice(verify(), _SHOWN))
    if problems:
        raise TamperedError(f"{path} was not kept by its disk: {'; '.join(problems)}")
    _mark(path).unlink(missing_ok=True)


def _mark(path: Path) -> Path:
    return path.with_name(path.name + ".doubt")


def _forget_pages(file: Path) -> None:
    """Make the system read the disk again: after a failed fsync it remembers what is not there."""
    if not hasattr(os, "posix_fadvise"):
        return
    with contextlib.suppress(FileNotFoundError), file.open("rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
