"""SIGKILL at any step of a release: there is none, or a complete one that a stranger verifies."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from approvals import release as releasing
from approvals.audit import audit
from approvals.model import Request
from approvals.release import make
from approvals.releases import releases
from quarantine.stores.sqlite import SqliteStore
from tests.press import Printer
from tests.room import Room

WATCHED = ("open", "os.", "shutil.", "tempfile.", "fcntl.")


class Doom:
    """What ends a process at its n-th step: a statement, a file opened, named, synced, signed."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def passes(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Count every step from now on; for a process that ends soon, because nothing unhooks."""
        connect, sync, sign, doom = sqlite3.connect, os.fsync, releasing.sign_manifest, self

        class Mortal(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                doom.passes()
                return super().execute(sql, *values)

        def before(step: Callable[..., Any]) -> Callable[..., Any]:
            def passing(*given: Any, **named: Any) -> Any:
                doom.passes()
                return step(*given, **named)

            return passing

        def connecting(*given: Any, **named: Any) -> sqlite3.Connection:
            return connect(*given, **named, factory=Mortal)

        sqlite3.connect = connecting  # type: ignore[assignment]
        os.fsync = before(sync)  # type: ignore[assignment]
        releasing.sign_manifest = before(sign)
        sys.addaudithook(lambda name, _: self.passes() if name.startswith(WATCHED) else None)


@pytest.fixture
def printer(tmp_path: Path) -> Printer:
    (tmp_path / "room").mkdir()
    printer = Printer(Room(tmp_path / "room"))
    printer.room.crowd(8, 3)
    return printer


def killed(printer: Printer, request: Request, folder: Path, step: int) -> int:
    """Make a release in a process of its own that dies at this step; return how it ended."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            Doom(step).watch()
            printer.room.store = SqliteStore(folder / "store.db")
            make(request.digest, folder / "release", printer.press())
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class After(NamedTuple):
    """What a killed release left: whether the log knew of it, and whether it was out."""

    known: int
    out: bool


def after(printer: Printer, request: Request, folder: Path) -> After:
    """Look at what a killed release left, and let the next run end it."""
    with SqliteStore(folder / "store.db") as store:
        printer.room.store = store
        out = folder / "release"
        found = After(len(releases(store)), out.exists())
        assert audit(store, roles=printer.roles) == []
        assert found.known >= found.out, "a directory that the log does not know"
        printer.publish()
        if not found.out:
            assert printer.make(request, out).again == bool(found.known)
        printer.verify(out)
    left = {each.name for each in folder.iterdir() if not each.name.startswith("store.db")}
    assert left == {"release"}
    return found


@pytest.mark.slow
def test_a_release_that_is_killed_is_none_or_whole_and_the_next_run_makes_it(
    printer: Printer, tmp_path: Path, say: Callable[[str], None], *, soak: bool
) -> None:
    request = printer.approved()
    printer.room.store.close()
    found, step, at = list[After](), 0, printer.room.at
    while True:
        step += 1 if soak else 11
        printer.room.at = at  # each is the first there is: no request grows old by the others
        folder = tmp_path / f"{step}"
        folder.mkdir()
        shutil.copyfile(printer.room.folder / "store.db", folder / "store.db")
        code = killed(printer, request, folder, step)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        found.append(after(printer, request, folder))
    assert len(found) >= 10
    known, out = (sum(each) for each in zip(*found, strict=True))
    assert known >= 1, "none was killed once the log knew of it"
    say(f"{len(found)} kills during a release, {known} once the log knew, {out} once it was out")
