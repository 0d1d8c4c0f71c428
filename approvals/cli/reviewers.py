"""Who may decide: `reviewer add`, `list`, `revoke`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from approvals.cli.command import Call, columns, command, moment_of

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

KeyOption = Annotated[Path, typer.Option("--key", help="Public key, PEM (from `keys new`).")]
RoleOption = Annotated[
    list[str] | None, typer.Option("--role", help="A role; say it again for more.")
]


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app, name="reviewer", help="Who may decide.", epilog="Example: quarantine reviewer list"
    )
    command(app, "add", example="quarantine reviewer add ana --person ana@x.org --key ana.pub")(add)
    command(app, "list", example="quarantine reviewer list")(list_)
    lost = "quarantine reviewer revoke ana --since 2026-11-20T08:00:00Z"
    command(app, "revoke", example=lost)(revoke)


def add(
    call: Call,
    name: str,
    *,
    person: Annotated[str, typer.Option("--person", help="Whose key it is; one person, one vote.")],
    key: KeyOption,
    role: RoleOption = None,
) -> None:
    """Let a person decide with this key from now on."""
    from approvals.attest import act_of
    from approvals.keys import key_id, public_in
    from approvals.model import ReviewerAdded
    from approvals.twins import require_apart
    from quarantine.errors import UsageError

    call.begin()
    if name in call.roster.reviewers:
        raise UsageError(f"there is a reviewer {name} already")
    public = public_in(key)
    require_apart(name, person, key_id(public), call.roster.reviewers.values())
    act = ReviewerAdded(
        at=call.rim.now(),
        name=name,
        person=person,
        key=key_id(public),
        public=public,
        roles=tuple(sorted(set(role or ["reviewer"]))),
    )
    call.store.record([act_of(act, call.rim.role(call.state, "operator"))])
    trust = call.rim.publish_trust(call.state, call.store)
    call.say(
        {"name": name, "person": person, "key": act.key, "roles": act.roles, "trust": str(trust)},
        [f"{name} ({person}) may decide with key {act.key}; the trust file is {trust}"],
    )


def list_(call: Call) -> None:
    """List the reviewers, their roles, and from when to when they count."""
    from quarantine.record import spell_time

    document = [
        {
            "name": each.name,
            "person": each.person,
            "roles": list(each.roles),
            "key": each.key,
            "since": spell_time(each.tenure.since),
            "until": spell_time(each.tenure.until) if each.tenure.until else None,
        }
        for each in call.roster.reviewers.values()
    ]
    heads = ("name", "person", "key", "since", "until", "roles")
    rows = [
        [*(row[head] or "" for head in heads[:-1]), " ".join(each.roles)]
        for row, each in zip(document, call.roster.reviewers.values(), strict=True)
    ]
    call.say(document, columns(heads, rows))


def revoke(
    call: Call,
    name: str,
    *,
    since: Annotated[
        str | None, typer.Option("--since", help="When the key was lost (RFC 3339).")
    ] = None,
) -> None:
    """Let a reviewer's key decide nothing more, from a time on; list what it said before."""
    from approvals.attest import act_of
    from approvals.model import ReviewerRevoked
    from approvals.relisting import relisted
    from approvals.workflow import request_id
    from quarantine.errors import UsageError

    if name not in call.roster.reviewers:
        raise UsageError(f"there is no reviewer {name}: quarantine reviewer list")
    at = call.rim.now()
    lost = moment_of("--since", since) if since else at
    if lost > at:
        raise UsageError("a key is not lost before it is: --since lies ahead")
    act = ReviewerRevoked(at=at, name=name, since=lost)
    call.store.record([act_of(act, call.rim.role(call.state, "operator"))])
    call.rim.publish_trust(call.state, call.store)
    votes = [
        {
            "request": request_id(each.request),
            "decision": each.vote.decision.value,
            "release": each.released.name if each.released else None,
        }
        for each in relisted(call.store, name)
    ]
    heads = ("request", "decision", "release")
    call.say(
        {"name": name, "revoked": True, "votes": votes},
        [
            f"{name} decides nothing more; {len(votes)} votes from before count and want a look",
            *(columns(heads, [[vote[head] or "" for head in heads] for vote in votes])),
        ],
    )
