"""The behaviour gate: `gate`, which measures what a request would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command
from approvals.cli.votes import RequestArgument

if TYPE_CHECKING:
    from approvals.gate import GateReport, Measure
    from approvals.gatekeeper import Bench
    from approvals.model import Request

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the report there as well.")
]


def register(root: typer.Typer) -> None:
    """Add this command to `root`."""
    command(root, "gate", example="quarantine gate 3f9ac2d41b07 --out gate.json")(gate)


def gate(call: Call, request: RequestArgument, *, out: OutOption = None) -> None:
    """Measure what a request would change, with and without its rows; exit 6 when it is stopped.

    Needs the operator's key, which draws the canaries. The report goes into the log and, where the
    policy demands a gate, with the release.
    """
    from approvals.desk import find_request
    from approvals.gatekeeper import keep, measure
    from approvals.workflow import request_id
    from quarantine.errors import UnmetError

    with call.trying("gate", by="", about=request):
        index, found = find_request(call.store, request)
        bench = bench_for(call, found)
        report = measure(index, found, bench)
        keep(report, bench)
        if out is not None:
            out.write_bytes(report.canonical())
        call.say(
            {
                "request": request_id(found),
                "passed": report.passed,
                "reasons": report.reasons,
                "report": report.model_dump(mode="json"),
            },
            told(report),
        )
        if not report.passed:
            why = "; ".join(report.reasons)
            raise UnmetError(f"the gate stops request {request_id(found)}: {why}")


def bench_for(call: Call, request: Request) -> Bench:
    """Return what a request is measured with; `UsageError` where no gate speaks of it.

    Raises `StaleError` when the policy changed since the request was made.
    """
    from approvals.gatekeeper import Bench
    from quarantine.errors import StaleError, UsageError

    asked = call.policy.gate_for(request.scope, request.kind)
    if asked is None:
        raise UsageError(f"the policy has no [[gate]] for {request.kind} rows of this scope")
    if call.policy.digest != request.policy:
        raise StaleError("the policy changed since the request was made: ask anew")
    return Bench(
        store=call.store,
        gate=asked,
        signer=call.rim.role(call.state, "operator"),
        folder=call.state,
        at=call.rim.now(),
    )


def gate_before_release(call: Call, ref: str) -> None:
    """Measure a request that is approved and has not passed a gate that its policy demands.

    Where the operator's key is not here, whoever has it runs `quarantine gate` before.
    """
    from approvals.desk import find_request, outcome
    from approvals.gatekeeper import keep, measure
    from approvals.model import State
    from approvals.passing import is_outdated, newest_report
    from quarantine.errors import NotAuthorisedError

    index, request = find_request(call.store, ref)
    if call.policy.gate_for(request.scope, request.kind) is None:
        return
    now = outcome(call.store, ref, call.policy, call.roster, call.rim.now())
    if now.state is not State.APPROVED:
        return
    known = newest_report(call.store, request, call.store.size())
    if known is not None and not is_outdated(call.store, known[1], request):
        return
    try:
        bench = bench_for(call, request)
    except NotAuthorisedError:
        return
    call.tell(f"measuring what the {request.rows} rows would change")
    keep(measure(index, request, bench), bench)


def standing_of(call: Call, request: Request) -> dict[str, object] | None:
    """Return where a request stands with the gate its policy demands; absent without one."""
    from approvals.passing import is_outdated, lacking, newest_report

    asked = call.policy.gate_for(request.scope, request.kind)
    if asked is None:
        return None
    known = newest_report(call.store, request, call.store.size())
    missing = lacking(known and known[1], call.policy, request)
    if known and not missing and is_outdated(call.store, known[1], request):
        missing = f"the gate {asked.name!r} compared with other releases than stand now"
    return {"gate": asked.name, "passed": not missing, "missing": missing}


def told(report: GateReport) -> list[str]:
    """Return a report as lines: the verdict, what stops, what was surest, what was looked at."""
    looks = report.looks
    heads = ("looked", "what", "group", "before", "after", "moved", "limit", "chance", "")
    rows = [_row(each, report.alpha) for each in report.measures[:20]]
    looked = (
        f"{looks.candidate_read} of {looks.candidate} rows beside {looks.accepted_read} of"
        f" {looks.accepted} accepted, {looks.canaries} canaries, {looks.shuffles} shuffles"
    )
    return [
        "passed" if report.passed else "stopped",
        *(f"- {reason}" for reason in report.reasons),
        *columns(heads, rows),
        looked,
        *report.notes,
    ]


def _row(each: Measure, alpha: float) -> list[str]:
    figures = (each.before, each.after, each.moved, each.limit, each.p)
    spelled = ["" if figure is None else f"{figure:.3f}" for figure in figures]
    return [each.looked, each.what, each.group, *spelled, "stops" if each.stops(alpha) else ""]
