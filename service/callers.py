"""Callers that dawdle: a connection without a request under way is not kept for long."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

WITHIN_S: Final = 5.0
"""How long a caller may take to say what it wants, give or take as much again."""


class Prompt(H11Protocol):
    """Closes a connection that says nothing, or its headers drop by drop.

    uvicorn bounds how many connections there are and how long one idles after an answer, not how
    long one takes to ask: so few strangers could take every place from who asks whether we live.
    """

    _timer: asyncio.TimerHandle | None = None
    _seen: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look now and then whether something was asked."""
        super().connection_made(transport)
        self._seen = self
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        waits = _is_idle(self.cycle)
        if waits and self.cycle is self._seen:
            self.transport.close()
            return
        self._seen = self.cycle if waits else self
        self._timer = self.loop.call_later(WITHIN_S, self._look)


def _is_idle(cycle: RequestResponseCycle | None) -> bool:
    return cycle is None or cycle.response_complete
