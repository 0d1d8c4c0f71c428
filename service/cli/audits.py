"""What an auditor runs: `audit verify`, `prove`, `checkpoint`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, command

if TYPE_CHECKING:
    from approvals.checkpoint import Checkpoint

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

_SHOWN = 20


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app,
        name="audit",
        help="The log: nothing edited, dropped or moved.",
        epilog="Example: quarantine audit verify",
    )
    command(app, "verify", example="quarantine audit verify")(verify)
    command(app, "prove", example="quarantine audit prove 4711 --json")(prove)
    command(app, "checkpoint", example="quarantine audit checkpoint")(checkpoint)


def verify(call: Call) -> None:
    """Recompute the whole log from its rows; exit 5 names what is not what it was."""
    from approvals.audit import audit
    from quarantine.errors import TamperedError
    from service import wiring
    from service.settings import State

    state = State(call.state)
    problems = audit(call.store, witness=state.witness, roles=wiring.role_publics(state))
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise TamperedError("the log does not verify: " + "; ".join(problems[:_SHOWN]) + more)
    size = call.store.size()
    call.say(
        {"rows": size, "root": call.store.frontier(size).root().hex(), "problems": []},
        [f"{size} rows, every one as it was logged"],
    )


def prove(
    call: Call,
    row: Annotated[int, typer.Argument(metavar="ROW", min=0, help="A log index.")],
) -> None:
    """Prove that one row stands in the log, under a checkpoint that is signed now."""
    from approvals.receipt import audit_path
    from approvals.receipt import prove as proven
    from service import wiring
    from service.settings import State

    signed = _sign(call)
    note = call.store.checkpoints()[-1][1]
    receipt = proven(call.store, row, note, wiring.role_publics(State(call.state)))
    call.say(
        receipt.model_dump(mode="json") | {"path": audit_path(receipt, signed.size)},
        [
            f"row {row}: leaf {receipt.leaf}",
            f"{len(receipt.nodes)} nodes lead to {signed.root.hex()} over {signed.size} rows",
            *receipt.checkpoint.splitlines(),
        ],
    )


def checkpoint(call: Call) -> None:
    """Sign the log as it is now, and give the checkpoint to the witness."""
    signed = _sign(call)
    note = call.store.checkpoints()[-1][1].decode()
    call.say(
        {
            "origin": signed.origin,
            "size": signed.size,
            "root": signed.root.hex(),
            "note": note,
        },
        note.splitlines(),
    )


def _sign(call: Call) -> Checkpoint:
    from approvals.audit import sign_checkpoint
    from service.settings import State

    return sign_checkpoint(
        call.store,
        call.rim.role(call.state, "releasing"),
        origin=call.rim.origin(call.state),
        witness=State(call.state).witness,
    )
