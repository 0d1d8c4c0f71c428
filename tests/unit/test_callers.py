"""Callers that dawdle are let go; those that ask and those that are answered slowly are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from service.roles import http
from tests.faults.asking import free_place

SOON_S = 60


async def _slow(request: Request) -> Response:
    body = await request.body()
    await asyncio.sleep(0.3)  # longer than a caller may take to ask
    return PlainTextResponse(f"{len(body)} bytes")


@asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, int]]:
    """Run the server of the site, with little patience, for the block."""
    monkeypatch.setattr("service.callers.WITHIN_S", 0.05)
    application = Starlette(routes=[Route("/slow", _slow, methods=["GET", "POST"])])
    server = http._Server(http._settings(application))
    place = free_place()
    with http.bound(place) as door:
        running = asyncio.create_task(server.serve(sockets=[door]))
        host, _, port = place.rpartition(":")
        yield host, int(port)
        server.end()
        await running


async def heard(place: tuple[str, int], *said: bytes) -> bytes:
    """Say some bytes, wait until the server hangs up; return what it said."""
    reader, writer = await asyncio.open_connection(*place)
    with closing(writer):
        for some in said:
            writer.write(some)
            await writer.drain()
        async with asyncio.timeout(SOON_S):
            return await reader.read()


async def test_who_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as place:
        assert await heard(place) == b""


async def test_who_never_ends_its_headers_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as place:
        assert await heard(place, b"GET /slow HTTP/1.1\r\nHost: x\r\nX: ") == b""


async def test_a_slow_answer_is_waited_for_and_then_the_line_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch) as place:
        said = await heard(place, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"0 bytes")


async def test_who_asks_again_and_again_is_answered_every_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch) as place:
        reader, writer = await asyncio.open_connection(*place)
        with closing(writer):
            for _ in range(3):
                writer.write(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
                async with asyncio.timeout(SOON_S):
                    assert (await reader.readuntil(b"2 bytes")).startswith(b"HTTP/1.1 200 ")


async def test_a_place_that_is_taken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from quarantine.errors import UnavailableError

    async with serving(monkeypatch) as (host, port):
        with (
            pytest.raises(UnavailableError, match="nobody can answer at"),
            http.bound(f"{host}:{port}"),
        ):
            pass
