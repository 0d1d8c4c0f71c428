"""Hidden known answers: `gold add`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from approvals.cli.command import Call, command

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app,
        name="gold",
        help="Hidden known answers that sources are tested by.",
        epilog="Example: quarantine gold add answers.csv",
    )
    command(app, "add", example="quarantine gold add answers.csv")(add)


def add(
    call: Call, file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV target,label.")]
) -> None:
    """Add known answers; of a target that has one already the new one counts."""
    from approvals.attest import act_of
    from approvals.gold import gold_acts
    from quarantine.errors import UsageError
    from quarantine.safe import safe
    from service.backtest.known import read_gold

    answers = read_gold(file)
    if not answers:
        raise UsageError(f"{safe(file.name)} holds no known answer: columns target,label")
    call.begin()
    signer = call.rim.role(call.state, "operator")
    call.store.record([act_of(act, signer) for act in gold_acts(answers, call.rim.now())])
    call.say(
        {"answers": len(answers)}, [f"{len(answers)} known answers: the next scoring asks by them"]
    )
