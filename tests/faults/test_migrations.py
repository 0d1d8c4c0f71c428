"""SIGKILL while a store is made or brought to the newest schema: the next start finishes it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quarantine.stores.sqlite import STORE
from tests.holding import entry, made_older, said

OPENING = """
import os, signal, sqlite3, sys
connect, left = sqlite3.connect, int(sys.argv[2])

class Mortal(sqlite3.Connection):
    def execute(self, sql, *values):
        global left
        if not sql.startswith("PRAGMA"):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(sql, *values)

sqlite3.connect = lambda *given, **named: connect(*given, **named, factory=Mortal)
from quarantine.stores.sqlite import STORE
STORE(sys.argv[1]).close()
"""


def _opened(file: Path, dying_at: int) -> int:
    """Open the store in a process that dies at its n-th statement; return how that ended."""
    return subprocess.run(
        [sys.executable, "-c", OPENING, str(file), str(dying_at)], check=False
    ).returncode


def _made_old(file: Path) -> None:
    """Make a store that has rows, and was last opened before the figures were kept."""
    with STORE(str(file)) as store:
        store.take([entry(number, said(str(number))) for number in (1, 2, 5)])
    made_older(file, "0005_tallies.sql")


@pytest.mark.slow
@pytest.mark.parametrize("old", [True, False], ids=["old", "new"])
def test_t22_a_store_whose_schema_was_being_changed_is_opened_again(
    tmp_path: Path, say: Callable[[str], None], *, old: bool, soak: bool
) -> None:
    kills = step = 0
    stride = 1 if soak else 3 if old else 14
    while True:
        step += stride
        file = tmp_path / f"{step}" / "store.db"
        if old:
            _made_old(file)
        code = _opened(file, step)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
        with STORE(str(file)) as store:
            assert list(store.verify()) == []
            store.take([entry(7, said("7"))])
            assert store.counts()["app"].stored == (4 if old else 1)
            assert store.spans("app") == ([(1, 2), (5, 5), (7, 7)] if old else [(7, 7)])
    assert kills >= 3
    say(f"{kills} kills while the schema of a store was changed")
