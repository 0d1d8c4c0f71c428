"""The supervisor: what dies is started again, and nothing outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.faults.asking import answer, children, free_place, role_of

DEADLINE_S = 120
Found = TypeVar("Found")


def until(what: Callable[[], Found]) -> Found:
    """Return what is found once it is something, looking again and again."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
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
    def intakes() -> list[int]:
        return [pid for pid in children(up.pid) if "roles.intake" in role_of(pid)]

    (intake,) = until(intakes)
    os.kill(intake, signal.SIGKILL)
    until(lambda: len(now := intakes()) == 1 and now != [intake])


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


@linux
def test_a_second_one_on_the_same_state_is_refused_and_a_single_role_is_not(
    up: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    command = [QUARANTINE, "up", "--state", str(tmp_path / "state")]
    second = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (second.returncode, second.stdout) == (2, "")
    assert f"process {up.pid} keeps the bus of" in second.stderr
    assert len(children(up.pid)) == 4, "the first goes on"
    role = subprocess.Popen([*command, "--only", "intake"])
    try:
        until(
            lambda: (
                [role_of(pid) for pid in children(role.pid) if "roles.intake" in role_of(pid)] != []
            )
        )
        role.send_signal(signal.SIGTERM)
        assert role.wait(DEADLINE_S) == 0
    finally:
        role.kill()
        role.wait()
    assert len(children(up.pid)) == 4


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
