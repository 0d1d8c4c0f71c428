"""The gatekeeper: takes a request's rows and what left before, measures, and keeps what it found.

The report is an act in the log, signed by the operator's role, whose key also draws the canaries:
whoever makes releases cannot know them. A release takes the newest report on its request from the
log, so that making it again needs neither the key nor the team's program.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from approvals.attest import act_of
from approvals.backdrop import Backdrop, Drawn, rows_for
from approvals.canaries import OwnCanary, chance_of, read_own, secret_of
from approvals.conditions import Gate
from approvals.exporting import formats
from approvals.gate import Answer, GateReport, GateReported, Measure, furthest
from approvals.model import Request
from approvals.outside import ask
from approvals.ports import Gauge, Signer
from approvals.pulls import SHUFFLES
from approvals.rehearsal import Measured, Rehearsal, looks_of
from quarantine.errors import UsageError
from quarantine.plugins import offered
from quarantine.ports import Store

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a request is measured with.

    `signer` is the operator's key, `folder` where the team's files are (the policy's), `at` now.
    """

    store: Store
    gate: Gate
    signer: Signer
    folder: Path
    at: datetime


def measure(index: int, request: Request, bench: Bench) -> GateReport:
    """Measure what the rows frozen with `request` (at log row `index`) would change.

    The same request, rows, releases before it and key give the same report, byte for byte, but for
    what the team's own program answers. Raises `UsageError` where the team's canaries cannot be
    read, or no gauge fits the rows.
    """
    backdrop = Backdrop.of(bench.store, index, request)
    secret = secret_of(bench.signer.sign, request.digest)
    content, own = _own(bench)
    drawn = rows_for(backdrop, most=bench.gate.rows, chance=chance_of(secret, "rows"))
    rehearsal = Rehearsal(
        rows=drawn.rows, candidate=drawn.candidate, secret=secret, gate=bench.gate, own=own
    )
    found = _gauge(drawn.rows, request.kind).measure(rehearsal)
    answer, told = _asked(bench.gate, backdrop)
    return GateReport(
        request=request.digest,
        root=request.root,
        policy=request.policy,
        gate=bench.gate.name,
        scope=request.scope,
        kind=request.kind,
        before=tuple(left.record.manifest for left in backdrop.accepted),
        seed=hashlib.sha256(secret).hexdigest(),
        canaries=hashlib.sha256(content).hexdigest() if content else "",
        alpha=bench.gate.alpha,
        looks=looks_of((len(backdrop.candidate), len(backdrop.before)), rehearsal, found, SHUFFLES),
        measures=tuple(furthest([*found.measures, *told])),
        own=answer,
        notes=_notes(found, drawn, rehearsal),
    )


def keep(report: GateReport, bench: Bench) -> int:
    """Write a report into the log; return the log row."""
    act = GateReported(at=bench.at, request=report.request, report=report)
    return bench.store.record([act_of(act, bench.signer)])[0]


def _own(bench: Bench) -> tuple[bytes, list[OwnCanary]]:
    name = bench.gate.canaries
    if name is None:
        return b"", []
    try:
        content = (bench.folder / name).read_bytes()
    except OSError as error:
        raise UsageError(f"the canaries {name} cannot be read: {error.strerror}") from error
    return content, read_own(content, name)


def _gauge(rows: pd.DataFrame, kind: str) -> Gauge:
    """Return the first gauge, by name, that fits the rows."""
    gauges = cast("dict[str, Gauge]", dict(offered("approvals.gauges", "GAUGE")))
    for gauge in gauges.values():
        if gauge.fits(rows):
            return gauge
    raise UsageError(f"no gauge fits these {kind} rows: some are labels and some are preferences")


def _asked(gate: Gate, backdrop: Backdrop) -> tuple[Answer | None, list[Measure]]:
    """Ask the team's own program, where the policy names one."""
    if not gate.command:
        return None, []
    exporter = formats().get(gate.format)
    if exporter is None or backdrop.request.kind not in exporter.kinds:
        said = f"format {gate.format} does not fit {backdrop.request.kind} rows"
        return Answer(command=gate.command[0], passed=False, failure=said), []

    def fill(folder: Path, side: str) -> None:
        exporter.write(_batches(backdrop, side), backdrop.about(side), folder)

    return ask(gate, fill)


def _batches(backdrop: Backdrop, side: str) -> Iterable[pa.RecordBatch]:
    members = backdrop.candidate if side == "candidate" else backdrop.newest
    return backdrop.batches(members) if members else [backdrop.nothing()]


def _notes(found: Measured, drawn: Drawn, rehearsal: Rehearsal) -> tuple[str, ...]:
    notes = [*found.notes]
    if rehearsal.is_first:
        notes.append("nothing of this scope and kind left before: absolute limits alone")
    if drawn.is_sampled:
        notes.append("more rows than the gate reads: they were drawn")
    return tuple(notes)
