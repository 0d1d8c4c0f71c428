"""The command line as its users run it: a process of its own, what it prints, how it ends."""

from __future__ import annotations

import subprocess
import sys
from typing import Final, NamedTuple

_MAIN: Final = "from service.cli import main; main()"
_PATIENCE_S: Final = 120


class Said(NamedTuple):
    """What a command printed on both outputs, and its exit code."""

    printed: bytes
    code: int


def said(*words: str) -> Said:
    """Run `quarantine` with these words in a new process of this interpreter, asking nobody."""
    return run_alone(_MAIN, *words)


def run_alone(program: str, *words: str) -> Said:
    """Run a few lines of Python in a new process of this interpreter."""
    done = subprocess.run(  # noqa: S603  our own interpreter and words
        [sys.executable, "-c", program, *words],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=_PATIENCE_S,
        check=False,
    )
    return Said(done.stdout + done.stderr, done.returncode)
