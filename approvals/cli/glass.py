"""Breaking the glass: `glass break`, `glass review`, `glass list`."""

from __future__ import annotations

from typing import Annotated

import typer

from approvals.cli.command import Call, columns, command
from approvals.cli.sources import AsOption, BecauseOption, SignOption
from approvals.cli.votes import RequestArgument, terms_of, vote

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

SoundOption = Annotated[
    bool, typer.Option("--sound/--unsound", help="What you think of it, having looked.")
]
_SIGNED = "--as ben --sign ben.pem --because"


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app,
        name="glass",
        help="One person alone, in an emergency; another looks afterwards.",
        epilog="Example: quarantine glass list",
    )
    broken = f"quarantine glass break 3f9ac2d41b07 {_SIGNED} 'the model is live and wrong'"
    command(app, "break", example=broken)(break_)
    looked = f"quarantine glass review 3f9ac2d41b07 --sound {_SIGNED} 'read all of it'"
    command(app, "review", example=looked)(review)
    command(app, "list", example="quarantine glass list --json")(list_)


def break_(
    call: Call, request: RequestArgument, *, by: AsOption, sign: SignOption, because: BecauseOption
) -> None:
    """Let a request leave alone, where the policy lets your role; it shows in the manifest."""
    vote(call, request, "break-glass", by=by, sign=sign, because=because)


def review(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    request: RequestArgument,
    *,
    sound: SoundOption,
    by: AsOption,
    sign: SignOption,
    because: BecauseOption,
) -> None:
    """Say what you think of what left by broken glass; whoever broke it or asked cannot."""
    from approvals.desk import find_request
    from approvals.glass import review as record
    from approvals.workflow import request_id

    with call.trying("glass review", by=by, about=request):
        found = find_request(call.store, request)[1]
        terms = terms_of(call, by, sign)
        record(
            call.store,
            found,
            sound=sound,
            because=because,
            by=terms["by"],
            signer=terms["signer"],
            at=terms["at"],
        )
    said = "sound" if sound else "unsound: quarantine revoke --release takes it back"
    call.say({"request": request_id(found), "sound": sound, "by": by}, [f"{by}: it is {said}"])


def list_(call: Call) -> None:
    """List each request for which the glass was broken, and who looked since; exit 6 if overdue."""
    from approvals.glass import broken
    from approvals.ledger import Ledger
    from approvals.workflow import request_id
    from quarantine.record import spell_time

    at = call.rim.now()
    ledger = Ledger.read(call.store.acts())
    found = list(broken(ledger, call.policy))
    document = [
        {
            "request": request_id(each.request),
            "by": each.vote.by,
            "because": each.vote.because,
            "release": each.released.name if each.released else None,
            "review_by": spell_time(each.due),
            "reviewed_by": each.review.by if each.review else None,
            "sound": each.review.sound if each.review else None,
            "overdue": each.is_overdue(at),
        }
        for each in found
    ]
    heads = ("request", "by", "release", "review_by", "reviewed_by", "overdue")
    call.say(document, columns(heads, [[row[head] or "" for head in heads] for row in document]))
    if any(each.is_overdue(at) for each in found):
        raise typer.Exit(6)
