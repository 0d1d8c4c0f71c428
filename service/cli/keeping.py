"""Keeping a state directory: `backup` while it is in use, and `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from approvals.cli.command import Call, command

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    command(root, "backup", example="quarantine backup /backups/2026-05-01")(backup)
    command(root, "restore", example="quarantine restore /backups/2026-05-01")(restore)


def backup(
    call: Call,
    out: Annotated[Path, typer.Argument(metavar="DIR", help="A directory to be made.")],
) -> None:
    """Copy store, keys and policy at one moment, while the service goes on; it holds private keys.

    The bus is not part of it: keep its append-only file with the means of Redis.
    """
    from service.backup import back_up
    from service.settings import State

    done = back_up(State(call.state), call.store, out, call.rim.now())
    call.say(
        {"directory": str(out), "rows": done.size, "root": done.root, "files": len(done.files)},
        [f"{done.size} log rows and {len(done.files)} files in {out}", f"root {done.root}"],
    )


def restore(
    call: Call,
    backup: Annotated[Path, typer.Argument(metavar="DIR", help="What `backup` wrote.")],
) -> None:
    """Put a backup back as the state directory, which must hold no store; the log is verified."""
    from service.backup import restore as put_back
    from service.settings import State

    done = put_back(backup, State(call.state))
    call.say(
        {"state": str(call.state), "rows": done.size, "root": done.root},
        [
            f"{done.size} log rows are back in {call.state}, as they were",
            "what came since is on the bus, or is reported as lost when intake runs",
        ],
    )
