"""Is a process alive, and is it ready: two questions, answered over HTTP to whoever supervises."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from quarantine.errors import UsageError

PATIENCE_S: Final = 8.0
"""A loop that was not heard of for so long does not work; none rests for longer than a second."""
ANSWER_S: Final = 2.0


@dataclass(slots=True)
class Readiness:
    """What works and what does not, by name, with the reason; times are the event loop's (s)."""

    patience_s: float = PATIENCE_S
    _failing: dict[str, str] = field(default_factory=dict)
    _heard: dict[str, float] = field(default_factory=dict)

    def works(self, what: str) -> None:
        """Say that `what` did its work; it needs not say so again."""
        self._failing.pop(what, None)

    def turns(self, loop: str, at: float) -> None:
        """Say that a loop did its work at `at`, and will again and again."""
        self._heard[loop] = at
        self.works(loop)

    def fails(self, what: str, because: object) -> None:
        """Say that `what` does not work now."""
        self._failing[what] = str(because)

    def complaints(self, at: float) -> list[str]:
        """Return one sentence for each thing that does not work; ready when there is none."""
        failing = dict(self._failing)
        silent = {
            loop: f"not heard of for {at - heard:.0f} s"
            for loop, heard in list(self._heard.items())
            if at - heard > self.patience_s
        }
        said = [f"{what}: {because}" for what, because in sorted({**silent, **failing}.items())]
        return said if self._heard else ["not started yet", *said]


@contextmanager
def answering(
    place: str | None, readiness: Readiness, loop: asyncio.AbstractEventLoop
) -> Iterator[None]:
    """Answer `/livez` (the event loop turns) and `/readyz` at `place` (HOST:PORT) meanwhile.

    200 is yes, 503 is no with one reason a line. Nothing is answered without a `place`. Raises
    `UsageError` when `place` is no address.
    """
    if place is None:
        yield
        return
    server = ThreadingHTTPServer(address(place), _handler(readiness, loop))
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def address(place: str) -> tuple[str, int]:
    """Return the host and port that HOST:PORT spells; raises `UsageError` where it spells none."""
    host, _, port = place.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"an address to answer at is HOST:PORT, not {place!r}")
    return host, int(port)


def _handler(readiness: Readiness, loop: asyncio.AbstractEventLoop) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        """Answers one request."""

        timeout = ANSWER_S

        def do_GET(self) -> None:
            """Say yes or no."""
            match self.path:
                case "/livez":
                    self._say([] if _turns(loop) else ["the event loop does not turn"])
                case "/readyz":
                    self._say(readiness.complaints(loop.time()))
                case _:
                    self.send_error(HTTPStatus.NOT_FOUND)

        def _say(self, complaints: list[str]) -> None:
            status = HTTPStatus.SERVICE_UNAVAILABLE if complaints else HTTPStatus.OK
            content = "".join(f"{line}\n" for line in complaints or ["ok"]).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing of each request."""

    return Answer


def _turns(loop: asyncio.AbstractEventLoop) -> bool:
    """Say whether the event loop takes its turn; a look from outside, by another thread."""
    try:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(ANSWER_S)
    except (TimeoutError, CancelledError, RuntimeError):
        return False
    return True
