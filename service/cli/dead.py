"""Dead letters: `dead list`, `dead show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command

if TYPE_CHECKING:
    from quarantine.model import DeadLetter

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

SHOWN = 4096


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app, name="dead", help="What could not be taken in.", epilog="Example: dead list"
    )
    command(app, "list", example="quarantine dead list --reason bad_signature")(list_)
    command(app, "show", example="quarantine dead show 17")(show)


def list_(
    call: Call,
    *,
    producer: Annotated[str | None, typer.Option("--producer", help="Only of this one.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only with this reason.")] = None,
    since: Annotated[int, typer.Option("--since", min=0, help="After this number.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
) -> None:
    """List dead letters, oldest first, each with its number and its reason."""
    from quarantine.errors import UsageError
    from quarantine.model import REASONS, from_micros
    from quarantine.record import spell_time

    if reason is not None and reason not in REASONS:
        raise UsageError(f"a reason is one of {', '.join(sorted(REASONS))}")
    found: list[tuple[int, DeadLetter]] = []
    while len(found) < limit and (some := call.store.dead(since, 1000)):
        since = some[-1][0]
        found += [
            (number, letter)
            for number, letter in some
            if producer in (None, letter.producer) and reason in (None, letter.reason)
        ]
    document = [
        {
            "number": number,
            "producer": letter.producer,
            "stream": letter.stream,
            "entry": letter.entry,
            "position": letter.position,
            "reason": letter.reason,
            "detail": letter.detail,
            "at": spell_time(from_micros(letter.at)),
            "size": letter.size,
            "digest": letter.digest,
        }
        for number, letter in found[:limit]
    ]
    heads = ("number", "producer", "entry", "position", "reason", "size", "detail")
    call.say(document, columns(heads, [[row[head] for head in heads] for row in document]))


def show(call: Call, number: Annotated[int, typer.Argument(min=1)]) -> None:
    """Show one dead letter whole, what it holds made visible."""
    import base64

    from quarantine.errors import RefusedError
    from quarantine.model import from_micros
    from quarantine.record import spell_time
    from quarantine.safe import safe

    found = call.store.dead(number - 1, 1)
    if not found or found[0][0] != number:
        raise RefusedError(f"there is no dead letter {number}: quarantine dead list")
    letter = found[0][1]
    kept = len(letter.content)
    document = {
        "number": number,
        "producer": letter.producer,
        "stream": letter.stream,
        "entry": letter.entry,
        "position": letter.position,
        "reason": letter.reason,
        "detail": letter.detail,
        "at": spell_time(from_micros(letter.at)),
        "size": letter.size,
        "digest": letter.digest,
        "content_base64": base64.b64encode(letter.content).decode(),
    }
    call.say(
        document,
        [
            f"{number}: {letter.reason} - {safe(letter.detail)}",
            f"{safe(letter.stream)} {safe(letter.entry)} position {letter.position}",
            f"{letter.size} bytes ({kept} kept), sha256 {letter.digest}",
            safe(letter.content.decode(errors="backslashreplace"), SHOWN),
        ],
    )
