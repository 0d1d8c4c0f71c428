"""Voting on a request (`approve`, `reject`, `withdraw`), each with the voter's own key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, command
from approvals.cli.sources import AsOption, BecauseOption, SignOption

if TYPE_CHECKING:
    from approvals.desk import Terms

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

RequestArgument = Annotated[
    str, typer.Argument(metavar="REQUEST", help="The request's id, as `request list` shows it.")
]
ReadOption = Annotated[
    Path | None,
    typer.Option("--read", metavar="FILE", help="What you read, from `request sample --json`."),
]
_SIGNED = "--as ben --sign ben.pem --because 'read the samples'"


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    command(root, "approve", example=f"quarantine approve 3f9ac2d41b07 {_SIGNED}")(approve)
    command(root, "reject", example=f"quarantine reject 3f9ac2d41b07 {_SIGNED}")(reject)
    command(root, "withdraw", example=f"quarantine withdraw 3f9ac2d41b07 {_SIGNED}")(withdraw)


def approve(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    request: RequestArgument,
    *,
    by: AsOption,
    sign: SignOption,
    because: BecauseOption,
    read: ReadOption = None,
) -> None:
    """Say yes to exactly these bytes under exactly this policy, with your own key."""
    vote(call, request, "approve", by=by, sign=sign, because=because, read=read)


def reject(
    call: Call,
    request: RequestArgument,
    *,
    by: AsOption,
    sign: SignOption,
    because: BecauseOption,
) -> None:
    """Say no to a request."""
    vote(call, request, "reject", by=by, sign=sign, because=because)


def withdraw(
    call: Call,
    request: RequestArgument,
    *,
    by: AsOption,
    sign: SignOption,
    because: BecauseOption,
) -> None:
    """Take your vote back; both stay in the log."""
    vote(call, request, "withdraw", by=by, sign=sign, because=because)


def vote(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    ref: str,
    decision: str,
    *,
    by: str,
    sign: str,
    because: str,
    read: Path | None = None,
) -> None:
    """Record one vote, and say where the request stands then."""
    from approvals.desk import cast, find_request, outcome
    from approvals.model import Decision
    from approvals.workflow import request_id

    with call.trying(decision, by=by, about=ref):
        request = find_request(call.store, ref)[1]
        terms = terms_of(call, by, sign)
        if read is not None:
            terms["read"] = _rows_read(read)
        cast(call.store, request, Decision(decision), because=because, **terms)
    now = outcome(call.store, ref, call.policy, call.roster, call.rim.now())
    call.say(
        {
            "request": request_id(request),
            "decision": decision,
            "by": terms["by"].person,
            "state": now.state.value,
            "reasons": list(now.reasons),
        },
        [f"{by}: {decision} {request_id(request)}; it is {now.state.value} now"],
    )


def terms_of(call: Call, by: str, sign: str) -> Terms:
    """Return on which terms the reviewer `by` acts now, with the key that `sign` names."""
    from approvals.desk import Terms

    reviewer, signer = call.signed(by, sign)
    return Terms(
        by=reviewer,
        signer=signer,
        policy=call.policy,
        roster=call.roster,
        at=call.rim.now(),
        nonce=call.rim.nonce(),
    )


def _rows_read(file: Path) -> tuple[int, ...]:
    """Read the log rows that somebody says they read: `request sample --json`, or its list."""
    from quarantine.errors import UsageError

    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        rows = said["read"] if isinstance(said, dict) else said
        return tuple(sorted({int(row) for row in rows}))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{file} is no list of log rows, as `request sample --json` says"
        ) from error
