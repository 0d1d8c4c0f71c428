"""What leaves: `release make`, `list`, `show`, `current`, `verify`; `export`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command
from approvals.cli.votes import RequestArgument

if TYPE_CHECKING:
    from approvals.verify import Report

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

TrustOption = Annotated[
    Path | None,
    typer.Option("--trust", metavar="FILE", help="The trust file; never one from inside DIR."),
]
SeenOption = Annotated[
    Path | None,
    typer.Option(
        "--seen", metavar="FILE", help="Remember the newest revocation list; refuse an older one."
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", metavar="OUT", help="Write the release's report, a static page."),
]
_REPORT = "report.html"
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="A directory to be made.")]
ReleaseArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A release directory.")]


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app, name="release", help="What leaves.", epilog="Example: quarantine release list"
    )
    command(app, "make", example="quarantine release make 3f9ac2d41b07 --out helpful-1")(make)
    command(app, "list", example="quarantine release list --json")(list_)
    command(app, "show", example="quarantine release show helpful-1 --trust trust.toml")(show)
    told = "quarantine release diff helpful-1 helpful-2 --trust trust.toml"
    command(app, "diff", example=told)(diff)
    command(app, "current", example="quarantine release current helpful")(current)
    command(app, "verify", example="quarantine release verify helpful-1 --trust trust.toml")(verify)
    exported = "quarantine export helpful-1 --format jsonl --out train --trust trust.toml"
    command(root, "export", example=exported)(export)


def make(call: Call, request: RequestArgument, *, out: OutOption) -> None:
    """Write exactly the requested events, with their proof, or nothing at all."""
    from approvals.cli.gate import gate_before_release
    from approvals.draft import Press
    from approvals.release import make as made_of

    with call.trying("release make", by="", about=request):
        gate_before_release(call, request)
        press = Press(
            store=call.store,
            policy=call.policy,
            signer=call.rim.role(call.state, "releasing"),
            at=call.rim.now(),
            origin=call.rim.origin(call.state),
            roles=call.rim.publics(call.state),
            detectors=call.rim.detectors(),
        )
        made = made_of(request, out, press)
    trust = call.rim.publish_trust(call.state, call.store)
    call.say(
        {
            "release": made.name,
            "directory": str(out),
            "rows": made.rows,
            "manifest": made.manifest,
            "trust": str(trust),
        },
        [
            f"{made.name}: {made.rows} rows in {out}",
            f"verify it: quarantine release verify {out} --trust {trust}",
        ],
    )


def list_(call: Call) -> None:
    """List the releases, oldest first, with what was taken back of them since."""
    rows = _known(call)
    heads = ("release", "scope", "kind", "rows", "revoked", "at")
    call.say(rows, columns(heads, [[row[head] for head in heads] for row in rows]))


def show(
    call: Call, directory: ReleaseArgument, *, trust: TrustOption = None, html: HtmlOption = None
) -> None:
    """Show what a release directory holds and who agreed, after verifying it."""
    from approvals.directory import read
    from approvals.landing import write_whole

    report = _verified(call, directory, trust)
    release = report.release
    if html is not None:
        write_whole(html, read(directory, _REPORT, report.statement.files[_REPORT]))
    document = {**release.model_dump(mode="json"), "manifest": report.manifest}
    call.say(
        document,
        [
            f"{release.name}: {release.rows} {release.kind} rows for {release.scope}",
            f"manifest {report.manifest}",
            *(f"- {check}" for check in report.checks),
            *([f"its report, as it was signed: {html}"] if html else []),
        ],
    )


def diff(
    call: Call,
    before: ReleaseArgument,
    after: Annotated[Path, typer.Argument(metavar="DIR2", help="Another release directory.")],
    *,
    trust: TrustOption = None,
) -> None:
    """Compare two releases: rows, sources, what was said, the certificate, the policy.

    Both are verified, but one that was taken back may still be looked at here.
    """
    from approvals.difference import difference
    from approvals.trust import load_trust
    from approvals.verify import inspect

    given = load_trust(_given(trust))
    sides = [inspect(each, given, call.rim.now()) for each in (before, after)]
    found = difference(*sides)
    document = found.model_dump(mode="json")
    one, two = document["before"], document["after"]
    call.say(
        document,
        [
            *columns(("", "before", "after"), beside(one, two)),
            f"{found.common} rows in both, {found.gone} gone, {found.new} new",
            f"{len(found.sources_gone)} sources gone, {len(found.sources_new)} new",
            *(f"the policy lets through more: {way}" for way in found.looser),
            *(f"the way back would let through more: {way}" for way in found.tighter),
        ],
    )


def beside(one: Mapping[str, object], two: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """Return the figures of two releases side by side, without those that neither has."""
    named = [name for name in one if (one[name], two[name]) != (None, None)]
    return [(name, _spelled(one[name]), _spelled(two[name])) for name in named]


def _spelled(value: object) -> str:
    """Spell a figure; what there is none of is a dash: a mean of words, clusters that suffice."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_spelled(part)}" for name, part in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def current(call: Call, scope: Annotated[str, typer.Argument(metavar="SCOPE")]) -> None:
    """Name the newest release of a scope of which nothing was taken back; exit 1 without one."""
    from approvals.releases import current as newest
    from quarantine.errors import RefusedError
    from quarantine.safe import safe

    left = newest(call.store, scope)
    if left is None:
        raise RefusedError(f"no release of {safe(scope)} is current")
    record = left.record
    call.say(
        {"release": record.name, "manifest": record.manifest, "rows": record.rows},
        [record.name],
    )


def verify(
    call: Call,
    directory: ReleaseArgument,
    *,
    trust: TrustOption = None,
    seen: SeenOption = None,
) -> None:
    """Verify a release offline: every file, vote, row and proof; exit 5 names what fails."""
    report = _verified(call, directory, trust, seen)
    call.say(
        {
            "release": report.release.name,
            "manifest": report.manifest,
            "verified": True,
            "checks": list(report.checks),
        },
        [f"{report.release.name} verifies", *(f"- {check}" for check in report.checks)],
    )


def export(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    directory: ReleaseArgument,
    *,
    format: Annotated[str, typer.Option("--format", help="parquet, jsonl, trl-preference, …")],
    out: OutOption,
    trust: TrustOption = None,
    seen: SeenOption = None,
) -> None:
    """Write a training set from a release directory; nothing else can be opened on the way."""
    from approvals.exporting import Export, export_confined

    order = Export(
        release=directory,
        format=format,
        out=out,
        trust=_given(trust),
        at=call.rim.now(),
        seen=seen,
    )
    done = export_confined(order)
    call.say(
        {
            "release": done.name,
            "format": format,
            "rows": done.rows,
            "directory": str(out),
            "confined": done.confined,
        },
        [f"{done.rows} rows of {done.name} in {out}"],
    )


def _known(call: Call) -> list[dict[str, object]]:
    from approvals.releases import releases
    from quarantine.record import spell_time

    back = call.store.revoked()
    return [
        {
            "release": left.record.name,
            "scope": left.record.scope,
            "kind": left.record.kind,
            "rows": left.record.rows,
            "revoked": len(back.intersection(left.rows(call.store))),
            "manifest": left.record.manifest,
            "at": spell_time(left.record.at),
        }
        for left in releases(call.store)
    ]


def _given(trust: Path | None) -> Path:
    from quarantine.errors import UsageError

    if trust is None:
        raise UsageError("give --trust FILE: whom to trust is never asked of the release itself")
    return trust


def _verified(call: Call, directory: Path, trust: Path | None, seen: Path | None = None) -> Report:
    from approvals.trust import load_trust
    from approvals.verify import verify as verified

    believed = load_trust(_given(trust))
    if not call.rim.has_store(call.state):  # offline, as most readers are
        return verified(directory, believed, call.rim.now(), seen=seen)
    with call.trying("release verify", by="", about=directory.name):
        return verified(directory, believed, call.rim.now(), seen=seen)
