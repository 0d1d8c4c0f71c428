"""Taking back, and where it went: `revoke`, `trace`, `consumed`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, command
from approvals.cli.reach import reach
from approvals.cli.sources import KeyFileOption, WhoOption, WhyOption, known_source, require_said

if TYPE_CHECKING:
    from datetime import datetime

    from approvals.ports import Signer
    from approvals.releases import Left
    from approvals.revoke import TakingBack
    from quarantine.model import SourceKey

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

_AIMS = ("source", "cluster", "producer", "key", "window", "event", "release")
_BESIDE = {"event": {"source"}, "key": {"producer"}}
"""What may be named beside, to say whose."""

SourceOption = Annotated[
    str | None, typer.Option("--source", metavar="SOURCE", help="producer/source")
]
ClusterOption = Annotated[
    str | None, typer.Option("--cluster", help="A cluster, by its name in the dossiers.")
]
ProducerOption = Annotated[str | None, typer.Option("--producer", help="All of a producer's.")]
KeyOption = Annotated[
    str | None, typer.Option("--key", metavar="ID", help="All that arrived under a key.")
]
WindowOption = Annotated[
    str | None, typer.Option("--window", metavar="FROM..TO", help="All that arrived then.")
]
EventOption = Annotated[str | None, typer.Option("--event", metavar="ID", help="One event.")]
ReleaseOption = Annotated[
    str | None, typer.Option("--release", metavar="NAME", help="A release as a whole.")
]

ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="URI", help="What was trained on it.")
]
OpenLineageOption = Annotated[
    Path | None,
    typer.Option("--openlineage", metavar="FILE", help="RunEvents (JSON, or one a line)."),
]
MlflowOption = Annotated[
    Path | None, typer.Option("--mlflow", metavar="FILE", help="A run, as MLflow answers it.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a command line names: each as it was typed, absent where it was not."""

    source: str | None = None
    cluster: str | None = None
    producer: str | None = None
    key: str | None = None
    window: str | None = None
    event: str | None = None
    release: str | None = None
    scope: str | None = None
    target: str | None = None
    since: str | None = None
    until: str | None = None

    def one(self) -> str:
        """Return the one thing that is named; `UsageError` for none or several.

        An event may be named together with its source, a key with its producer.
        """
        from quarantine.errors import UsageError

        given = [name for name in _AIMS if getattr(self, name)]
        for name, beside in _BESIDE.items():
            if name in given and set(given) <= {name, *beside}:
                return name
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

    orders = _orders(call, aim, because=because, by=by)
    rows = sorted({row for order in orders for row in concerned(call.store, order)})
    document, lines = reach(call, rows)
    if signer is not None:
        for order in orders:
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
        since=since,
        until=until,
    )
    if aim.one() == "release":
        rows = _left(call, release or "").rows(call.store)
    else:
        orders = _orders(call, aim, because="", by="")
        rows = sorted({row for order in orders for row in concerned(call.store, order)})
    document, lines = reach(call, rows)
    call.say({"named": aim.one(), **document}, [f"{len(rows)} rows", *lines])


def consumed(
    call: Call,
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A release directory.")
    ] = None,
    *,
    model: ModelOption = None,
    openlineage: OpenLineageOption = None,
    mlflow: MlflowOption = None,
) -> None:
    """Note that a model was trained on a release, so that taking back finds it.

    By the release's directory and the model, or by what OpenLineage or MLflow recorded of the run.
    """
    from approvals.lineage import consume
    from approvals.model import Consumed
    from quarantine.safe import safe

    signer, found = call.rim.role(call.state, "operator"), []
    for name, manifest, made in _used(call, directory, model, openlineage, mlflow):
        record = Consumed(at=call.rim.now(), name=name, manifest=manifest, model=made)
        noted = consume(call.store, record, signer)
        found.append({"release": name, "model": made, "noted": noted})
    call.say(
        found[0] if directory is not None else found,
        [
            f"{safe(str(each['model']))} was trained on {each['release']}"
            + ("" if each["noted"] else ": noted before")
            for each in found
        ],
    )


def _used(
    call: Call,
    directory: Path | None,
    model: str | None,
    openlineage: Path | None,
    mlflow: Path | None,
) -> list[tuple[str, str, str]]:
    """Return which releases (name, manifest) were used for which models."""
    from approvals.runs import matched, of_mlflow, of_openlineage
    from quarantine.errors import UsageError

    given = [each for each in (directory, openlineage, mlflow) if each is not None]
    if len(given) != 1 or (directory is not None and model is None):
        raise UsageError("give DIR and --model, or --openlineage FILE, or --mlflow FILE")
    if directory is not None:
        return [(*_identity(directory), model or "")]
    try:
        spelled = given[0].read_bytes()
    except OSError as error:
        raise UsageError(f"{given[0]} cannot be read: {error.strerror}") from error
    used = of_openlineage(spelled) if openlineage is not None else of_mlflow(spelled)
    return [
        (left.record.name, left.record.manifest, made)
        for left, made in matched(call.store, used, model)
    ]


def _identity(directory: Path) -> tuple[str, str]:
    """Return the name and the manifest's digest of a release directory."""
    import hashlib

    from approvals.manifest import MANIFEST, read_manifest
    from quarantine.errors import UsageError

    try:
        spelled = (directory / MANIFEST).read_bytes()
    except OSError as error:
        raise UsageError(f"{directory} holds no {MANIFEST}: {error.strerror}") from error
    return read_manifest(spelled).predicate.name, hashlib.sha256(spelled).hexdigest()


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
            key=aim.key or "",
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


def _still_speaks(aim: Aim) -> list[str]:
    """Say that rows are taken back here, and the key that vouched for them elsewhere."""
    from quarantine.safe import safe

    if not aim.key:
        return []
    named = f"{safe(aim.producer or 'PRODUCER')} --key {safe(aim.key)}"
    ends = f"quarantine producer revoke {named} --since {safe(aim.since or 'TIME')}"
    return [f"- the key itself ends by: {ends}"]


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


def _signer(call: Call, because: str, *, by: str, sign: str) -> Signer:
    """Return the key with which something is taken back; a preview asks for none."""
    require_said(by=by, sign=sign, because=because)
    return call.signed(by, sign)[1]


def _yank(call: Call, aim: Aim, because: str, by: str, signer: Signer | None) -> None:
    from approvals.model import ReleaseYanked
    from approvals.revoke import yank

    left = _left(call, aim.release or "")
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
