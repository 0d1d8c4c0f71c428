"""Taking back, and where it went: `revoke`, `trace`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.aims import (
    Aim,
    ClusterOption,
    EventOption,
    KeyOption,
    ProducerOption,
    ReleaseOption,
    SourceOption,
    TargetOption,
    WindowOption,
    orders,
    release_named,
)
from approvals.cli.command import Call, command
from approvals.cli.reach import reach
from approvals.cli.sources import KeyFileOption, WhoOption, WhyOption, require_said

if TYPE_CHECKING:
    from approvals.ports import Signer

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    taken = "--source app/rater/8812 --because 'account sold' --as ana --sign ana.pem"
    command(root, "revoke", example=f"quarantine revoke {taken}")(revoke)
    command(root, "trace", example="quarantine trace --source app/rater/8812")(trace)


def revoke(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    *,
    because: WhyOption = "",
    by: WhoOption = "",
    sign: KeyFileOption = "",
    source: SourceOption = None,
    cluster: ClusterOption = None,
    producer: ProducerOption = None,
    key: KeyOption = None,
    window: WindowOption = None,
    event: EventOption = None,
    release: ReleaseOption = None,
    scope: Annotated[str | None, typer.Option("--scope", help="Only of this scope.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Only of this target.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="From when (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Until when (RFC 3339).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would touch.")] = False,
) -> None:
    """Take back what was said: marked in the store, told in the revocation list.

    One person can stop; only a new request with its quorum can bring anything back.
    """
    aim = Aim(
        source=source,
        cluster=cluster,
        producer=producer,
        key=key,
        window=window,
        event=event,
        release=release,
        scope=scope,
        target=target,
        since=since,
        until=until,
    )
    signer = None if dry_run else _signer(call, because, by=by, sign=sign)
    if aim.one() == "release":
        _yank(call, aim, because, by, signer)
        return
    from approvals.revoke import concerned, take_back

    named = orders(call, aim, because=because, by=by)
    rows = sorted({row for order in named for row in concerned(call.store, order)})
    document, lines = reach(call, rows)
    if signer is not None:
        for order in named:
            take_back(call.store, order, signer)
        call.rim.publish_trust(call.state, call.store)
    said = "would be" if dry_run else "are"
    call.say(
        {"named": aim.one(), "revoked": not dry_run, **document},
        [f"{len(rows)} rows {said} taken back", *lines, *_still_speaks(aim)],
    )


def trace(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    *,
    source: SourceOption = None,
    cluster: ClusterOption = None,
    producer: ProducerOption = None,
    key: KeyOption = None,
    window: WindowOption = None,
    event: EventOption = None,
    release: ReleaseOption = None,
    target: TargetOption = None,
    since: Annotated[str | None, typer.Option("--since", help="From when (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Until when (RFC 3339).")] = None,
) -> None:
    """Follow rows to the releases, the models trained on them, and what those models said since."""
    from approvals.revoke import concerned

    aim = Aim(
        source=source,
        cluster=cluster,
        producer=producer,
        key=key,
        window=window,
        event=event,
        release=release,
        target=target,
        since=since,
        until=until,
    )
    if aim.one("target") == "release":
        rows = release_named(call, release or "").rows(call.store)
    else:
        named = orders(call, aim, because="", by="")
        rows = sorted({row for order in named for row in concerned(call.store, order)})
    document, lines = reach(call, rows)
    call.say({"named": aim.one("target"), **document}, [f"{len(rows)} rows", *lines])


def _still_speaks(aim: Aim) -> list[str]:
    """Say that rows are taken back here, and the key that vouched for them elsewhere."""
    from quarantine.safe import safe

    if not aim.key:
        return []
    named = f"{safe(aim.producer or 'PRODUCER')} --key {safe(aim.key)}"
    ends = f"quarantine producer revoke {named} --since {safe(aim.since or 'TIME')}"
    return [f"- the key itself ends by: {ends}"]


def _signer(call: Call, because: str, *, by: str, sign: str) -> Signer:
    """Return the key with which something is taken back; a preview asks for none."""
    require_said(by=by, sign=sign, because=because)
    return call.signed(by, sign)[1]


def _yank(call: Call, aim: Aim, because: str, by: str, signer: Signer | None) -> None:
    from approvals.model import ReleaseYanked
    from approvals.revoke import yank

    left = release_named(call, aim.release or "")
    document, lines = reach(call, left.rows(call.store))
    if signer is not None:
        record = ReleaseYanked(
            at=call.rim.now(),
            name=left.record.name,
            manifest=left.record.manifest,
            because=because,
            by=by,
        )
        yank(call.store, left, record, signer)
        call.rim.publish_trust(call.state, call.store)
    said = "would be" if signer is None else "is"
    call.say(
        {"named": "release", "revoked": signer is not None, **document},
        [f"{left.record.name} {said} taken back as a whole", *lines],
    )
