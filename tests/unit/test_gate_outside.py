"""The team's own gate: a program that answers in JSON, in time, and cannot touch anything else."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from approvals.conditions import Gate
from approvals.gate import Answer
from approvals.outside import ask

SAYING_YES = """
print('{"passed": true, "summary": "fine\\\\u202e", "figures": [{"name": "a", "after": 0.5}]}')
"""


def asked(folder: Path, program: str, *, seconds: float = 20) -> Answer:
    file = folder / "gate.py"
    file.write_text(program)
    command = (sys.executable, "-I", str(file), "--strict")
    gate = Gate(
        name="g",
        scopes=("*",),
        kinds=("*",),
        command=command,
        timeout="30s",  # type: ignore[arg-type]  # spelled as a policy does
    ).model_copy(update={"timeout": timedelta(seconds=seconds)})
    return ask(gate, _fill)[0]


def _fill(folder: Path, side: str) -> None:
    (folder / "rows.jsonl").write_text(json.dumps({"side": side}) + "\n")


def test_its_yes_is_told_with_what_it_says(tmp_path: Path) -> None:
    answer = asked(tmp_path, SAYING_YES)
    assert answer.passed
    assert (answer.failure, answer.measures, answer.summary) == ("", 1, "fine<U+202E>")
    assert len(answer.answer) == 64


def test_it_sees_both_sides_no_environment_and_nothing_it_can_write(tmp_path: Path) -> None:
    answer = asked(
        tmp_path,
        """
import json, os, sys
room = sys.argv[-1]
seen = {side: open(f"{room}/{side}/rows.jsonl").read() for side in ("candidate", "accepted")}
known = set(os.environ) - {"LC_CTYPE"}
modes = {oct(os.stat(f"{room}/{name}").st_mode & 0o777) for name in
         ("candidate/rows.jsonl", "accepted/rows.jsonl")}
folders = {oct(os.stat(path).st_mode & 0o777) for path in (room, f"{room}/candidate")}
ok = (all(side in text for side, text in seen.items()) and not known and sys.argv[1] == "--strict"
      and modes == {"0o400"} and folders == {"0o500"} and os.getcwd() == os.path.realpath(room))
print(json.dumps({"passed": ok, "summary": f"{known} {modes} {folders} {sys.argv}"}))
""",
    )
    assert answer.passed, answer


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("print('no json')", "not as asked"),
        ('print(\'{"passed": "true"}\')', "not as asked"),
        ('print(\'{"passed": true, "passing": true}\')', "not as asked"),
        ('print(\'{"passed": true, "figures": [{"name": "a", "after": NaN}]}\')', "as asked"),
        ("", "not as asked"),
        ("print('{\"passed\": true}'); raise SystemExit(3)", "exit code 3"),
        ("print('{\"passed\": true, \"summary\": \"' + 'x' * 2**21 + '\"}')", "longer than"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
    ],
)
def test_what_it_does_not_answer_as_asked_is_a_no(tmp_path: Path, program: str, why: str) -> None:
    answer = asked(tmp_path, program)
    assert not answer.passed
    assert why in answer.failure


def test_a_no_is_a_no(tmp_path: Path) -> None:
    answer = asked(tmp_path, 'print(\'{"passed": false, "summary": "worse on our suite"}\')')
    assert (answer.passed, answer.failure, answer.summary) == (False, "", "worse on our suite")


def test_who_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    marker = tmp_path / "alive"
    answer = asked(
        tmp_path,
        f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(600)"])
open({str(marker)!r}, "w").write("started")
time.sleep(600)
""",
        seconds=3,
    )
    assert not answer.passed
    assert "longer than 3 s" in answer.failure


def test_a_program_that_is_not_there_is_a_no(tmp_path: Path) -> None:
    gate = Gate(name="g", scopes=("*",), kinds=("*",), command=(str(tmp_path / "none"),))
    answer, figures = ask(gate, _fill)
    assert (answer.passed, figures) == (False, [])
    assert "cannot be run" in answer.failure
