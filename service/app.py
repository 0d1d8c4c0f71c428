"""Run everything: the embedded bus, and one process a role, each restarted when it dies."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from quarantine.errors import UsageError
from service.duty import FROM_INPUT
from service.embedded import dying_with_parent
from service.settings import State

LOOPS: Final = ("intake", "scoring", "releasing")
"""The roles that run as processes; `export` and `operator` are identities of commands."""

ALONE: Final = ("witness",)
"""Roles that run only where they are named: they belong on another machine, or another user."""

SPEAKING: Final = frozenset({"intake", "releasing"})
"""Roles whose business the bus is; the others are not even told its password.

Whoever answers for all of them looks at the bus for its figures.
"""

ANSWERS: Final = "http"
"""The process that answers over HTTP for all others of this machine."""
GRACE_S: Final = 20.0
POLL_S: Final = 0.1
CALM_S: Final = 10.0
SLOWEST_S: Final = 10.0


@dataclass(slots=True)
class _Child:
    """One role's process, and how long to wait before it is started again.

    `bus` is told to it on its standard input: everybody on the machine can read a command line.
    """

    role: str
    command: Sequence[str]
    bus: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait: float = 0.2
    due: float = 0.0

    def mind(self, at: float, tell: Callable[[str], None]) -> None:
        """Start the process when it is due, notice when it ended."""
        if self.process is None:
            if at >= self.due:
                self._start(at)
            return
        code = self.process.poll()
        if code is None:
            return
        tell(f"{self.role} ended with {code}; it is started again in {self.wait:.1f} s")
        self.process, self.due = None, at + self.wait
        calm = at - self.started > CALM_S
        self.wait = 0.2 if calm else min(2 * self.wait, SLOWEST_S)

    def _start(self, at: float) -> None:
        self.process = subprocess.Popen(  # noqa: S603  our own interpreter
            self.command,
            stdin=subprocess.PIPE,
            preexec_fn=dying_with_parent(),  # noqa: PLW1509  one system call, prepared
        )
        self.started = at
        if self.process.stdin is not None:
            with contextlib.suppress(OSError), self.process.stdin as told:  # it may have died
                told.write(f"{self.bus}\n".encode())

    def stop(self) -> None:
        """Ask the process to finish what it has in hand."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait_until(self, deadline: float) -> None:
        """Wait for the end until `deadline` (monotonic seconds), then insist."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Supervisor:
    """Keeps the roles' processes running until it is told to stop; then they drain.

    `http` is HOST:PORT, where one more process answers whether they are alive and ready, and in
    what figures; they tell it through a socket in a directory that only this user enters.
    """

    state: State
    bus: str
    roles: Sequence[str] = LOOPS
    tell: Callable[[str], None] = print
    http: str | None = None
    stopping: bool = False
    _children: list[_Child] = field(default_factory=list)
    _apart: Path | None = None

    def start(self) -> None:
        """Start every role's process, and the one that answers for them where it is wanted."""
        telling: tuple[str, ...] = ()
        if self.http is not None:
            self._apart = Path(tempfile.mkdtemp(prefix="quarantine-"))
            listener = str(self._apart / "bulletins")
            telling = ("--tell", listener)
            named = tuple(word for role in self.roles for word in ("--role", role))
            self._add(ANSWERS, "--http", self.http, "--listen", listener, *named)
        for role in self.roles:
            self._add(role, *telling)
        self.mind()

    def _add(self, role: str, *more: str) -> None:
        command = (
            *(sys.executable, "-m", f"service.roles.{role}"),
            *("--state", str(self.state.root), "--bus", FROM_INPUT),
        )
        bus = self.bus if role in SPEAKING or role == ANSWERS else ""
        self._children.append(_Child(role, (*command, *more), bus))

    def mind(self) -> None:
        """Look after every process once."""
        for child in self._children:
            child.mind(time.monotonic(), self.tell)

    def stop(self) -> None:
        """Let every process finish what it has in hand, within the grace."""
        for child in self._children:
            child.stop()
        deadline = time.monotonic() + GRACE_S
        for child in self._children:
            child.wait_until(deadline)
        if self._apart is not None:
            shutil.rmtree(self._apart, ignore_errors=True)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT."""

        def asked(_number: int, _frame: FrameType | None) -> None:
            self.stopping = True

        before = [signal.signal(each, asked) for each in (signal.SIGTERM, signal.SIGINT)]
        try:
            self.start()
            while not self.stopping:
                self.mind()
                time.sleep(POLL_S)
        finally:
            self.stop()
            for each, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
                signal.signal(each, handler)


def chosen(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the roles to run, all where none is named; raises `UsageError` for another name."""
    roles = tuple(dict.fromkeys(names or LOOPS))
    wrong = [role for role in roles if role not in (*LOOPS, *ALONE)]
    if wrong:
        raise UsageError(f"no role is called {wrong[0]}: {', '.join((*LOOPS, *ALONE))}")
    return roles
