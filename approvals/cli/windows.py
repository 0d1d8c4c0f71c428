"""Held windows: `windows list`, and `windows clear` when a person has looked into one."""

from __future__ import annotations

import typer

from approvals.cli.command import Call, columns, command
from approvals.cli.sources import AsOption, BecauseOption, SignOption

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app,
        name="windows",
        help="Rushes on one target, held as a whole.",
        epilog="Example: quarantine windows list",
    )
    command(app, "list", example="quarantine windows list")(list_)
    signed = "--because 'a festival' --as ana --sign ana.pem"
    command(app, "clear", example=f"quarantine windows clear 3f2a90c1d4e5 {signed}")(clear)


def list_(call: Call) -> None:
    """List held windows, oldest first, with what came in them and why they are held."""
    from approvals.rushed import read_windows, window_id

    windows = read_windows(call.store)
    found = [
        {
            "window": window_id(each),
            **each.model_dump(mode="json"),
            "cleared_by": cleared.by if (cleared := windows.cleared.get(name)) else None,
        }
        for name, each in windows.held.items()
    ]
    heads = ("window", "since", "until", "scope", "target", "events", "cleared_by")
    rows = [[each[head] or "" for head in heads] for each in found]
    call.say(found, columns(heads, rows) if found else ["no window is held"])


def clear(
    call: Call,
    window: str,
    *,
    because: BecauseOption,
    by: AsOption,
    sign: SignOption,
) -> None:
    """Let a window go: what its sources' verdicts let pass may be asked for; the rest stays held.

    Sources that are on hold stay so; hold those that took part in bad faith first.
    """
    from approvals.rushed import clear_window
    from quarantine.safe import safe

    reviewer, signer = call.signed(by, sign)
    act = clear_window(
        call.store, window, because=because, by=reviewer, signer=signer, at=call.rim.now()
    )
    call.say({"window": act.window, "by": act.by}, [f"{safe(window)}: cleared, by {safe(by)}"])
