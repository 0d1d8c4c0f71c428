"""Webhooks of other systems: proved, kept, answered with 202, forwarded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from quarantine.errors import NotAuthorisedError, QuarantineError
from service import wiring
from service.adapting.bodies import RefusedRequestError, body_of, taken, unpacked
from service.adapting.config import adapters, names_in, proved_by, read_config
from service.adapting.forwarding import Forwarder
from service.adapting.words import Authentic
from service.site import Parts

LARGEST: Final = 4 * 1024 * 1024
DENIED: Final = 401

_log = logging.getLogger(__name__)


def hooks(parts: Parts) -> Sequence[BaseRoute]:
    """Return `POST /hooks/NAME` for every adapter of the state directory that is called.

    401 for a call that proves nothing, 408 and 413 for a slow or large one, 400 and 415 for one
    that cannot be unpacked, 202 once it is on disk.
    Raises `UsageError` for settings that do not work, so that a start fails and not a call.
    """
    return [
        Route(f"/hooks/{name}", _answering(parts, name), methods=["POST"])
        for name in names_in(parts.state.adapters)
        if adapters()[read_config(parts.state.adapters, name).adapter].authentic is not None
    ]


def _answering(parts: Parts, name: str) -> Callable[[Request], Awaitable[Response]]:
    config = read_config(parts.state.adapters, name)
    forwarder = Forwarder(
        name,
        config,
        parts.state,
        lambda producer, key: wiring.publisher(parts.state, producer, key, parts.bus),
    )
    secret = proved_by(parts.state.root, name, config)
    prove = adapters()[config.adapter].authentic
    assert prove is not None  # noqa: S101  hooks() asked
    proof: Authentic = prove

    async def answer(request: Request) -> Response:
        try:
            body = await body_of(request, LARGEST)
            headers = {key.lower(): value for key, value in request.headers.items()}
            proof(headers, body, secret, parts.clock())
            body = unpacked(body, headers.get("content-encoding", ""), LARGEST)
        except RefusedRequestError as error:
            return error.response()
        except NotAuthorisedError as error:
            _log.warning("a call to the hook %s was denied: %s", name, error)
            return RefusedRequestError(DENIED, str(error)).response()
        await asyncio.to_thread(forwarder.keep, body, parts.clock())
        await asyncio.to_thread(_forward, forwarder, parts)
        return taken({"kept": True})

    return answer


def _forward(forwarder: Forwarder, parts: Parts) -> None:
    """Forward what waits; where that fails now, the next call or `adapter forward` does it."""
    try:
        forwarder.take([], parts.clock)
    except QuarantineError as error:
        _log.warning("what came to the hook %s waits: %s", forwarder.name, error)
