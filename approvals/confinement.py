"""A process that can open what it was given and nothing else, for good: Linux Landlock."""

from __future__ import annotations

import ctypes
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_PATH_BENEATH: Final = 1
_VERSION: Final = 1
_NO_NEW_PRIVILEGES: Final = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_FILE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_ALL_OF_FIRST: Final = (1 << 13) - 1
_REFER, _TRUNCATE, _DEVICE = 1 << 13, 1 << 14, 1 << 15
_SINCE: Final = ((2, _REFER), (3, _TRUNCATE), (5, _DEVICE))
_NETWORK_SINCE: Final = 4
_ALL_OF_TCP: Final = 3

_OF_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_READING: Final = _EXECUTE | _READ_FILE | _READ_DIR
_WRITING: Final = (
    _READ_FILE
    | _READ_DIR
    | _WRITE_FILE
    | _MAKE_FILE
    | _MAKE_DIR
    | _REMOVE_FILE
    | _REMOVE_DIR
    | _TRUNCATE
)
_NAMING: Final = _READ_DIR | _MAKE_DIR | _REMOVE_DIR

_SYSTEM: Final = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
_DEVICES: Final = (
    "/dev/null",
    "/dev/urandom",
    "/proc/self",
    "/proc/cpuinfo",
    "/sys/devices/system/cpu",
)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def confine(*, read: Iterable[Path], write: Iterable[Path], name: Iterable[Path] = ()) -> bool:
    """Give up every file but these and Python's own, and all of TCP; for good, children included.

    `read` and `write` are files or directories with all beneath; in the directories `name`,
    directories may be made, renamed and removed, and nothing read. Call it before other threads
    start: those stay free. Returns whether the kernel could (Landlock, Linux 5.13 and later);
    where it cannot, nothing is changed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    if not sys.platform.startswith("linux") or version < 1:
        return False
    handled = _ALL_OF_FIRST
    for since, right in _SINCE:
        handled |= right if version >= since else 0
    rules = _create(libc, handled, version)
    own = (Path(each) for each in (*_SYSTEM, *_DEVICES, *_python()))
    for paths, rights in ((own, _READING), (read, _READING), (write, _WRITING), (name, _NAMING)):
        for path in paths:
            _allow(libc, rules, path, rights & handled)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.syscall(_RESTRICT, rules, ctypes.c_uint32(0)):
        raise OSError(ctypes.get_errno(), "this process cannot be confined")
    os.close(rules)
    return True


def _create(libc: ctypes.CDLL, handled: int, version: int) -> int:
    asked = _Ruleset(handled, _ALL_OF_TCP)
    size = 16 if version >= _NETWORK_SINCE else 8
    rules = int(
        libc.syscall(_CREATE, ctypes.byref(asked), ctypes.c_size_t(size), ctypes.c_uint32(0))
    )
    if rules < 0:
        raise OSError(ctypes.get_errno(), "the kernel takes no Landlock rules")
    return rules


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= _OF_FILES
        beneath = _Beneath(rights, handle)
        if libc.syscall(_ADD, rules, _PATH_BENEATH, ctypes.byref(beneath), ctypes.c_uint32(0)):
            raise OSError(ctypes.get_errno(), f"the kernel takes no Landlock rule for {path}")
    finally:
        os.close(handle)


def _python() -> list[str]:
    """Return where the interpreter's and our own modules are, which may still be imported."""
    ours = [
        package.__path__[0]
        for name in ("quarantine", "approvals", "service")
        if (package := sys.modules.get(name)) is not None
    ]
    paths = sysconfig.get_paths()
    return [
        sys.executable,
        *(paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")),
        *ours,
    ]
