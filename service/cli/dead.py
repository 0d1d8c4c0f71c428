"""Dead letters: `dead list`, `dead show`, `dead redrive`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command

if TYPE_CHECKING:
    from quarantine.arrivals import DeadLetter

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

SHOWN = 4096
LARGEST = 2**63 - 1


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app, name="dead", help="What could not be taken in.", epilog="Example: quarantine dead list"
    )
    command(app, "list", example="quarantine dead list --reason bad_signature")(list_)
    command(app, "show", example="quarantine dead show 17")(show)
    again = "quarantine dead redrive --reason kind_not_allowed --producer app --dry-run"
    command(app, "redrive", example=again)(redrive)


def list_(
    call: Call,
    *,
    producer: Annotated[str | None, typer.Option("--producer", help="Only of this one.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only with this reason.")] = None,
    since: Annotated[
        int, typer.Option("--since", min=0, max=LARGEST, help="After this number.")
    ] = 0,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=LARGEST, help="At most so many.")
    ] = 100,
) -> None:
    """List dead letters, oldest first, each with its number and its reason."""
    found = list(islice(_chosen(call, producer, reason, since), limit))
    document = [_told(call, number, letter) for number, letter in found]
    heads = ("number", "producer", "entry", "position", "reason", "size", "redriven", "detail")
    call.say(document, columns(heads, [[row[head] for head in heads] for row in document]))


def _told(call: Call, number: int, letter: DeadLetter) -> dict[str, object]:
    """Tell all of a dead letter but what it holds."""
    from quarantine.model import from_micros
    from quarantine.record import spell_time

    return {
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
        "redriven": _redriven(call, letter),
    }


def show(call: Call, number: Annotated[int, typer.Argument(min=1, max=LARGEST)]) -> None:
    """Show one dead letter whole, what it holds made visible."""
    import base64

    from quarantine.safe import safe

    _, letter = _numbered(call, number)
    kept = len(letter.content)
    content = base64.b64encode(letter.content).decode()
    document = {**_told(call, number, letter), "content_base64": content}
    call.say(
        document,
        [
            f"{number}: {letter.reason} - {safe(letter.detail)}",
            f"{safe(letter.stream)} {safe(letter.entry)} position {letter.position}",
            f"{letter.size} bytes ({kept} kept), sha256 {letter.digest}",
            safe(letter.content.decode(errors="backslashreplace"), SHOWN),
        ],
    )


def redrive(
    call: Call,
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="NUMBER", min=1, max=LARGEST)
    ] = None,
    *,
    reason: Annotated[str | None, typer.Option("--reason", help="All with this reason.")] = None,
    producer: Annotated[str | None, typer.Option("--producer", help="All of this one.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen.")] = False,
) -> None:
    """Send dead letters through the door again; what is still bad stays dead."""
    from quarantine.errors import UsageError
    from quarantine.safe import safe
    from service.door import Door
    from service.redrive import redrive as through_the_door
    from service.redrive import tried
    from service.settings import State

    if bool(numbers) == (reason is not None or producer is not None):
        raise UsageError("name dead letters by NUMBER, or choose by --reason and --producer")
    # All numbers are known before the first goes through: what is put aside anew is not met again.
    chosen = numbers or [number for number, _ in _chosen(call, producer, reason)]
    letters = (_numbered(call, number) for number in chosen)
    door = Door(call.store, State(call.state).secrets, call.rim.now)
    if dry_run:
        done = list(tried(door, letters))
    else:
        done = list(through_the_door(door, call.rim.role(call.state, "operator"), letters))
    through = [each for each in done if each.through]
    held = sum(each.stored for each in through)
    word = "would go" if dry_run else "went"
    call.say(
        {"dry_run": dry_run, "letters": [each._asdict() for each in done]},
        [
            *(f"{each.number}: stays dead, {safe(each.because)}" for each in done if each.because),
            f"{len(through)} of {len(done)} {word} through the door, {held} events",
        ],
    )


def _numbered(call: Call, number: int) -> tuple[int, DeadLetter]:
    from quarantine.errors import UsageError

    found = call.store.dead(number - 1, 1)
    if not found or found[0][0] != number:
        raise UsageError(f"there is no dead letter {number}: quarantine dead list")
    return found[0]


def _chosen(
    call: Call, producer: str | None, reason: str | None, since: int = 0
) -> Iterator[tuple[int, DeadLetter]]:
    """Yield the dead letters of a producer and with a reason, where these are given."""
    from quarantine.arrivals import REASONS
    from quarantine.errors import UsageError

    if reason is not None and reason not in REASONS:
        raise UsageError(f"a reason is one of {', '.join(sorted(REASONS))}")
    while some := call.store.dead(since, 1000):
        since = some[-1][0]
        for number, letter in some:
            if producer in (None, letter.producer) and reason in (None, letter.reason):
                yield number, letter


def _redriven(call: Call, letter: DeadLetter) -> bool:
    return bool(call.store.taken(letter.stream, [letter.again]))
