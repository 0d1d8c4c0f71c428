"""The team's own gate: a program that gets the rows as an export and answers in JSON.

It runs without a shell, with an empty environment, in a directory of its own, on copies that it
cannot write. What it does not answer in time, in full and as asked counts as a no.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from approvals.conditions import Gate
from approvals.gate import Answer, Measure, rounded
from quarantine.safe import safe

LARGEST: Final = 2**20
"""An answer has so many bytes at the most."""
_READ_ONLY: Final = 0o400
_LISTED_ONLY: Final = 0o500
_LONGEST: Final = 300

Fill = Callable[[Path, str], None]
"""What writes the rows of one side (`candidate` or `accepted`) into a new directory."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _Figure(_Strict):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    before: float | None = None
    after: float


class _Said(_Strict):
    """What the program answers: `passed`, and what it likes to tell."""

    passed: bool
    summary: Annotated[str, Field(max_length=2000)] = ""
    figures: Annotated[tuple[_Figure, ...], Field(max_length=100, strict=False)] = ()


def ask(gate: Gate, fill: Fill) -> tuple[Answer, list[Measure]]:
    """Run the gate's `command` on the rows that `fill` writes; return its answer and its figures.

    The directory `candidate` and, beside it, `accepted` (empty on a first release) are named to the
    program as its last argument: their parent. Figures are told and stop nothing; `passed` does.
    """
    name = safe(Path(gate.command[0]).name, 80)
    with _room(fill) as room:
        content, failure = _run(gate, room)
    if failure:
        return Answer(command=name, passed=False, failure=failure), []
    digest = hashlib.sha256(content).hexdigest()
    try:
        said = _Said.model_validate_json(content)
    except ValidationError as error:
        wrong = f"its answer is not as asked in {error.error_count()} places"
        return Answer(command=name, passed=False, answer=digest, failure=wrong), []
    answer = Answer(
        command=name,
        passed=said.passed,
        summary=safe(said.summary, _LONGEST),
        measures=len(said.figures),
        answer=digest,
    )
    return answer, [_told(figure) for figure in said.figures]


def _told(figure: _Figure) -> Measure:
    before = figure.after if figure.before is None else figure.before
    return Measure(
        looked="known",
        what=safe(figure.name, 80),
        group="everyone",
        before=None if figure.before is None else rounded(figure.before),
        after=rounded(figure.after),
        moved=rounded(abs(figure.after - before)),
        because=f"the team's gate tells {safe(figure.name, 80)}",
    )


@contextmanager
def _room(fill: Fill) -> Iterator[Path]:
    """Write the rows of both sides into a directory that is gone afterwards, and lock it."""
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        room = Path(folder) / "rows"
        for side in ("candidate", "accepted"):
            (room / side).mkdir(parents=True)
            fill(room / side, side)
        _lock(room, _LISTED_ONLY, _READ_ONLY)
        try:
            yield room
        finally:
            _lock(room, 0o700, 0o600)


def _lock(room: Path, folders: int, files: int) -> None:
    room.chmod(0o700)
    for path in room.rglob("*"):
        path.chmod(0o700 if path.is_dir() else files)
    for path in (*room.rglob("*"), room):
        if path.is_dir():
            path.chmod(folders)


def _run(gate: Gate, room: Path) -> tuple[bytes, str]:
    """Run the program; return what it wrote, or why that does not count."""
    out = room.parent / "answer"
    with out.open("wb") as written:
        try:
            running = subprocess.Popen(  # noqa: S603  the policy, which people approved, names it
                [*gate.command, str(room)],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.DEVNULL,
                cwd=room,
                env={},
                start_new_session=True,
            )
        except OSError as error:
            return b"", f"it cannot be run: {error.strerror}"
        failure = _waited(running, gate.timeout)
    if failure:
        return b"", failure
    if out.stat().st_size > LARGEST:
        return b"", f"its answer is longer than {LARGEST} bytes"
    return out.read_bytes(), ""


def _waited(running: subprocess.Popen[bytes], most: timedelta) -> str:
    """Wait for the program to end; at the end of its time it and all it started are ended."""
    try:
        code = running.wait(most.total_seconds())
    except subprocess.TimeoutExpired:
        return f"it took longer than {most.total_seconds():g} s"
    finally:
        _end(running)
    return "" if code == 0 else f"it ended with exit code {code}"


def _end(running: subprocess.Popen[bytes]) -> None:
    """End the program's whole session, whatever it left running."""
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()
