"""The HTTP site: routes of several parts under one roof, and the four that every operator asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from service.settings import State
from service.watch.exposing import exposed
from service.watch.lookout import Lookout

NO: Final = 503
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Parts:
    """What routes are made of: where things are, the bus's URL, the clock, and the lookout."""

    state: State
    bus: str
    clock: Callable[[], datetime]
    lookout: Lookout


Offering = Callable[[Parts], Sequence[BaseRoute]]
"""What a part of the site is: it returns its routes. `roles.http` has the list of all."""


def site(parts: Parts, offerings: Sequence[Offering]) -> Starlette:
    """Return the application that has the routes of all `offerings`."""
    return Starlette(routes=[route for offering in offerings for route in offering(parts)])


def watching(parts: Parts) -> Sequence[BaseRoute]:
    """Return `/livez`, `/readyz`, `/startupz` (200, or 503 with a reason a line) and `/metrics`."""
    lookout = parts.lookout

    async def livez(_: Request) -> Response:
        return _answer(lookout.alive())

    async def readyz(_: Request) -> Response:
        return _answer(await lookout.ready())

    async def startupz(_: Request) -> Response:
        return _answer(await lookout.started())

    async def metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        content, content_type = exposed(await lookout.figures(), accept)
        return Response(content, headers={**_HEADERS, "Content-Type": content_type})

    return [
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/startupz", startupz),
        Route("/metrics", metrics),
    ]


def _answer(complaints: Sequence[str]) -> Response:
    content = "".join(f"{line}\n" for line in complaints or ["ok"])
    return PlainTextResponse(content, NO if complaints else 200, headers=_HEADERS)
