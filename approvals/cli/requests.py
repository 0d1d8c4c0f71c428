"""Asking for a release (`request make`, `list`, `show`) and voting on it (`approve`, …)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command
from approvals.cli.sources import AsOption, BecauseOption, SignOption

if TYPE_CHECKING:
    from approvals.model import Request

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

RequestArgument = Annotated[
    str, typer.Argument(metavar="REQUEST", help="The request's id, as `request list` shows it.")
]
_SIGNED = "--as ben --sign ben.pem --because 'read the samples'"


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app, name="request", help="Ask for events to leave.", epilog="Example: request list"
    )
    made = "quarantine request make --scope helpful --kind rating --as ana --sign ana.pem"
    command(app, "make", example=made)(make)
    command(app, "list", example="quarantine request list --json")(list_)
    command(app, "show", example="quarantine request show 3f9ac2d41b07")(show)
    command(root, "approve", example=f"quarantine approve 3f9ac2d41b07 {_SIGNED}")(approve)
    command(root, "reject", example=f"quarantine reject 3f9ac2d41b07 {_SIGNED}")(reject)
    command(root, "withdraw", example=f"quarantine withdraw 3f9ac2d41b07 {_SIGNED}")(withdraw)


def make(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    *,
    scope: Annotated[str, typer.Option("--scope", help="The dataset it would change.")],
    kind: Annotated[str, typer.Option("--kind", help="rating, label, preference, …")],
    by: AsOption,
    sign: SignOption,
    until: Annotated[
        str | None, typer.Option("--until", help="Only what arrived before (RFC 3339).")
    ] = None,
    purpose: Annotated[str, typer.Option("--purpose", help="What it is for.")] = "training",
) -> None:
    """Freeze, by Merkle root, the events that policy and budgets allow; ask for their release."""
    from approvals.desk import make_request
    from approvals.workflow import request_id
    from quarantine.envelope import moment

    reviewer, signer = call.signed(by, sign)
    at = call.rim.now()
    request, _, choice = make_request(
        call.store,
        scope=scope,
        kind=kind,
        until=moment(until) if until else at,
        by=reviewer,
        signer=signer,
        policy=call.policy,
        roster=call.roster,
        at=at,
        purpose=purpose,
        nonce=call.rim.nonce(),
    )
    document = {
        "request": request_id(request),
        **request.model_dump(mode="json"),
        "left_out": dict(choice.left_out),
    }
    left = ", ".join(f"{count} {reason}" for reason, count in sorted(choice.left_out.items()))
    call.say(
        document,
        [
            f"request {request_id(request)}: {request.rows} events",
            f"of {request.sources} sources in {request.clusters} clusters",
            f"left out: {left or 'none'}",
        ],
    )


def list_(
    call: Call,
    *,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
) -> None:
    """List requests, newest first, with what they ask for and where they stand."""
    from approvals.desk import outcome, requests
    from approvals.model import State
    from approvals.workflow import request_id

    rows = []
    for index, request in requests(call.store):
        found = outcome(call.store, str(index), call.policy, call.roster, call.rim.now())
        if every or found.state in {State.PENDING, State.APPROVED}:
            rows.append(
                {
                    "request": request_id(request),
                    "scope": request.scope,
                    "kind": request.kind,
                    "rows": request.rows,
                    "by": request.by,
                    "state": found.state.value,
                    "reasons": list(found.reasons),
                }
            )
    heads = ("request", "scope", "kind", "rows", "by", "state")
    call.say(rows, columns(heads, [[row[head] for head in heads] for row in reversed(rows)]))


def show(call: Call, request: RequestArgument) -> None:
    """Show a request and where it stands; exits 8 while it is pending."""
    from approvals.desk import find_request, outcome
    from approvals.model import State
    from approvals.workflow import request_id
    from quarantine.safe import safe

    _, found = find_request(call.store, request)
    now = outcome(call.store, request, call.policy, call.roster, call.rim.now())
    document = {
        "request": request_id(found),
        **found.model_dump(mode="json"),
        "state": now.state.value,
        "reasons": list(now.reasons),
    }
    call.say(
        document,
        [
            f"request {request_id(found)}: {now.state.value}",
            f"{found.rows} {safe(found.kind)} events for {safe(found.scope)}",
            f"for {safe(found.purpose)}, asked by {safe(found.by)}",
            f"root {found.root}, policy {found.policy[:12]}, until {found.until.isoformat()}",
            *(f"- {safe(reason)}" for reason in now.reasons),
        ],
    )
    if now.state is State.PENDING:
        raise typer.Exit(8)


def approve(
    call: Call,
    request: RequestArgument,
    *,
    by: AsOption,
    sign: SignOption,
    because: BecauseOption,
) -> None:
    """Say yes to exactly these bytes under exactly this policy, with your own key."""
    _vote(call, request, "approve", by=by, sign=sign, because=because)


def reject(
    call: Call,
    request: RequestArgument,
    *,
    by: AsOption,
    sign: SignOption,
    because: BecauseOption,
) -> None:
    """Say no to a request."""
    _vote(call, request, "reject", by=by, sign=sign, because=because)


def withdraw(
    call: Call,
    request: RequestArgument,
    *,
    by: AsOption,
    sign: SignOption,
    because: BecauseOption,
) -> None:
    """Take your vote back; both stay in the log."""
    _vote(call, request, "withdraw", by=by, sign=sign, because=because)


def _vote(  # noqa: PLR0913  a command's options are its arguments
    call: Call, ref: str, decision: str, *, by: str, sign: str, because: str
) -> None:
    from approvals.desk import cast, find_request, outcome
    from approvals.model import Decision
    from approvals.workflow import request_id

    request: Request
    _, request = find_request(call.store, ref)
    reviewer, signer = call.signed(by, sign)
    cast(
        call.store,
        request,
        Decision(decision),
        by=reviewer,
        signer=signer,
        because=because,
        policy=call.policy,
        roster=call.roster,
        at=call.rim.now(),
        nonce=call.rim.nonce(),
    )
    now = outcome(call.store, ref, call.policy, call.roster, call.rim.now())
    call.say(
        {
            "request": request_id(request),
            "decision": decision,
            "by": reviewer.person,
            "state": now.state.value,
            "reasons": list(now.reasons),
        },
        [f"{by}: {decision} {request_id(request)}; it is {now.state.value} now"],
    )
