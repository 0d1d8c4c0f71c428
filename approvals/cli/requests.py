"""Asking for a release (`request make`, `list`, `show`) and voting on it (`approve`, …)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command, moment_of
from approvals.cli.sources import AsOption, BecauseOption, SignOption

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.desk import Terms

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

RequestArgument = Annotated[
    str, typer.Argument(metavar="REQUEST", help="The request's id, as `request list` shows it.")
]
ReadOption = Annotated[
    Path | None,
    typer.Option("--read", metavar="FILE", help="What you read, from `request sample --json`."),
]
ReplacesOption = Annotated[
    str | None,
    typer.Option("--replaces", metavar="RELEASE", help="Make its clean successor."),
]
_SIGNED = "--as ben --sign ben.pem --because 'read the samples'"


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
    replaces: ReplacesOption = None,
) -> None:
    """Freeze, by Merkle root, the events that policy and budgets allow; ask for their release.

    With --replaces only what still stands of a release that was taken back.
    """
    from approvals.desk import make_request
    from approvals.workflow import request_id

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
