"""Taking back, and where it went: `revoke`, `trace`, `consumed`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, command
from approvals.cli.sources import AsOption, BecauseOption, SignOption, known_source

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.lineage import Concerned, Generation
    from approvals.releases import Left
    from approvals.revoke import TakingBack
    from quarantine.model import SourceKey

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

_AIMS = ("source", "cluster", "producer", "window", "event", "release")

SourceOption = Annotated[
    str | None, typer.Option("--source", metavar="SOURCE", help="producer/source")
]
ClusterOption = Annotated[
    str | None, typer.Option("--cluster", help="A cluster, by its name in the dossiers.")
]
ProducerOption = Annotated[str | None, typer.Option("--producer", help="All of a producer's.")]
WindowOption = Annotated[
    str | None, typer.Option("--window", metavar="FROM..TO", help="All that arrived then.")
]
EventOption = Annotated[str | None, typer.Option("--event", metavar="ID", help="One event.")]
ReleaseOption = Annotated[
    str | None, typer.Option("--release", metavar="NAME", help="A release as a whole.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a command line names: each as it was typed, absent where it was not."""

    source: str | None = None
    cluster: str | None = None
    producer: str | None = None
    window: str | None = None
    event: str | None = None
    release: str | None = None
    scope: str | None = None
    target: str | None = None
    since: str | None = None
    until: str | None = None

    def one(self) -> str:
        """Return the one thing that is named; `UsageError` for none or several.

        An event may be named together with its source, a window with anything it narrows.
        """
        from quarantine.errors import UsageError

        given = [name for name in _AIMS if getattr(self, name)]
        if "event" in given and set(given) <= {"event", "source"}:
            return "event"
        if len(given) != 1:
            raise UsageError(f"name one of {', '.join('--' + name for name in _AIMS)}")
        return given[0]


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    taken = "--source app/rater/8812 --because 'account sold' --as ana --sign ana.pem"
    command(root, "revoke", example=f"quarantine revoke {taken}")(revoke)
    command(root, "trace", example="quarantine trace --source app/rater/8812")(trace)
    noted = "quarantine consumed helpful-1 --model models:/assistant/7"
    command(root, "consumed", example=noted)(consumed)


def revoke(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    *,
    because: BecauseOption,
    by: AsOption,
    sign: SignOption,
    source: SourceOption = None,
    cluster: ClusterOption = None,
    producer: ProducerOption = None,
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
        window=window,
        event=event,
        release=release,
        scope=scope,
        target=target,
        since=since,
        until=until,
    )
    reviewer, signer = call.signed(by, sign)
    if aim.one() == "release":
        _yank(call, aim, because, reviewer.name, sign=sign, dry_run=dry_run)
        return
    from approvals.revoke import concerned, take_back

    orders = _orders(call, aim, because=because, by=reviewer.name)
    rows = sorted({row for order in orders for row in concerned(call.store, order)})
    document, lines = _reach(call, rows)
    if not dry_run:
        for order in orders:
            take_back(call.store, order, signer)
        call.rim.publish_trust(call.state, call.store)
    said = "would be" if dry_run else "are"
    call.say(
        {"named": aim.one(), "revoked": not dry_run, **document},
        [f"{len(rows)} rows {said} taken back", *lines],
    )


def trace(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    *,
    source: SourceOption = None,
    cluster: ClusterOption = None,
    producer: ProducerOption = None,
    window: WindowOption = None,
    event: EventOption = None,
    release: ReleaseOption = None,
) -> None:
    """Follow rows to the releases, the models trained on them, and what those models said since."""
    from approvals.revoke import concerned

    aim = Aim(
        source=source,
        cluster=cluster,
        producer=producer,
        window=window,
        event=event,
        release=release,
    )
    if aim.one() == "release":
        rows = _left(call, release or "").rows(call.store)
    else:
        orders = _orders(call, aim, because="", by="")
        rows = sorted({row for order in orders for row in concerned(call.store, order)})
    document, lines = _reach(call, rows)
    call.say({"named": aim.one(), **document}, [f"{len(rows)} rows", *lines])


def consumed(
    call: Call,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A release directory.")],
    *,
    model: Annotated[str, typer.Option("--model", metavar="URI", help="What was trained on it.")],
) -> None:
    """Note that a model was trained on a release, so that taking back finds it."""
    import hashlib

    from approvals.lineage import consume
    from approvals.manifest import MANIFEST, read_manifest
    from approvals.model import Consumed
    from quarantine.errors import UsageError

    try:
        spelled = (directory / MANIFEST).read_bytes()
    except OSError as error:
        raise UsageError(f"{directory} holds no {MANIFEST}: {error.strerror}") from error
    name = read_manifest(spelled).predicate.name
    record = Consumed(
        at=call.rim.now(),
        name=name,
        manifest=hashlib.sha256(spelled).hexdigest(),
        model=model,
    )
    noted = consume(call.store, record, call.rim.role(call.state, "operator"))
    call.say(
        {"release": name, "model": model, "noted": noted},
        [f"{model} was trained on {name}" if noted else f"{model}: noted before"],
    )


def _orders(call: Call, aim: Aim, *, because: str, by: str) -> list[TakingBack]:
    """Return what is to be taken back, an order for each source that is named."""
    from approvals.revoke import TakingBack

    since, until = _window(aim)
    return [
        TakingBack(
            source=key,
            because=because,
            by=by,
            at=call.rim.now(),
            since=since,
            until=until,
            event=aim.event or "",
            scope=aim.scope or "",
            target=aim.target or "",
        )
        for key in _keys(call, aim)
    ]


def _keys(call: Call, aim: Aim) -> Sequence[SourceKey]:
    from quarantine.errors import UsageError
    from quarantine.model import SourceKey
    from quarantine.safe import safe

    if aim.source:
        return [known_source(call, aim.source)]
    if aim.cluster:
        found = [each.key for each in call.store.dossiers() if each.cluster == aim.cluster]
        if not found:
            raise UsageError(f"there is no cluster {safe(aim.cluster)}: quarantine sources list")
        return found
    return [SourceKey(aim.producer or "", "")]


def _window(aim: Aim) -> tuple[datetime | None, datetime | None]:
    from quarantine.envelope import moment
    from quarantine.errors import MalformedError, UsageError

    start, stop = aim.since, aim.until
    if aim.window:
        start, _, stop = aim.window.partition("..")
    if aim.window and not (start and stop):
        raise UsageError("a window is FROM..TO, both in RFC 3339")
    try:
        return moment(start) if start else None, moment(stop) if stop else None
    except MalformedError as error:
        raise UsageError(f"a time is spelled as in RFC 3339: {error.detail}") from error


def _left(call: Call, name: str) -> Left:
    from approvals.releases import releases
    from quarantine.errors import UsageError
    from quarantine.safe import safe

    for left in releases(call.store):
        if left.record.name == name:
            return left
    raise UsageError(f"there is no release {safe(name)}: quarantine release list")


def _yank(  # noqa: PLR0913  who, what, why, and whether at all
    call: Call, aim: Aim, because: str, by: str, *, sign: str, dry_run: bool
) -> None:
    from approvals.model import ReleaseYanked
    from approvals.revoke import yank

    left = _left(call, aim.release or "")
    document, lines = _reach(call, left.rows(call.store))
    if not dry_run:
        _, signer = call.signed(by, sign)
        record = ReleaseYanked(
            at=call.rim.now(),
            name=left.record.name,
            manifest=left.record.manifest,
            because=because,
            by=by,
        )
        yank(call.store, left, record, signer)
        call.rim.publish_trust(call.state, call.store)
    said = "would be" if dry_run else "is"
    call.say(
        {"named": "release", "revoked": not dry_run, **document},
        [f"{left.record.name} {said} taken back as a whole", *lines],
    )


def _reach(call: Call, rows: Sequence[int]) -> tuple[dict[str, object], list[str]]:
    """Say how far `rows` went, and who else may belong to what is named."""
    from approvals.lineage import around, untouched
    from approvals.lineage import trace as followed

    generations = followed(call.store, rows)
    concerned = around(call.store, rows)
    scopes = sorted({left.record.scope for each in generations for left, _ in each.releases})
    gone = [row for each in generations for row in each.emitted] + list(rows)
    clean = {scope: untouched(call.store, scope, gone) for scope in scopes}
    document: dict[str, object] = {
        "rows": len(rows),
        "sources": [str(key) for key in concerned.sources],
        "clusters": {name: [*map(str, of)] for name, of in concerned.clusters.items()},
        "releases": _generation(generations[0])["releases"] if generations else [],
        "generations": [_generation(each) for each in generations],
        "last_clean": {scope: left.record.name if left else None for scope, left in clean.items()},
    }
    return document, [
        *_told(generations),
        *_proposed(call, concerned),
        *(
            f"- the last release of {scope} that never saw them: {left.record.name}"
            if left
            else f"- every release of {scope} saw them"
            for scope, left in clean.items()
        ),
    ]


def _generation(each: Generation) -> dict[str, object]:
    return {
        "rows": each.rows,
        "releases": [
            {
                "release": left.record.name,
                "scope": left.record.scope,
                "rows": rows,
                "share": rows / left.record.rows,
            }
            for left, rows in each.releases
        ],
        "models": list(each.models),
        "emitted": len(each.emitted),
    }


def _told(generations: Sequence[Generation]) -> list[str]:
    from quarantine.safe import safe

    lines = []
    for each in generations:
        lines += [
            f"- {rows} of them are in {left.record.name} ({rows / left.record.rows:.2%} of it)"
            for left, rows in each.releases
        ]
        lines += [f"- {safe(model)} was trained on those" for model in each.models]
        if each.emitted:
            lines.append(f"- {len(each.emitted)} pseudo-labels came out of that; of these:")
    return lines


def _proposed(call: Call, concerned: Concerned) -> list[str]:
    """Propose the clusters around what was named, with what taking them back would cost."""
    from quarantine.model import Named
    from quarantine.safe import safe

    lines = []
    for name, members in concerned.clusters.items():
        others = [key for key in members if key not in concerned.sources]
        if others:
            rows = sum(
                len(call.store.find(Named(producer=key.producer, source=key.source)))
                for key in others
            )
            lines.append(
                f"- {len(others)} more sources with {rows} rows are thought to be one voice with"
                f" them: --cluster {safe(name)}"
            )
    return lines
