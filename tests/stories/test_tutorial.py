"""The tutorial is tried as a new reader would: its own lines, in order, in an empty directory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TUTORIAL = PROJECT / "docs" / "tutorial.md"
DEADLINE_S = 120
STEP = re.compile(
    r"^```sh( second terminal)?\n(.*?)^```$|^<!-- wait: (.*?) -->$",
    re.MULTILINE | re.DOTALL,
)


class Reader:
    """Somebody at a shell, doing what the page says."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            **os.environ,
            "HOME": str(home),
            "PROJECT": str(PROJECT),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def does(self, lines: str) -> str:
        """Run `lines` in a shell that keeps its variables; return what it printed."""
        kept = self.home / "variables"
        keep = f"if [ -v REQUEST ]; then declare -p REQUEST > {kept}; fi"
        script = f"set -e -o pipefail\ntouch {kept}\n. {kept}\n{lines}\n{keep}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (lines, done.stdout, done.stderr)
        return done.stdout

    def waits(self, line: str) -> None:
        """Try `line` until it succeeds."""
        deadline = time.monotonic() + DEADLINE_S
        while subprocess.run(
            ["bash", "-c", line],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            check=False,
        ).returncode:
            assert time.monotonic() < deadline, line
            time.sleep(0.3)

    @contextmanager
    def beside(self, lines: str) -> Iterator[None]:
        """Run `lines` in a second terminal until the end, then press Ctrl-C there."""
        with (self.home / "second").open("wb") as out:
            running = subprocess.Popen(
                ["bash", "-c", f"exec {lines}"],
                cwd=self.home,
                env=self.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            try:
                yield
                running.send_signal(signal.SIGINT)
                assert running.wait(DEADLINE_S) == 0
            finally:
                if running.poll() is None:
                    os.killpg(running.pid, signal.SIGKILL)
                    running.wait()


@pytest.mark.slow
def test_every_line_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    steps = [match.groups() for match in STEP.finditer(TUTORIAL.read_text())]
    first = next(n for n, (second, _, _) in enumerate(steps) if second)
    for _, lines, _ in steps[:first]:
        reader.does(lines)
    said = []
    with reader.beside(steps[first][1]):
        for _, lines, wait in steps[first + 1 :]:
            if wait:
                reader.waits(wait)
            else:
                said.append(reader.does(lines))
    held = next(each for each in said if "gathering" in each or "app/ring-14" in each)
    assert all(f"app/ring-{member}" in held for member in range(15))
    assert any("was not taken back" in each or "none of it was taken back" in each for each in said)
    assert any("mlflow:/teaching/1" in each for each in said)
    assert any("quarantine request make --replaces teaching@" in each for each in said)
