"""How far feedback has moved from the first that was accepted: `drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from approvals.baseline import Followed

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(root: typer.Typer) -> None:
    """Add the command to `root`."""
    command(root, "drift", example="quarantine drift --scope helpful")(drift)


def drift(
    call: Call,
    *,
    scope: Annotated[str | None, typer.Option("--scope", help="Only this scope.")] = None,
) -> None:
    """Compare each scope and subgroup with its first accepted baseline; the surest comes first.

    The baseline is the first release that was not taken back. Classes of answers, the level and
    the shape of values, and through whom sources speak are compared, for everyone and for each
    producer; of all alarms together at most a hundredth are expected to be false.
    """
    from dataclasses import asdict

    from approvals.baseline import followed
    from quarantine.errors import UsageError
    from quarantine.safe import safe

    found = followed(call.store, scope)
    if scope is not None and not found:
        raise UsageError(f"nothing of the scope {safe(scope)} is held")
    document = {
        "alarms": sum(each.alarms for each in found),
        "scopes": [asdict(each) for each in found],
    }
    lines = [line for each in found for line in _lines(each)]
    call.say(document, lines or ["nothing is held yet"])


def _lines(each: Followed) -> Iterator[str]:
    from quarantine.safe import safe

    name = f"{safe(each.scope)}, {safe(each.kind)}"
    if not each.baseline:
        yield f"{name}: no baseline yet, nothing of its {each.events:,} events was released"
        return
    yield (
        f"{name}: since {safe(each.baseline)} ({each.rows:,} rows, {each.accepted:%Y-%m-%d}):"
        f" {each.alarms} alarms"
    )
    heads = ("compared", "group", "what", "moved", "psi", "p", "", "because")
    rows = [
        (
            f"{after.name} ({after.events:,})",
            drift.group,
            drift.what,
            f"{drift.moved:.1%}",
            f"{drift.psi:.3f}",
            f"{drift.p:.2g}",
            "ALARM" if drift.alarm else "",
            drift.because,
        )
        for after in each.after
        for drift in after.drifts
    ]
    yield from (columns(heads, rows) if rows else ["too little came since to compare"])
