"""The lookout: asked over HTTP it answers within moments, also while a part lets it wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import InitVar, dataclass, field
from typing import Final

from service.watch.board import Board
from service.watch.looking import Look
from service.watch.words import Figures, Labels, Value

ANSWER_S: Final = 2.0
"""How long somebody who asks whether we are ready waits."""
SCRAPE_S: Final = 9.0
"""How long somebody who asks for figures waits; Prometheus gives up after ten seconds."""
FRESH_S: Final = 1.0
FIGURES_FRESH_S: Final = 5.0


Looking = Callable[[], Look]
"""What looks at the parts: it blocks, and is never asked by two threads at once."""


@dataclass(slots=True)
class _Glance:
    """One kind of look: how long it is fresh (s), the newest, when it was, the one under way."""

    look: Looking
    fresh_s: float
    newest: Look | None = None
    at: float = float("-inf")
    under_way: asyncio.Task[Look] | None = None


@dataclass(slots=True)
class Lookout:
    """Puts together what is seen and what the board says; times are the event loop's.

    `readiness` is a quick look, `counting` one that reads much: they have a thread each, which
    nobody else takes, so that neither counting nor another part of the site holds readiness up.
    """

    readiness: InitVar[Looking]
    counting: InitVar[Looking]
    board: Board
    _ready: _Glance = field(init=False)
    _all: _Glance = field(init=False)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "looking"))
    _started: bool = False

    def __post_init__(self, readiness: Looking, counting: Looking) -> None:
        """Have looked at nothing yet."""
        self._ready = _Glance(readiness, FRESH_S)
        self._all = _Glance(counting, FIGURES_FRESH_S)

    def alive(self) -> list[str]:
        """Return what hangs: a role whose loop does not turn. Asks nobody."""
        at = asyncio.get_running_loop().time()
        return [said for some in self.board.silent(at).values() for said in some]

    async def started(self) -> list[str]:
        """Return what has not started yet; once all has, nothing any more."""
        if not self._started:
            complaints = self.board.missing() or await self.ready()
            self._started = not complaints
            return complaints
        return []

    async def ready(self) -> list[str]:
        """Return one sentence for each thing that does not work now; ready when there is none."""
        return [said for some in (await self._parts()).values() for said in some]

    async def figures(self) -> Figures:
        """Return everything measured; of a part that does not answer in time, nothing."""
        look = await self._glance(self._all, SCRAPE_S)
        parts = await self._parts()
        at = asyncio.get_running_loop().time()
        works: dict[Labels, Value] = {(part,): float(not said) for part, said in parts.items()}
        return {
            **({} if look is None else look.figures),
            **self.board.figures(at),
            "fq_part_ready": works,
        }

    async def close(self) -> None:
        """Wait for the looks under way, which hold the store."""
        for glance in (self._ready, self._all):
            if glance.under_way is not None:
                await asyncio.wait([glance.under_way])
        self._threads.shutdown(wait=False)

    async def _parts(self) -> dict[str, list[str]]:
        look = await self._glance(self._ready, ANSWER_S)
        at = asyncio.get_running_loop().time()
        seen = {"bus": ["bus, store: they do not answer in time"]}
        if look is not None:
            seen = {part: list(said) for part, said in look.complaints.items()}
        return {**seen, **self.board.complaints(at)}

    async def _glance(self, glance: _Glance, patience_s: float) -> Look | None:
        """Return a fresh look, absent when it takes longer; it goes on, for whoever asks next."""
        now = asyncio.get_running_loop().time
        if glance.newest is not None and now() - glance.at < glance.fresh_s:
            return glance.newest
        task = glance.under_way or asyncio.create_task(self._look(glance))
        glance.under_way = task
        await asyncio.wait([task], timeout=patience_s)
        return task.result() if task.done() else None

    async def _look(self, glance: _Glance) -> Look:
        try:
            loop = asyncio.get_running_loop()
            glance.newest = await loop.run_in_executor(self._threads, glance.look)
            glance.at = loop.time()
            return glance.newest
        finally:
            glance.under_way = None
