"""Commands run in this process, as a shell would run them: what they say, and their exit code."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from service.cli import main


class Said(NamedTuple):
    """What a command wrote on each stream, and its exit code."""

    out: str
    err: str
    code: int

    @property
    def both(self) -> str:
        """Return all that it wrote."""
        return self.out + self.err


@dataclass
class Shell:
    """Runs commands on one state directory; nothing in it is a terminal."""

    state: Path

    def run(self, *words: str, typed: str = "") -> Said:
        """Run one command, with `typed` on its standard input."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        before = sys.argv, sys.stdin
        sys.argv = ["quarantine", *words, "--state", str(self.state)]
        sys.stdin = io.StringIO(typed)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.argv, sys.stdin = before
        return Said(out.getvalue(), err.getvalue(), code)
