"""Hooks: commands that tell training systems what was released, taken back or erased.

`hooks.toml` in the state directory names them, each as a list of words that no shell reads:

    [[hook]]
    name = "retrain"
    command = ["/usr/local/bin/tell-the-trainer"]
    on = ["release-published", "release-revoked", "current-changed", "events-erased"]
    timeout = "30s"

A command gets one CloudEvent (JSON) on standard input. It is called at least once for each, in the
order of the log; the event's `id` is the same each time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from approvals.electorate import Duration, Part
from quarantine.errors import UnavailableError, UsageError

Occasion = Literal["release-published", "release-revoked", "current-changed", "events-erased"]
_Name = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
_LONGEST: Final = 300
_KILLED_S: Final = 5


class Hook(Part):
    """One command, on what occasions it is called, and how long it may take."""

    name: _Name
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    on: Annotated[tuple[Occasion, ...], Field(min_length=1)]
    timeout: Duration = timedelta(seconds=30)


class _File(Part):
    hook: tuple[Hook, ...] = ()


def read_hooks(file: Path) -> tuple[Hook, ...]:
    """Return the hooks that `file` names, none where it is not there.

    Raises `UsageError` for a file that others may write, is no TOML, or says what nobody knows.
    """
    try:
        with file.open("rb") as opened:
            _require_own(file, os.fstat(opened.fileno()))
            found = _File.model_validate_json(json.dumps(tomllib.load(opened), default=str))
    except FileNotFoundError:
        return ()
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{file}: {where}: {first['msg']}") from error
    names = [hook.name for hook in found.hook]
    if len(set(names)) != len(names):
        raise UsageError(f"{file}: two hooks have one name")
    return found.hook


def _require_own(file: Path, found: os.stat_result) -> None:
    """Refuse a file by which somebody else could have us run what they like."""
    if found.st_uid not in (0, os.getuid()) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UsageError(f"{file} may be written by others: chmod 600, and own it")


def call(hook: Hook, event: bytes) -> None:
    """Run the command of `hook` once, with `event` on its standard input.

    It sees no environment but `PATH` and `QUARANTINE_HOOK`, its own name. Raises
    `UnavailableError` when it cannot be run, takes too long or ends with another code than 0, with
    the end of what it wrote on standard error.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as told:
        given.write(event + b"\n")
        given.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603  the operator names it, no shell reads it
                hook.command,
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=told,
                cwd="/",
                env=_environment(hook),
                start_new_session=True,
            )
        except OSError as error:
            raise UnavailableError(f"hook {hook.name} cannot be run: {error}") from error
        code = _ended(process, hook.timeout.total_seconds())
        if code != 0:
            how = f"ended with {code}" if code is not None else f"took over {hook.timeout}"
            told.seek(max(0, told.seek(0, os.SEEK_END) - _LONGEST))
            said = told.read(_LONGEST).decode("utf-8", "replace").strip()
            raise UnavailableError(f"hook {hook.name} {how}{': ' if said else ''}{said}")


def _environment(hook: Hook) -> Mapping[str, str]:
    return {"PATH": os.defpath, "QUARANTINE_HOOK": hook.name}


def _ended(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Wait for the end; whoever takes longer is ended with all that it started. Absent then."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # the kernel is still at it
            process.wait(_KILLED_S)
        return None
