"""Erasing what somebody said, under two people: `erase`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.aims import EventOption, SourceOption
from approvals.cli.command import Call, command
from approvals.cli.reach import reach
from approvals.cli.sources import KeyFileOption, WhoOption, WhyOption, known_source, require_said
from approvals.cli.votes import terms_of

if TYPE_CHECKING:
    from approvals.erase import Doomed, Proposal
    from quarantine.model import Named

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

ConfirmOption = Annotated[
    str | None,
    typer.Option("--confirm", metavar="PROPOSAL", help="Carry out what another proposed."),
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Say what it would destroy.")]
_RELEASES = (
    "{} releases and their exports hold it still: take the rows back (quarantine revoke), make"
    " clean releases, and delete the old ones"
)
_ELSEWHERE = (
    "backups of the store, and copies of the machine's disk, hold it until they are gone",
    "the bus keeps its dead letters' copies on feedback:dead, and its own file until rewritten",
    "signed acts stay as they are: reasons of people, and of verdicts, that quote it",
)


def register(root: typer.Typer) -> None:
    """Add this command to `root`."""
    signed = "--because 'asked to be forgotten' --as ana --sign ana.pem"
    command(root, "erase", example=f"quarantine erase --source app/rater/8812 {signed}")(erase)


def erase(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    *,
    because: WhyOption = "",
    by: WhoOption = "",
    sign: KeyFileOption = "",
    source: SourceOption = None,
    event: EventOption = None,
    confirm: ConfirmOption = None,
    dry_run: DryOption = False,
) -> None:
    """Destroy what a source said, for good: one person proposes it, another confirms it.

    Content and salt go, and what was derived from them; who spoke and when, the verdict, the log
    and every proof stay. Releases and exports are not touched: the answer lists which hold it.
    """
    from quarantine.errors import UsageError

    if (confirm is None) == (source is None and event is None):
        raise UsageError("give --source or --event to propose, or --confirm to carry it out")
    if dry_run and confirm is None:
        _preview(call, source, event)
        return
    require_said(by=by, sign=sign, because=because)  # also before: may this person confirm it
    with call.trying("erase", by=by, about=confirm or source or event or ""):
        if confirm is None:
            _propose(call, source, event, because, by=by, sign=sign)
        else:
            _confirm(call, confirm, because, by=by, sign=sign, dry_run=dry_run)


def _preview(call: Call, source: str | None, event: str | None) -> None:
    from approvals.erase import doomed

    named = _named(call, source, event)
    _say(call, doomed(call.store, named, call.store.size()), "would be erased", None)


def _propose(  # noqa: PLR0913  who, what, and why
    call: Call,
    source: str | None,
    event: str | None,
    because: str,
    *,
    by: str,
    sign: str,
) -> None:
    from approvals.erase import SHOWN, propose

    named, terms = _named(call, source, event), terms_of(call, by, sign)
    record, found = propose(call.store, named, because=because, **terms)
    name = record.digest[:SHOWN]
    then = f"- another person carries it out: quarantine erase --confirm {name}"
    _say(call, found, "are to be erased", name, then)


def _confirm(  # noqa: PLR0913  who, what, why, and whether at all
    call: Call, ref: str, because: str, *, by: str, sign: str, dry_run: bool
) -> None:
    from approvals.erase import confirm, find, require_confirmable

    terms, proposal = terms_of(call, by, sign), find(call.store, ref)
    if proposal.done is not None:
        confirm(call.store, ref, because=because, **terms)
        _again(call, proposal)
        return
    found = require_confirmable(call.store, proposal, **terms)
    if dry_run:
        _say(call, found, "would be erased", proposal.name)
        return
    document, lines = _document(call, found)  # what is erased is found no more
    confirm(call.store, ref, because=because, **terms)
    call.rim.publish_trust(call.state, call.store)
    call.say(
        {"proposal": proposal.name, "erased": True, **document},
        [_sentence(found, "are erased"), *lines],
    )


def _named(call: Call, source: str | None, event: str | None) -> Named:
    from quarantine.model import Named, SourceKey

    key = known_source(call, source) if source else SourceKey("", "")
    return Named(producer=key.producer, source=key.source, event=event or "")


def _again(call: Call, proposal: Proposal) -> None:
    """Say that it was done before; what the store's files still held is gone now too."""
    call.say(
        {"proposal": proposal.name, "erased": True, "again": True},
        [f"{proposal.name} was carried out before; nothing of it is left in the store's files"],
    )


def _say(call: Call, found: Doomed, said: str, proposal: str | None, *then: str) -> None:
    document, lines = _document(call, found)
    call.say(
        {"proposal": proposal, "erased": False, **document},
        [_sentence(found, said), *lines, *then],
    )


def _sentence(found: Doomed, said: str) -> str:
    rows, letters = len(found.indexes), len(found.letters)
    return f"{rows} rows and {letters} dead letters {said}"


def _document(call: Call, found: Doomed) -> tuple[dict[str, object], list[str]]:
    """Say what holds it besides the store, and how to go on there."""
    from approvals.releases import touched

    document, lines = reach(call, found.indexes)
    holds = len(touched(call.store, found.indexes))
    rest = [_RELEASES.format(holds), *_ELSEWHERE] if holds else [*_ELSEWHERE]
    return (
        {**document, "dead_letters": len(found.letters), "elsewhere": rest},
        [*lines, *(f"- {each}" for each in rest)],
    )
