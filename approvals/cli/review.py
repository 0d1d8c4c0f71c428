"""The reviewer's screen: `review`, in a terminal, in plain lines, or from a file of decisions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, command
from approvals.cli.sources import AsOption

if TYPE_CHECKING:
    from approvals.roster import Roster
    from approvals.screen.book import Book
    from approvals.screen.model import Case, Staged
    from approvals.screen.seat import Seat
    from approvals.screen.waiting import Queue

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

SignOption = Annotated[
    str | None, typer.Option("--sign", help="Your private key: a FILE, or ssh-agent.")
]
PlainOption = Annotated[bool, typer.Option("--plain", help="Plain lines, for a screen reader.")]
ScopeOption = Annotated[str, typer.Option("--scope", help="Only what concerns this dataset.")]
DecisionsOption = Annotated[
    Path | None,
    typer.Option("--decisions", metavar="FILE", help="Decide by a file, one JSON object a line."),
]
HoldOption = Annotated[
    str, typer.Option("--hold", metavar="WORDS", help="Hold all waiting sources with these words.")
]
BecauseOption = Annotated[str, typer.Option("--because", help="Why, in a sentence (with --hold).")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be signed.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Sign without asking once more.")]
TermOption = Annotated[str, typer.Option("--term", envvar="TERM", hidden=True)]


def register(root: typer.Typer) -> None:
    """Add this command to `root`."""
    command(root, "review", example="quarantine review --as ben --sign ben.pem")(review)


def review(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    *,
    by: AsOption,
    sign: SignOption = None,
    plain: PlainOption = False,
    scope: ScopeOption = "",
    decisions: DecisionsOption = None,
    hold: HoldOption = "",
    because: BecauseOption = "",
    dry_run: DryOption = False,
    yes: YesOption = False,
    term: TermOption = "",
) -> None:
    """Go through what waits for you, sources then requests; each decision is signed when you leave.

    With `--decisions FILE` or `--hold WORDS` it decides in bulk, after a preview, one signature an
    item. With `--json` and neither it tells what waits. A line of FILE is
    `{"case": "app/rater/1", "decision": "hold", "because": "known farm"}`; a decision is `clear` or
    `hold` of a source, `approve` or `reject` of a request.
    """
    seat = _seat(call, by, sign)
    if decisions is not None or hold:
        staged = _bulk(seat, decisions, hold=hold, because=because, scope=scope)
        if not _agreed(call, staged, dry_run=dry_run, yes=yes):
            return
    elif call.as_json:
        call.say([_document(case) for case in _waiting(seat, scope)[1].cases], [])
        return
    else:
        staged = _interview(call, seat, scope, plain=plain or term == "dumb")
    _sign(call, seat, staged)


def _seat(call: Call, by: str, sign: str | None) -> Seat:
    from approvals.probes import kept
    from approvals.screen.seat import KeyLeftAtHome, Seat

    roster = call.roster
    reviewer = call.reviewer(by)
    signer = KeyLeftAtHome(reviewer) if sign is None else call.rim.signer(sign, reviewer.public)

    def newest() -> Roster:
        roster.follow(call.store.acts(roster.size))
        return roster

    return Seat(
        store=call.store,
        name=by,
        signer=signer,
        now=call.rim.now,
        nonce=call.rim.nonce,
        policy=lambda: call.rim.policy(call.state, call.store),
        roster=newest,
        probes=kept(call.state, call.store.acts()),
        trying=lambda what, about: call.trying(what, by=by, about=about),
    )


def _waiting(seat: Seat, scope: str) -> tuple[Book, Queue]:
    from approvals.screen.book import Book
    from approvals.screen.waiting import waiting

    book = Book.read(seat.store, seat.roster().standings, seat.probes)
    return book, waiting(seat, scope, book.speakers(scope) if scope else ())


def _doubts(seat: Seat, scope: str) -> list[Case]:
    """Return every doubted source, beyond the day's cases too: holding needs nobody's reading."""
    from approvals.screen.book import Book
    from approvals.screen.waiting import doubts

    if not scope:
        return doubts(seat)
    book = Book.read(seat.store, seat.roster().standings)
    return doubts(seat, scope, book.speakers(scope))


def _bulk(seat: Seat, file: Path | None, *, hold: str, because: str, scope: str) -> list[Staged]:
    from approvals.screen import decisions
    from approvals.screen.model import Choice, Staged
    from quarantine.errors import UsageError

    at = seat.now()
    if file is not None:
        return decisions.stage(seat, decisions.read(decisions.lines_of(file)), at)
    if not because.strip():
        raise UsageError("say why: --because needs words")
    wanted = hold.lower().split()
    return [
        Staged(case, Choice.HOLD, because, at)
        for case in _doubts(seat, scope)
        if all(word in case.words for word in wanted)
    ]


def _agreed(call: Call, staged: Sequence[Staged], *, dry_run: bool, yes: bool) -> bool:
    """Say what would be signed; go on when that was wanted, `DeclinedError` when it was not."""
    from approvals.screen.decisions import preview
    from quarantine.errors import DeclinedError, UsageError

    call.tell(f"{len(staged)} to sign, one signature each: {preview(staged)}")
    if dry_run:
        call.say({"staged": [_staged(each) for each in staged]}, [])
        return False
    if yes:
        return True
    if call.no_input or not sys.stdin.isatty():
        raise UsageError("nothing was signed: --yes signs without asking")
    if input("sign them? y or n > ").strip().lower() != "y":
        raise DeclinedError("nothing was signed")
    return True


def _interview(call: Call, seat: Seat, scope: str, *, plain: bool) -> list[Staged]:
    """Let the reviewer decide, on a screen or in lines; return what they want signed."""
    from approvals.screen.interview import interview
    from quarantine.errors import DeclinedError, UsageError

    if call.no_input:
        raise UsageError("a review asks: give --decisions or --hold, or --json to see what waits")
    if not seat.can_sign:
        raise UsageError("a review signs: give --sign")
    book, queue = _waiting(seat, scope)
    lines = plain or not (sys.stdin.isatty() and sys.stdout.isatty())
    staged, signs = interview(seat, book, queue, plain=lines)
    if staged and not signs:
        raise DeclinedError(f"nothing was signed, {len(staged)} staged dropped")
    return staged


def _sign(call: Call, seat: Seat, staged: Sequence[Staged]) -> None:
    from approvals.screen.signing import sign, told
    from quarantine.safe import safe

    items = list(sign(seat, staged))
    refused = [each for each in items if each.refused is not None]
    call.say(
        {
            "signed": len(items) - len(refused),
            "refused": len(refused),
            "items": [told(each) for each in items],
        },
        [
            f"{len(items) - len(refused)} signed, {len(refused)} refused"
            if items
            else "none signed",
            *(f"- {safe(each.staged.case.name)}: {safe(str(each.refused))}" for each in refused),
        ],
    )
    for each in refused:
        if each.refused is not None:
            raise typer.Exit(each.refused.exit_code)


def _staged(staged: Staged) -> dict[str, str]:
    return {
        "case": staged.case.name,
        "decision": staged.choice.value,
        "because": staged.because,
    }


def _document(case: Case) -> dict[str, object]:
    what = "request" if case.is_request else "source"
    return {"case": case.name, "what": what, **case.subject.model_dump(mode="json")}
