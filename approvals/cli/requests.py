"""Asking for a release (`request make`, `list`, `show`), and what must be read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command, moment_of
from approvals.cli.sources import AsOption, SignOption
from approvals.cli.votes import RequestArgument

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.budget import Choice
    from approvals.model import Request

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

ReplacesOption = Annotated[
    str | None,
    typer.Option("--replaces", metavar="RELEASE", help="Make its clean successor."),
]


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app,
        name="request",
        help="Ask for events to leave.",
        epilog="Example: quarantine request list",
    )
    made = "quarantine request make --scope helpful --kind rating --as ana --sign ana.pem"
    command(app, "make", example=made)(make)
    command(app, "list", example="quarantine request list --json")(list_)
    command(app, "show", example="quarantine request show 3f9ac2d41b07")(show)
    command(app, "sample", example="quarantine request sample 3f9ac2d41b07 --json")(sample)


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
    replaces: ReplacesOption = None,
) -> None:
    """Freeze, by Merkle root, the events that policy and budgets allow; ask for their release.

    With --replaces only what still stands of a release that was taken back.
    """
    from approvals.desk import make_request

    at = call.rim.now()
    with call.trying("request make", by=by, about=f"{scope} {kind}"):
        reviewer, signer = call.signed(by, sign)
        request, _, choice = make_request(
            call.store,
            scope=scope,
            kind=kind,
            until=moment_of("--until", until) if until else at,
            by=reviewer,
            signer=signer,
            policy=call.policy,
            roster=call.roster,
            at=at,
            purpose=purpose,
            nonce=call.rim.nonce(),
            replaces=replaces,
        )
    _draw(call, at)
    _say_made(call, request, choice)


def _say_made(call: Call, request: Request, choice: Choice) -> None:
    """Say what a request asks for, what it leaves out and why, and what would mend that."""
    from approvals.requesting import mends
    from approvals.workflow import request_id

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
            *(f"  {mend}" for mend in mends(call.policy, choice.left_out)),
            *(
                f"held back: “{held.phrase}” in {held.rows} events of {held.clusters} clusters,"
                f" {held.left} leave"
                for held in choice.phrases
            ),
        ],
    )


def list_(
    call: Call,
    *,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
) -> None:
    """List requests, newest first, with what they ask for and where they stand."""
    from approvals.desk import outcomes
    from approvals.model import State
    from approvals.workflow import request_id

    rows = []
    for _, request, found in outcomes(call.store, call.policy, call.roster, call.rim.now()):
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
    from approvals.cli.gate import standing_of
    from approvals.desk import find_request, outcome
    from approvals.model import State
    from approvals.workflow import request_id
    from quarantine.record import spell_time
    from quarantine.safe import safe

    _, found = find_request(call.store, request)
    now = outcome(call.store, request, call.policy, call.roster, call.rim.now())
    gate = standing_of(call, found)
    document = {
        "request": request_id(found),
        **found.model_dump(mode="json"),
        "state": now.state.value,
        "reasons": list(now.reasons),
        "gate": gate,
    }
    call.say(
        document,
        [
            f"request {request_id(found)}: {now.state.value}",
            f"{found.rows} {safe(found.kind)} events for {safe(found.scope)}",
            f"for {safe(found.purpose)}, asked by {safe(found.by)}",
            f"arrived until {spell_time(found.until)}, expires {spell_time(found.expires)}",
            f"root {found.root}, policy {found.policy[:12]}",
            *(f"- {safe(reason)}" for reason in now.reasons),
            *([f"- {gate['missing'] or 'the gate was passed'}"] if gate else []),
        ],
    )
    if now.state is State.PENDING:
        raise typer.Exit(8)


def sample(call: Call, request: RequestArgument) -> None:
    """Show the rows that every approver must read, drawn by nobody; none where none are asked."""
    from approvals.desk import find_request, rows_to_read
    from approvals.workflow import request_id
    from quarantine.safe import safe

    _, found = find_request(call.store, request)
    rows = rows_to_read(call.store, found, call.policy)
    held = list(call.store.held(rows))
    document = {
        "request": request_id(found),
        "read": rows,
        "rows": [
            {"index": each.index, "source": each.source, "body": each.body.decode("utf-8")}
            for each in held
        ],
    }
    call.say(
        document,
        [
            f"{len(rows)} of {found.rows} rows to read",
            *(f"{each.index}  {safe(each.body.decode('utf-8'), 500)}" for each in held),
        ],
    )


def _draw(call: Call, at: datetime) -> None:
    """Draw who looks, where the policy asks and the releasing role's key is here."""
    from approvals.drawing import draw
    from approvals.ledger import Ledger
    from quarantine.errors import QuarantineError

    try:
        signer = call.rim.role(call.state, "releasing")
    except QuarantineError:  # the releasing process draws
        return
    draw(call.store, call.policy, Ledger.read(call.store.acts()), signer=signer, at=at)
