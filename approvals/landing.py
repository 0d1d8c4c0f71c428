"""Directories and files that appear whole or not at all: written aside, synced, renamed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quarantine.errors import UnavailableError, UsageError


def write_whole(path: Path, content: bytes) -> None:
    """Replace the file `path` by `content`, durably: the old or the new is seen, never a part."""
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(aside).chmod(0o644)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    _sync(path.parent)


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Let one process at a time through, of those that write in `folder`; no file is made."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def landing(out: Path, *, mode: int = 0o755) -> Iterator[Path]:
    """Give an empty directory that becomes `out` when the block ends well, and is gone when not.

    It is its owner's alone while it is written, and has its `mode` before it has its name.
    What is written is synced before it gets its name. Raises `UsageError` when `out` is there
    already or its parent is not; leftovers of a process that was killed are swept away.
    """
    out = Path(os.path.abspath(out))  # noqa: PTH100  resolve() would follow a link named `out`
    aside = _aside(out)
    handle = os.open(aside, os.O_RDONLY)
    try:
        _claim(handle, aside)
        yield aside
        _sync_tree(aside)
        aside.chmod(mode)
        aside.rename(out)
        _sync(out.parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    finally:
        os.close(handle)


def _aside(out: Path) -> Path:
    if os.path.lexists(out):
        raise UsageError(f"{out} is there already, and nothing is written over")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent} is no directory")
    _sweep(out)
    try:
        return Path(tempfile.mkdtemp(prefix=_prefix(out), dir=out.parent))
    except OSError as error:
        raise UnavailableError(f"{out.parent} cannot be written: {error.strerror}") from error


def _claim(handle: int, aside: Path) -> None:
    fcntl.flock(handle, fcntl.LOCK_EX)
    if not aside.exists():  # another process swept it before it was locked
        raise UnavailableError(f"{aside} was taken away by another process: try again")


def _prefix(out: Path) -> str:
    return f".{out.name}.part-"


def _sweep(out: Path) -> None:
    """Remove what a killed process left: a directory of ours that nobody holds a lock on."""
    for left in out.parent.iterdir():
        if not left.name.startswith(_prefix(out)):
            continue
        try:
            handle = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(handle)


def _sync_tree(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            _sync(Path(folder) / name)
        _sync(Path(folder))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
