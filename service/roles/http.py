"""The process that answers over HTTP for all of this machine: alive, ready, and in what figures."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

import uvicorn
from pydantic import ValidationError
from starlette.types import ASGIApp

from quarantine.errors import QuarantineError, UnavailableError
from service import duty, wiring
from service.adapting.hooks import hooks
from service.callers import Prompt
from service.readiness import address
from service.site import Offering, Parts, site, watching
from service.slot import slot
from service.watch.board import Board
from service.watch.bulletin import Bulletin
from service.watch.looking import Looker
from service.watch.lookout import Lookout

OFFERINGS: Final[Sequence[Offering]] = (watching, slot, hooks)
"""Every part of the site; adding one here is all that its routes need."""

MOST_AT_ONCE: Final = 64
"""Requests at once; more are told 503, so that nobody fills the memory by asking."""
GRACE_S: Final = 5
TOLD_WITHIN_S: Final = 5.0

_log = logging.getLogger("http")


def main(arguments: Sequence[str]) -> int:
    """Answer until SIGTERM; what makes that impossible is one sentence, and 1."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    parser = duty.words("http")
    parser.add_argument("--http", metavar="HOST:PORT", required=True)
    parser.add_argument("--listen", type=Path, required=True, help="where the others tell")
    parser.add_argument("--role", action="append", default=[], help="who is expected to tell")
    given = duty.begun(parser, arguments)
    try:
        asyncio.run(_answer(given))
    except QuarantineError as error:
        _log.error("%s", error)
        return error.exit_code
    return 0


async def _answer(given: duty.Duty) -> None:
    looker, counter = (Looker(given.state, given.bus, wiring.now) for _ in range(2))
    lookout = Lookout(looker.ready, counter.all, Board(tuple(given.said.role)))
    application = site(Parts(given.state, given.bus, wiring.now, lookout), OFFERINGS)
    server = _Server(_settings(application))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.end)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # the supervisor's word counts
    try:
        with bound(given.said.http) as door:
            async with _listening(given.said.listen, lookout.board):
                await server.serve(sockets=[door])
    finally:
        await lookout.close()
        looker.close()
        counter.close()


def _settings(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        http=Prompt,
        ws="none",
        server_header=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_graceful_shutdown=GRACE_S,
    )


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it."""

    def end(self) -> None:
        """Finish what is being answered, and return from `serve`."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: uvicorn would send them to itself once more at the end."""
        yield


@contextlib.contextmanager
def bound(place: str) -> Iterator[socket.socket]:
    """Listen at HOST:PORT; raises `UsageError` for no address, `UnavailableError` if taken."""
    host, port = address(place)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        door = socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        raise UnavailableError(f"nobody can answer at {place}: {error}") from error
    with door:
        yield door


@contextlib.asynccontextmanager
async def _listening(place: Path, board: Board) -> AsyncIterator[None]:
    """Put up on `board` what the other processes tell at the socket `place`."""

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            try:
                async with asyncio.timeout(TOLD_WITHIN_S):
                    content = await reader.read(-1)
                board.hear(Bulletin.model_validate_json(content), asyncio.get_running_loop().time())
            except (TimeoutError, OSError, ValidationError) as error:
                _log.warning("a bulletin could not be read: %s", error)

    with contextlib.suppress(FileNotFoundError):
        await asyncio.to_thread(place.unlink)  # of one that died
    server = await asyncio.start_unix_server(hear, place)
    try:
        yield
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
