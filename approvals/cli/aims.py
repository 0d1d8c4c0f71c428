"""What a command line names of all that was said: a source, a cluster, a window, a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call
from approvals.cli.sources import known_source

if TYPE_CHECKING:
    from datetime import datetime

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
TargetOption = Annotated[str | None, typer.Option("--target", help="All that is about a target.")]
ReleaseOption = Annotated[
    str | None, typer.Option("--release", metavar="NAME", help="A release as a whole.")
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

    def one(self, *also: str) -> str:
        """Return the one thing that is named; `UsageError` for none or several.

        An event may be named together with its source, a key with its producer; what may `also` be
        named counts where nothing else is.
        """
        from quarantine.errors import UsageError

        given = [name for name in _AIMS if getattr(self, name)]
        given = given or [name for name in also if getattr(self, name)]
        for name, beside in _BESIDE.items():
            if name in given and set(given) <= {name, *beside}:
                return name
        if len(given) != 1:
            raise UsageError(f"name one of {', '.join('--' + name for name in (*_AIMS, *also))}")
        return given[0]


def orders(call: Call, aim: Aim, *, because: str, by: str) -> list[TakingBack]:
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
        found = [key for key, cluster in call.store.linked().items() if cluster == aim.cluster]
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


def release_named(call: Call, name: str) -> Left:
    """Return the release of that name; `UsageError` where none is called so."""
    from approvals.releases import releases
    from quarantine.errors import UsageError
    from quarantine.safe import safe

    for left in releases(call.store):
        if left.record.name == name:
            return left
    raise UsageError(f"there is no release {safe(name)}: quarantine release list")
