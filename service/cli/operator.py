"""What an operator and an analyst run: `demo`, `backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from approvals.cli.command import Call, columns, command

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    command(root, "demo", example="quarantine demo --state .demo --fresh")(demo)
    tried = "quarantine backtest ratings.csv.gz --out tried --prequential 3,5,10"
    command(root, "backtest", example=tried)(backtest)


def demo(
    call: Call,
    *,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over: the demo's state directory is removed.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of the crowd's order and the ring.")] = 7,
) -> None:
    """Tell the whole story on real ratings: bus, quarantine, ring, votes, release, revocation."""
    from service.demo import tell
    from service.settings import State

    ended = tell(State(call.state), seed=seed, fresh=fresh, as_json=call.as_json)
    call.say(
        ended.document,
        [
            "",
            *columns(("", "without quarantine", "with quarantine"), ended.table),
            "",
            f"report: {ended.report}",
        ],
    )


def backtest(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="CSV or CloudEvents JSONL.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the answers go.")],
    gold: Annotated[
        Path | None, typer.Option("--gold", help="Known answers: CSV target,label.")
    ] = None,
    items: Annotated[
        Path | None, typer.Option("--items", help="What was judged: JSONL target and text.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option("--reference", help="CSV source[,until]: taken as released.")
    ] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="Budgets to bound with.")] = None,
    scope: Annotated[
        str | None, typer.Option("--scope", help="Only this scope; or the scope of rows without.")
    ] = None,
    prequential: Annotated[
        str,
        typer.Option("--prequential", help="Scores in force at these events of a source."),
    ] = "",
    pass_every: Annotated[
        int, typer.Option("--pass-every", min=1, help="Score again after so many events.")
    ] = 1000,
) -> None:
    """Run recorded feedback through the same detectors and policy as the service does."""
    from quarantine.errors import UsageError
    from service.backtest import BacktestOptions, run

    try:
        steps = tuple(sorted({int(step) for step in prequential.split(",") if step.strip()}))
    except ValueError:
        raise UsageError("--prequential takes numbers with commas between: 3,5,10") from None
    if steps and steps[0] < 1:
        raise UsageError("--prequential counts a source's events from 1")
    options = BacktestOptions(
        out=out,
        gold=gold,
        items=items,
        reference=reference,
        policy=policy,
        scope=scope,
        prequential=steps,
        pass_every=pass_every,
    )
    summary = run(files, options, progress=call.tell)
    call.say(summary, [f"{out / 'report.html'}", f"{out / 'dossiers.jsonl'}"])
