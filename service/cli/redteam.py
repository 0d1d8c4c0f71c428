"""The attack catalogue against this very build: `redteam`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from approvals.cli.command import Call, columns, command

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

_FAILING = ("got-through", "not-tried")


def register(root: typer.Typer) -> None:
    """Add this command to `root`."""
    example = "quarantine redteam --only A1,D --out scorecard --fail-on got-through"
    command(root, "redteam", example=example)(redteam)


def redteam(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    *,
    only: Annotated[
        str, typer.Option("--only", metavar="IDS", help="These alone: A1,D1 or a class: A,D.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all the chance there is.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write the scorecard there.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Less of each, the slow ones not.")
    ] = False,
    fail_on: Annotated[
        str, typer.Option("--fail-on", help="Exit 5 for this result: got-through or not-tried.")
    ] = "",
) -> None:
    """Try the attack catalogue on this build and print the scorecard; your own state is not opened.

    Every row is a real trial of the installed code, in a private directory with a bus of its own,
    which goes away afterwards. Attacks that get through are told as such. Exits 0 when it ran,
    whatever it found, unless `--fail-on` names a result: then 5 when an attack had it (`not-tried`
    counts what got through as well).
    """
    from quarantine.errors import UsageError
    from service import stores
    from service.redteam.running import chosen, run
    from service.redteam.scorecard import Scorecard, write
    from service.settings import State

    stores.require_own(State(call.state / "redteam"))  # trials are a directory each, as this is
    if fail_on and fail_on not in _FAILING:
        raise UsageError(f"--fail-on is {' or '.join(_FAILING)}")
    entries = chosen(only.split(","))
    rows = run(entries, seed=seed, quick=quick, tell=call.tell)
    card = Scorecard(rows, call.rim.now(), seed, quick)
    files = write(card, out) if out else []
    table = [(row.id, row.result.value, row.attack[:40], row.measured[:110]) for row in rows]
    call.say(
        card.document(),
        [
            *columns(("id", "result", "attack", "measured"), table),
            card.summary(),
            *(f"written: {file}" for file in files),
        ],
    )
    bad = {"got-through": ("got through",), "not-tried": ("got through", "not tried")}
    if any(row.result.value in bad.get(fail_on, ()) for row in rows):
        raise typer.Exit(5)
