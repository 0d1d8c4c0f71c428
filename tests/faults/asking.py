"""Asking whether an intake process is alive and ready, as a supervisor does."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.cluster import free_port
from tests.producing import PATIENCE_S, Site


def free_place() -> str:
    """Return an address that nobody answers at, nor will but who is told."""
    return f"127.0.0.1:{free_port()}"


@contextmanager
def answering(site: Site) -> Iterator[tuple[str, Path]]:
    """Run the process that answers for the intake of `site`; yield its address, and where to tell.

    It reaches store and bus whatever becomes of the intake's own way to them.
    """
    place = free_place()
    with tempfile.TemporaryDirectory() as apart:
        listener = Path(apart) / "bulletins"
        words = ["--state", str(site.state.root), "--bus", site.url, "--http", place]
        words += ["--listen", str(listener), "--role", "intake"]
        process = subprocess.Popen([sys.executable, "-m", "service.roles.http", *words])
        try:
            yield place, listener
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()


def answer(place: str, question: str) -> int:
    """Return the status that is answered, 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{place}/{question}", timeout=5) as answered:
            return int(answered.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def role_of(pid: int) -> str:
    """Return with which words a process runs; none where it is gone by now."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
