"""Dossiers, and what people say of sources: `sources list`, `show`, `hold`, `clear`, `tier`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from approvals.cli.command import Call, columns, command

if TYPE_CHECKING:
    from approvals.probes import Probe
    from quarantine.model import Dossier, SourceKey, Standing

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

AsOption = Annotated[str, typer.Option("--as", help="Your reviewer name.")]
SignOption = Annotated[str, typer.Option("--sign", help="Your private key: a FILE, or ssh-agent.")]
BecauseOption = Annotated[str, typer.Option("--because", help="Why, in a sentence.")]
HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", metavar="OUT", help="Write the whole dossier as one static page."),
]
WhoOption = Annotated[str, typer.Option("--as", help="Your reviewer name; a preview needs none.")]
KeyFileOption = Annotated[
    str,
    typer.Option("--sign", help="Your private key: a FILE, or ssh-agent; a preview needs none."),
]
WhyOption = Annotated[
    str, typer.Option("--because", help="Why, in a sentence; a preview needs none.")
]
SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="producer/source")]


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    from approvals.cli import caseload

    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app,
        name="sources",
        help="Who spoke, and what to think of it.",
        epilog="Example: quarantine sources list",
    )
    signed = "--because 'known farm' --as ana --sign ana.pem"
    command(app, "list", example="quarantine sources list --verdict hold")(list_)
    command(app, "show", example="quarantine sources show app/rater/8812")(show)
    command(app, "hold", example=f"quarantine sources hold app/rater/8812 {signed}")(hold)
    command(app, "clear", example=f"quarantine sources clear app/rater/8812 {signed}")(clear)
    caseload.register(app)
    command(app, "tier", example=f"quarantine sources tier app/rater/8812 vetted {signed}")(tier)


def list_(
    call: Call,
    *,
    verdict: Annotated[
        str | None, typer.Option("--verdict", help="Only these: clear, watch or hold.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
) -> None:
    """List sources, worst first, with their score, cluster and verdict."""
    from quarantine.errors import UsageError
    from quarantine.model import Verdict

    if verdict is not None and verdict not in list(Verdict):
        raise UsageError(f"a verdict is one of {', '.join(Verdict)}")
    found = [_as_ruled(call, each) for each in call.store.dossiers()]
    found = [each for each in found if verdict in (None, each.verdict.value)]
    heads = ("source", "events", "score", "p", "verdict", "cluster", "because")
    rows = [
        (
            str(each.key),
            each.events,
            f"{each.score:.3f}",
            "" if each.p_value is None else f"{each.p_value:.4f}",
            each.verdict.value,
            each.cluster if each.cluster != str(each.key) else "",
            each.findings[0].because if each.findings else "",
        )
        for each in found[:limit]
    ]
    left = [f"({len(found) - limit} more: --limit)"] if len(found) > limit else []
    call.say([_document(call, each) for each in found[:limit]], [*columns(heads, rows), *left])


def show(call: Call, source: SourceArgument, *, html: HtmlOption = None) -> None:
    """Show one source's dossier: its score, its cluster, and each finding in a sentence."""
    from approvals.distrust import held_back
    from approvals.probes import kept
    from quarantine.safe import safe

    probes = kept(call.state, call.store.acts())
    key = known_source(call, source, probes)
    dossiers = [probes[key].dossier] if key in probes else call.store.dossiers([key])
    found = [_as_ruled(call, each) for each in dossiers]
    document = _document(call, found[0]) if found else _unscored(call, key)
    lines = [
        f"{safe(str(key))}: {document['verdict']}, {_said(document['score'])}",
        f"{document['events']} events, tier {document['tier']}",
    ]
    if found:
        each = found[0]
        lines.append(f"cluster {safe(each.cluster)}, of {_cluster_size(call, each)} sources")
        lines += [f"- {f.detector} {f.score:.3f}: {safe(f.because)}" for f in each.findings]
        if each.cold_start:
            lines.append("(a cold start: nothing was released yet to compare with)")
    distrusted = held_back(call.store, key.producer)[key]
    if distrusted:
        lines.append(f"{distrusted} of its events arrived under a key that was revoked: held")
    if html is not None:
        _write_page(call, found, html, probes)
        lines.append(f"the whole dossier as a page: {html}")
    call.say({**document, "events_under_revoked_key": distrusted}, lines)


def _write_page(
    call: Call, found: Sequence[Dossier], out: Path, probes: Mapping[SourceKey, Probe]
) -> None:
    """Write a dossier as one static HTML file, with its samples."""
    from approvals.screen.book import Book
    from approvals.screen.page import dossier_page, whole
    from quarantine.errors import UsageError

    if not found:
        raise UsageError("it was not scored yet: there is no dossier to write")
    book = Book.read(call.store, call.roster.standings, probes)
    out.write_text(dossier_page(*whole(book, found[0])), encoding="utf-8")


def hold(
    call: Call, source: SourceArgument, *, because: BecauseOption, by: AsOption, sign: SignOption
) -> None:
    """Hold a source: nothing of it is proposed for release until a person clears it."""
    _rule(call, source, "hold", because=because, by=by, sign=sign)


def clear(
    call: Call, source: SourceArgument, *, because: BecauseOption, by: AsOption, sign: SignOption
) -> None:
    """Clear a source: what machines think of it no longer holds it."""
    _rule(call, source, "clear", because=because, by=by, sign=sign)


def tier(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    source: SourceArgument,
    tier: Annotated[str, typer.Argument(help="unvetted, vetted or tenured")],
    *,
    because: BecauseOption,
    by: AsOption,
    sign: SignOption,
) -> None:
    """Say how well a source is known; `producer/*` is every source it has spoken of so far."""
    from approvals.desk import tier_sources
    from quarantine.errors import UsageError
    from quarantine.model import Tier

    if tier not in list(Tier):
        raise UsageError(f"a tier is one of {', '.join(Tier)}")
    keys = _every_source(call, source)
    with call.trying("sources tier", by=by, about=source):
        reviewer, signer = call.signed(by, sign)
        tier_sources(
            call.store,
            keys,
            Tier(tier),
            because=because,
            by=reviewer,
            signer=signer,
            at=call.rim.now(),
        )
    call.say(
        {"source": source, "tier": tier, "sources": len(keys)},
        [f"{len(keys)} of {source}: {tier}"],
    )


def _rule(  # noqa: PLR0913  a command's options are its arguments
    call: Call, source: str, ruling: Literal["hold", "clear"], *, because: str, by: str, sign: str
) -> None:
    from approvals.desk import rule_source
    from approvals.probes import kept

    probes = kept(call.state, call.store.acts())
    key = known_source(call, source, probes)
    with call.trying(f"sources {ruling}", by=by, about=str(key)):
        reviewer, signer = call.signed(by, sign)
        rule_source(
            call.store,
            key,
            ruling,
            because=because,
            probes=probes,
            by=reviewer,
            signer=signer,
            at=call.rim.now(),
        )
    call.say({"source": str(key), "ruling": ruling}, [f"{source}: {ruling}, by {by}"])


def _every_source(call: Call, spelled: str) -> list[SourceKey]:
    """Return the source that is named, or all of a producer's where its name ends in `/*`."""
    from quarantine.errors import UsageError

    producer, _, rest = spelled.partition("/")
    if rest != "*":
        return [known_source(call, spelled)]
    found = [key for key in call.store.sources() if key.producer == producer]
    if not found:
        raise UsageError(f"nothing was ever heard of {producer}")
    return found


def require_said(*, by: str, sign: str, because: str) -> None:
    """Ask for what a command signs with, where it is more than a preview (`UsageError`)."""
    from quarantine.errors import UsageError

    given = {"--as": by, "--sign": sign, "--because": because}
    missing = [option for option, said in given.items() if not said]
    if missing:
        raise UsageError(f"give {' and '.join(missing)}: only --dry-run needs no key")


def known_source(call: Call, spelled: str, also: Collection[SourceKey] = ()) -> SourceKey:
    """Return the source that `producer/source` names, one of `also` too.

    Raises `UsageError` when nobody heard of it.
    """
    from quarantine.errors import UsageError
    from quarantine.model import SourceKey
    from quarantine.safe import safe

    producer, _, source = spelled.partition("/")
    key = SourceKey(producer, source)
    if key not in also and key not in call.store.sources():
        raise UsageError(f"there is no source {safe(spelled)}: quarantine sources list")
    return key


def _as_ruled(call: Call, dossier: Dossier) -> Dossier:
    """Return a dossier with a person's ruling in force, which scoring may not have met yet."""
    from quarantine.verdicts import ruling, verdict

    standing = _standing(call, dossier.key)
    said = ruling(standing)
    if said is None or said in dossier.findings:
        return dossier
    findings = (said, *(each for each in dossier.findings if each.detector != said.detector))
    return dossier.model_copy(update={"verdict": verdict((), standing), "findings": findings})


def _document(call: Call, dossier: Dossier) -> dict[str, object]:
    standing = _standing(call, dossier.key)
    return {
        **dossier.model_dump(mode="json"),
        "tier": standing.tier.value,
        "ruling": standing.ruling or None,
    }


def _said(score: object) -> str:
    return f"score {score:.3f}" if isinstance(score, float) else "not scored yet"


def _unscored(call: Call, key: SourceKey) -> dict[str, object]:
    standing = _standing(call, key)
    return {
        "producer": key.producer,
        "source": key.source,
        "events": None,
        "score": None,
        "p_value": None,
        "cluster": str(key),
        "verdict": None,
        "findings": [],
        "tier": standing.tier.value,
        "ruling": standing.ruling or None,
    }


def _standing(call: Call, key: SourceKey) -> Standing:
    from quarantine.model import Standing

    return call.roster.standings.get(key, Standing())


def _cluster_size(call: Call, dossier: Dossier) -> int:
    return sum(cluster == dossier.cluster for cluster in call.store.linked().values())
