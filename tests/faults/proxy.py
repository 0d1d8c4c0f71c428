"""A way between intake and the bus that a test can cut: TCP on loopback to the private socket."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Way:
    """Forwards connections to `socket_path`; may be cut (connections break, new ones are refused),
    blocked (they stay, and nothing passes) or narrow (a few bytes pass at a time).
    """

    socket_path: str
    cut: threading.Event = field(default_factory=threading.Event)
    blocked: threading.Event = field(default_factory=threading.Event)
    narrow: threading.Event = field(default_factory=threading.Event)
    _closing: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(0.05)
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _start(self, step, *given) -> None:
        thread = threading.Thread(target=step, args=given)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                near, _ = self._listening.accept()
            except TimeoutError:
                continue
            self._start(self._forward, near)

    def _some(self) -> int:
        """Return how many bytes may pass at once, in a while where the way is narrow."""
        if not self.narrow.is_set():
            return 65_536
        self._closing.wait(0.002)
        return 64

    def _forward(self, near: socket.socket) -> None:
        with near, socket.socket(socket.AF_UNIX) as far, contextlib.suppress(OSError):
            if self.cut.is_set():
                return
            far.connect(self.socket_path)
            with selectors.DefaultSelector() as ready:
                ready.register(near, selectors.EVENT_READ, far)
                ready.register(far, selectors.EVENT_READ, near)
                while not (self._closing.is_set() or self.cut.is_set()):
                    if self.blocked.wait(0) and self._closing.wait(0.02) is False:
                        continue
                    for key, _ in ready.select(0.05):
                        some = key.fileobj.recv(self._some())
                        if not some:
                            return
                        key.data.sendall(some)


@contextlib.contextmanager
def way_to(url: str) -> Iterator[Way]:
    """Open a way to the bus at `url` (unix://…)."""
    way = Way(url.removeprefix("unix://"))
    try:
        yield way
    finally:
        way.close()
