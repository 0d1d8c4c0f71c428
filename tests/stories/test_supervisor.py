"""The supervisor: what dies is started again, and nothing outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.asking import answer, free_place

DEADLINE_S = 30


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def role_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


QUARANTINE = str(Path(sys.executable).parent / "quarantine")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen([QUARANTINE, "up", "--state", str(tmp_path / "state")])
    try:
        until(lambda: len(children(running.pid)) == 4)
        yield running
    finally:
        running.kill()
        running.wait()


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
def test_a_role_that_dies_is_started_again(up: subprocess.Popen[bytes]) -> None:
    (intake,) = [pid for pid in children(up.pid) if "roles.intake" in role_of(pid)]
    os.kill(intake, signal.SIGKILL)

    def again() -> bool:
        now = [pid for pid in children(up.pid) if "roles.intake" in role_of(pid)]
        return len(now) == 1 and now != [intake]

    until(again)


@linux
def test_no_process_outlives_the_supervisor_however_it_dies(up: subprocess.Popen[bytes]) -> None:
    started = children(up.pid)
    up.send_signal(signal.SIGKILL)
    up.wait()
    until(lambda: not any(alive(pid) for pid in started))


@linux
def test_told_to_stop_it_ends_with_0_and_leaves_nothing(up: subprocess.Popen[bytes]) -> None:
    started = children(up.pid)
    up.send_signal(signal.SIGTERM)
    assert up.wait(DEADLINE_S) == 0
    assert not any(alive(pid) for pid in started)


def test_it_answers_whether_all_is_ready_where_it_is_told_to(tmp_path: Path) -> None:
    place = free_place()
    command = [QUARANTINE, "up", "--state", str(tmp_path / "state"), "--http", place]
    running = subprocess.Popen(command)
    try:
        until(lambda: answer(place, "readyz") == 200)
        assert answer(place, "livez") == 200
        running.send_signal(signal.SIGTERM)
        assert running.wait(DEADLINE_S) == 0
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize("words", [["--http", "nowhere"], ["--only", "nobody"]])
def test_what_cannot_answer_is_refused_before_anything_starts(
    words: list[str], tmp_path: Path
) -> None:
    command = [QUARANTINE, "up", "--state", str(tmp_path / "state"), *words]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 2
