"""Hooks are called at least once for each thing in the log, in its order, and hold up nobody."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from approvals.erase import confirm, propose
from approvals.lineage import consume
from approvals.model import Consumed
from approvals.releases import releases
from approvals.revoke import TakingBack, take_back
from quarantine.errors import UnavailableError, UsageError
from quarantine.model import Named, SourceKey
from service import premises
from service.calling import Caller, Calling, failing, memory_of
from service.hooks import Hook, call, read_hooks
from tests.gatehouse import Gatehouse
from tests.press import Printer
from tests.room import Room, terms_of

EVERY = ("release-published", "release-revoked", "current-changed", "events-erased")


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[Printer]:
    printer = Printer(Room(tmp_path))
    printer.room.crowd(8, 3)
    yield printer
    printer.room.store.close()


def heard(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def hook(file: Path, **more: object) -> Hook:
    given = {"name": "trainer", "command": ("tee", "-a", str(file)), "on": EVERY} | more
    return Hook.model_validate(given)


def caller(printer: Printer, told: Hook) -> Caller:
    return Caller(printer.room.store, told, printer.room.folder / "called" / f"{told.name}.json")


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("feedback.notice.").removesuffix(".v1") for event in events]


def back(printer: Printer, source: str) -> None:
    taking = TakingBack(
        source=SourceKey("app", source), because="sold", by="ana", at=printer.room.later()
    )
    take_back(printer.room.store, taking, printer.room.signers["ana"])


def test_what_is_released_taken_back_and_current_is_told_in_order(printer: Printer) -> None:
    file = printer.room.folder / "heard"
    told = caller(printer, hook(file))
    assert told.once(printer.room.at) == 0
    printer.print("first")
    (left,) = releases(printer.room.store)
    receipt = Consumed(
        at=printer.room.later(), name=left.record.name, manifest=left.record.manifest, model="m:/1"
    )
    consume(printer.room.store, receipt, printer.room.operator)
    assert told.once(printer.room.at) == 2
    back(printer, "rater/3")
    assert told.once(printer.room.at) == 2
    published, current, revoked, none = heard(file)
    assert kinds([published, current, revoked, none]) == [
        "release-published",
        "current-changed",
        "release-revoked",
        "current-changed",
    ]
    assert published["data"]["manifest"] == current["data"]["manifest"] == left.record.manifest
    held = {"release": left.record.name, "manifest": left.record.manifest, "rows": 3}
    assert (revoked["data"]["releases"], revoked["data"]["models"]) == ([held], ["m:/1"])
    assert (none["data"]["release"], none["data"]["before"]) == (None, left.record.manifest)
    assert told.once(printer.room.at) == 0
    assert caller(printer, hook(file)).once(printer.room.at) == 0
    assert len(heard(file)) == 4


def test_an_erasure_is_told_with_the_releases_that_hold_it(printer: Printer) -> None:
    file = printer.room.folder / "heard"
    printer.print("first")
    told = caller(printer, hook(file, on=("events-erased",)))
    named = Named(producer="app", source="rater/3")
    store = printer.room.store
    record, _ = propose(store, named, because="asked", **terms_of(printer.room, "ana"))
    confirm(store, record.digest, because="seen", **terms_of(printer.room, "ben"))
    assert told.once(printer.room.at) == 1
    (event,) = heard(file)
    assert event["subject"] == record.digest
    assert [each["rows"] for each in event["data"]["releases"]] == [3]


def test_a_new_hook_hears_what_is_current_and_not_the_past(printer: Printer) -> None:
    printer.print("first")
    file = printer.room.folder / "heard"
    assert caller(printer, hook(file)).once(printer.room.at) == 1
    assert kinds(heard(file)) == ["current-changed"]


def test_a_hook_that_fails_is_called_again_with_the_same_id_and_misses_nothing(
    printer: Printer,
) -> None:
    file, door = printer.room.folder / "heard", printer.room.folder / "open"
    script = (
        "import sys, pathlib; said = sys.stdin.read();"
        f"open({str(file)!r}, 'a').write(said);"
        f"sys.exit(0 if pathlib.Path({str(door)!r}).exists() else 'the door is shut')"
    )
    flaky = hook(file, command=(sys.executable, "-S", "-c", script))
    told = caller(printer, flaky)
    told.once(printer.room.at)
    printer.print("first")
    for tries in (1, 2):
        with pytest.raises(UnavailableError, match="trainer ended with 1: the door is shut"):
            told.once(printer.room.at)
        assert (told.called.tries, told.called.failed is not None) == (tries, True)
    again = caller(printer, flaky)
    assert again.called.tries == 2
    door.touch()
    assert again.once(printer.room.at) == 2
    assert again.called.failed is None
    found = heard(file)
    assert kinds(found) == ["release-published"] * 3 + ["current-changed"]
    assert len({event["id"] for event in found[:3]}) == 1


def test_what_is_current_is_told_even_where_only_that_call_failed(printer: Printer) -> None:
    file = printer.room.folder / "heard"
    shut = hook(file, on=("current-changed",), command=("false",))
    printer.print("first")
    with pytest.raises(UnavailableError):
        caller(printer, shut).once(printer.room.at)
    assert caller(printer, hook(file, on=("current-changed",))).once(printer.room.at) == 1


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = (
        "import os, time\nchild = os.fork()\n"
        f"open({str(pid)!r}, 'a').write(f'{{os.getpid()}} ')\ntime.sleep(600)"
    )
    command = (sys.executable, "-S", "-c", script)
    for seconds in (2, 8, 32):  # on a busy machine it may not have begun within the first
        slow = hook(tmp_path / "x", command=command, timeout=f"{seconds}s")
        with pytest.raises(UnavailableError, match=f"took over 0:00:{seconds:02}"):
            call(slow, b"{}")
        pids = [int(each) for each in pid.read_text().split()] if pid.exists() else []
        if len(pids) > 1:
            break
    assert len(pids) > 1, "it started another one"
    deadline = time.monotonic() + 30
    while any(_alive(each) for each in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_command_sees_no_environment_of_ours_and_no_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    out = tmp_path / "out"
    script = f"import os; open({str(out)!r}, 'w').write(repr(sorted(os.environ)))"
    call(hook(out, command=(sys.executable, "-S", "-c", script)), b"{}")
    assert set(json.loads(out.read_text().replace("'", '"'))) <= {
        "PATH",
        "QUARANTINE_HOOK",
        "LC_CTYPE",
    }
    with pytest.raises(UnavailableError, match="cannot be run"):
        call(hook(out, command=("echo a; touch b",)), b"{}")


GOOD = """
[[hook]]
name = "trainer"
command = ["true"]
on = ["release-revoked"]
timeout = "5s"
"""


def test_a_file_of_hooks_is_read_strictly_and_only_where_nobody_else_may_write_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "hooks.toml"
    assert read_hooks(file) == ()
    file.write_text(GOOD)
    file.chmod(0o600)
    (found,) = read_hooks(file)
    assert (found.name, found.timeout) == ("trainer", timedelta(seconds=5))
    for text, said in (
        (GOOD.replace("release-revoked", "anything"), "hook.0.on"),
        (GOOD.replace('["true"]', "[]"), "command"),
        (GOOD.replace("trainer", "../x"), "name"),
        (GOOD + GOOD, "one name"),
        ("[[hook", "hooks.toml"),
        (GOOD + 'shell = "yes"', "shell"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=said):
            read_hooks(file)
    file.write_text(GOOD)
    file.chmod(0o620)
    with pytest.raises(UsageError, match="written by others"):
        read_hooks(file)


def test_hooks_run_beside_the_loop_and_doctor_names_those_that_fail(tmp_path: Path) -> None:
    gate = Gatehouse(tmp_path)
    state, file = gate.state, tmp_path / "heard"
    state.hooks.write_text(
        GOOD.replace("trainer", "shut").replace('["true"]', '["false"]')
        + GOOD.replace('["true"]', json.dumps(["tee", "-a", str(file)]))
    )
    state.hooks.chmod(0o600)
    assert premises.examine(state)["hooks"] == []
    with Calling(state):
        wait_for(lambda: all(memory_of(state, each).exists() for each in read_hooks(state.hooks)))
        gate.run("revoke", "--source", "app/rater/3", *gate.signed("ana"))
        wait_for(lambda: kinds(heard(file)) == ["release-revoked"] and any(failing(state)))
    (doubt,) = premises.examine(state)["hooks"]
    assert "hook shut ended with 1" in doubt.because
    memory_of(state, read_hooks(state.hooks)[0]).write_text("{}")
    (doubt,) = premises.examine(state)["hooks"]
    assert "are no Called" in doubt.because
    state.hooks.chmod(0o666)
    (doubt,) = premises.examine(state)["hooks"]
    assert "written by others" in doubt.because


def wait_for(happened: Any) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, os.getpid()
        time.sleep(0.02)
