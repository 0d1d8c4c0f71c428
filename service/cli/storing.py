"""Looking after the store: `store show`, `store retire`."""

from __future__ import annotations

from typing import Annotated

import typer

from approvals.cli.command import Call, command, moment_of

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    shown = "quarantine store show"
    root.add_typer(app, name="store", help="The store itself.", epilog=f"Example: {shown}")
    command(app, "show", example=shown)(show)
    because = '--because "kept for a year"'
    retired = f"quarantine store retire --before 2026-01-01T00:00:00Z {because}"
    command(app, "retire", example=retired)(retire)


def show(call: Call) -> None:
    """Say where the store is and how much it holds; its owner brings it up to date by this."""
    from service import stores
    from service.settings import State

    call.begin()  # its owner makes the tables by this
    place = stores.shown(stores.location(State(call.state)))
    size, sources = call.store.size(), len(call.store.sources())
    call.say(
        {"store": place, "rows": size, "sources": sources},
        [f"{place}: {size} log rows, {sources} sources"],
    )


def retire(
    call: Call,
    *,
    before: Annotated[
        str, typer.Option("--before", metavar="TIME", help="All arrived before (RFC 3339).")
    ],
    because: Annotated[str, typer.Option("--because", help="Why, in a sentence.")],
) -> None:
    """Let go of the oldest events, whole partitions of a PostgreSQL at once; needs its owner.

    Who spoke, under which id, every leaf of the log and every act stay: proofs hold, figures are as
    they were, and what is heard again is a duplicate. Releases that were made stay as they are.
    """
    from quarantine.record import spell_time
    from service import retention

    until = moment_of("--before", before)
    signer = call.rim.role(call.state, "operator")
    done = retention.retire(call.store, signer, until, because, at=call.rim.now())
    call.say(
        {"first": done.first, "until": done.until, "before": spell_time(until)},
        [
            f"events at {done.first} to {done.until} of the log were let go"
            if done.until > done.first
            else f"no whole partition came before {spell_time(until)}"
        ],
    )
