"""SIGKILL at any statement of an erasure: it is done or it is not, and the log verifies."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quarantine.model import Named
from quarantine.stores.sqlite import STORE
from tests.holding import entry, said

SECRET = b"what-must-not-be-found-again"
ERASING = """
import os, signal, sqlite3, sys
connect, left = sqlite3.connect, None

class Mortal(sqlite3.Connection):
    def execute(self, sql, *values):
        global left
        if left is not None:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(sql, *values)

sqlite3.connect = lambda *given, **named: connect(*given, **named, factory=Mortal)
from quarantine.model import Act, Named
from quarantine.stores.sqlite import STORE
with STORE(sys.argv[1]) as store:
    left = int(sys.argv[2])
    store.erase(Act("erased", 9, b"by two"), store.find(Named(source="rater/1")))
"""


def _filled(file: Path) -> None:
    with STORE(str(file)) as store:
        bodies = [b'{"said": "%s"}' % (SECRET if n % 3 == 1 else b"nothing") for n in range(9)]
        events = [said(f"e{n}", source=f"rater/{n % 3}", body=bodies[n]) for n in range(9)]
        store.take([entry(1, *events)])


def _killed(file: Path, at: int) -> int:
    command = [sys.executable, "-c", ERASING, str(file), str(at)]
    return subprocess.run(command, check=False).returncode


@pytest.mark.slow
def test_an_erasure_that_is_killed_is_whole_or_was_never_begun(
    tmp_path: Path, say: Callable[[str], None], *, soak: bool
) -> None:
    kills = done = step = 0
    while True:
        step += 1 if soak else 4
        file = tmp_path / f"{step}" / "store.db"
        _filled(file)
        code = _killed(file, step)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
        with STORE(str(file)) as store:
            assert list(store.verify()) == []
            indexes = store.find(Named(source="rater/1"))
            whole = [SECRET in held.body for held in store.held(indexes)]
            assert len(set(whole)) == 1, "some of it is erased and some is not"
            assert bool(store.erased()) == (not whole[0])
            done += not whole[0]
            store.scrub()
        found = [each.name for each in file.parent.iterdir() if SECRET in each.read_bytes()]
        assert bool(found) == whole[0]
    assert kills >= 3
    assert done >= 1, "none was killed between the erasure and the cleaning of the files"
    say(f"{kills} kills during an erasure, {done} of them once it was done")
