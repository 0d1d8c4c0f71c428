"""Exporting: a verified release goes into one format, from the release directory alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

from approvals.confinement import confine
from approvals.landing import landing
from approvals.loader import Release
from approvals.ports import Exporter
from approvals.revocations import RevocationList, read_list
from approvals.trust import Trust, load_trust
from approvals.verify import verify
from quarantine.errors import UsageError
from quarantine.plugins import offered


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An order: which release directory, which format, the directory to make, trust, now.

    `seen` is the reader's own file that remembers the newest revocation list; none where absent.
    """

    release: Path
    format: str
    out: Path
    trust: Path
    at: datetime
    seen: Path | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported: the release's name, its rows, and whether the process was confined."""

    name: str
    rows: int
    confined: bool


def formats() -> Mapping[str, Exporter]:
    """Return the exporters by the name of their format."""
    found = cast("dict[str, Exporter]", dict(offered("approvals.exporters", "EXPORTER")))
    return {exporter.name: exporter for exporter in found.values()}


def export(order: Export) -> Exported:
    """Verify the release, then write it in the format asked for; all of it or nothing.

    Raises `UsageError` for a format that is unknown or does not fit the kind, `TamperedError`
    when the release does not verify.
    """
    exporter, trusted = _known(order.format), _trusted(order)
    with landing(order.out) as aside:
        return _write(order, exporter, trusted, aside)


def export_confined(order: Export) -> Exported:
    """Export like `export`, after this process gave up every other file for good (`confine`).

    For a process that does nothing else: whatever a hostile row makes a library do, it reaches the
    release, and writes into the new directory alone. The trust file and the revocation list are
    read before: the service puts new ones in their place, which nobody confined could open.
    """
    exporter, trusted = _known(order.format), _trusted(order)
    with landing(order.out) as aside:
        confined = confine(read=[order.release], write=[aside], name=[aside.parent])
        return replace(_write(order, exporter, trusted, aside), confined=confined)


@dataclass(frozen=True, slots=True)
class _Trusted:
    trust: Trust
    revocations: RevocationList


def _trusted(order: Export) -> _Trusted:
    trust = load_trust(order.trust)
    return _Trusted(trust, read_list(trust, order.at, order.seen))


def _known(format_: str) -> Exporter:
    known = formats()
    if format_ not in known:
        raise UsageError(f"there is no format {format_}; there are {', '.join(sorted(known))}")
    return known[format_]


def _write(order: Export, exporter: Exporter, trusted: _Trusted, aside: Path) -> Exported:
    listed = trusted.revocations
    release = Release(order.release, verify(order.release, trusted.trust, order.at, listed=listed))
    _require_fit(exporter, release)
    exporter.write(release.batches(), release.about(), aside)
    return Exported(release.name, release.rows, confined=False)


def _require_fit(exporter: Exporter, release: Release) -> None:
    if release.kind not in exporter.kinds:
        fit = sorted(name for name, each in formats().items() if release.kind in each.kinds)
        raise UsageError(
            f"{exporter.name} does not fit {release.kind} rows; these do: {', '.join(fit)}"
        )
