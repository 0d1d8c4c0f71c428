"""Intake processes that a signal strikes at a named step, made by patching before they run."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import redis
import redis.asyncio
from faststream.redis.message import BatchStreamMessage

from quarantine.stores.postgres.database import Database
from service import dead_letters, intake, reclaim, wire
from service.bus import DEAD
from service.roles import intake as role
from tests.producing import Site

POINTS = (
    "read",
    "claimed",
    "split",
    "written",
    "before commit",
    "committed",
    "before ack",
    "acked",
    "before copy",
    "copied",
)
"""The steps of one batch in their order; `claimed` is for `read` where another one left it."""
NEVER = "never"
CLAIM_MS = 500

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


@dataclass
class Fate:
    """What strikes a process when it passes `point` for the `nth` time."""

    point: str = NEVER
    nth: int = 1
    how: signal.Signals = signal.SIGKILL

    def passes(self, point: str) -> None:
        if point == self.point:
            self.nth -= 1
            if self.nth == 0:
                os.kill(os.getpid(), self.how)


def started(site: Site, fate: Fate | None = None, *more: str, url: str = "") -> ForkServerProcess:
    """Start an intake process of `site` with this fate, from a server that has all imported."""
    arguments = ["--state", str(site.state.root), "--bus", url or site.url]
    arguments += ["--idle-ms", str(CLAIM_MS), *more]
    process = _processes.Process(target=_run, args=(fate or Fate(), arguments), daemon=True)
    process.start()
    return process


def redriving(site: Site, fate: Fate) -> ForkServerProcess:
    """Start an operator's command that sends all dead letters of `app` through the door again."""
    words = ["dead", "redrive", "--producer", "app", "--state", str(site.state.root)]
    process = _processes.Process(target=_redrive, args=(fate, words), daemon=True)
    process.start()
    return process


def ended(process: ForkServerProcess, within_s: float) -> int | None:
    """Return how a process ended, nothing when it did not."""
    process.join(within_s)
    return process.exitcode


def told_to_end(process: ForkServerProcess, within_s: float) -> int | None:
    _wait_until_it_listens(process, within_s)
    process.terminate()
    return ended(process, within_s)


def _wait_until_it_listens(process: ForkServerProcess, within_s: float) -> None:
    """Wait for its SIGTERM handler: told before that, it has not begun and ends by the signal."""
    status = Path(f"/proc/{process.pid}/status")
    deadline = time.monotonic() + within_s
    while status.exists() and process.is_alive() and time.monotonic() < deadline:
        (caught,) = re.findall(r"SigCgt:\s*([0-9a-f]+)", status.read_text())
        if int(caught, 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.01)


def _run(fate: Fate, arguments: list[str]) -> None:
    _patch(fate)
    sys.exit(role.main(arguments))


def _redrive(fate: Fate, words: list[str]) -> None:
    from service.cli import main

    _patch(fate)
    sys.argv = ["quarantine", *words]
    main()


def _patch(fate: Fate) -> None:
    handle = intake.Intake.handle

    async def reading(self: intake.Intake, message: BatchStreamMessage) -> None:
        fate.passes("read")
        await handle(self, message)

    intake.Intake.handle = reading  # type: ignore[method-assign]
    wire.split = _before(wire.split, fate, "split")
    reclaim.claim = _after(reclaim.claim, fate, "claimed")
    sqlite3.connect = _connecting(fate)  # type: ignore[assignment]
    _patch_postgres(fate)
    _patch_redis(fate)


def _patch_redis(fate: Fate) -> None:
    xack = redis.asyncio.Redis.xack

    async def acknowledge(self: Any, *given: Any) -> Any:
        fate.passes("before ack")
        answer = await xack(self, *given)
        fate.passes("acked")
        return answer

    redis.asyncio.Redis.xack = acknowledge  # type: ignore[method-assign,assignment]
    execute = redis.client.Pipeline.execute

    def copying(self: Any, raise_on_error: bool = True) -> Any:  # noqa: FBT001, FBT002
        copies = any(DEAD in command[0] for command in self.command_stack)
        fate.passes("before copy" if copies else "")
        answer = execute(self, raise_on_error)
        fate.passes("copied" if copies else "")
        return answer

    redis.client.Pipeline.execute = copying  # type: ignore[method-assign,assignment]
    assert dead_letters.DEAD == DEAD


def _patch_postgres(fate: Fate) -> None:
    """Let databases watch the transactions that hold events."""
    hold, execute = Database.hold, Database.execute
    holding: set[Database] = set()

    def held(self: Database, *given: Any) -> None:
        hold(self, *given)
        holding.add(self)
        fate.passes("written")

    def executed(self: Database, sql: str, values: Sequence[object] = ()) -> Any:
        if sql != "COMMIT" or self not in holding:
            return execute(self, sql, values)
        holding.remove(self)
        fate.passes("before commit")
        answer = execute(self, sql, values)
        fate.passes("committed")
        return answer

    Database.hold = held  # type: ignore[method-assign]
    Database.execute = executed  # type: ignore[method-assign]


def _before(step: Callable[..., Any], fate: Fate, point: str) -> Callable[..., Any]:
    def passing(*given: Any, **named: Any) -> Any:
        fate.passes(point)
        return step(*given, **named)

    return passing


def _after(step: Callable[..., Any], fate: Fate, point: str) -> Callable[..., Any]:
    def passing(*given: Any, **named: Any) -> Any:
        answer = step(*given, **named)
        fate.passes(point)
        return answer

    return passing


def _connecting(fate: Fate) -> Callable[..., sqlite3.Connection]:
    """Return a `connect` whose connections watch the transactions that hold events."""
    connect = sqlite3.connect

    class Watched(sqlite3.Connection):
        events = False

        def executemany(self, sql: str, *rows: Any) -> sqlite3.Cursor:
            answer = super().executemany(sql, *rows)
            if sql.startswith("INSERT INTO event"):
                self.events = True
                fate.passes("written")
            return answer

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql != "COMMIT" or not self.events:
                return super().execute(sql, *values)
            self.events = False
            fate.passes("before commit")
            answer = super().execute(sql)
            fate.passes("committed")
            return answer

    return lambda *given, **named: connect(*given, **named, factory=Watched)
