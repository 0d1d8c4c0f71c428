"""What is looked at today, and who is spoken for: `sources queue`, `appeal`, `appeals`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command
from approvals.cli.sources import (
    AsOption,
    BecauseOption,
    SignOption,
    SourceArgument,
    known_source,
)

if TYPE_CHECKING:
    from approvals.caseload import Waiting

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(app: typer.Typer) -> None:
    """Add these commands to the group `sources`."""
    signed = "--because 'we know them' --as ana --sign ana.pem"
    command(app, "queue", example="quarantine sources queue --as ana")(queue)
    command(app, "appeal", example=f"quarantine sources appeal app/rater/8812 {signed}")(appeal)
    command(app, "appeals", example="quarantine sources appeals --json")(appeals)


def queue(
    call: Call,
    *,
    by: Annotated[str, typer.Option("--as", help="Your reviewer name.")] = "",
) -> None:
    """List the day's cases, worst first, never more than the policy's day holds; others wait."""
    from approvals import caseload
    from quarantine.record import spell_time

    at = call.rim.now()
    workload = call.policy.workload or caseload.USUAL
    cases = [*_cases(call), *_probes(call, by)]
    found = caseload.queue(cases, workload, at, done=caseload.done_on(call.store.acts(), at))
    document = {
        "cases": [{"source": each.name, "since": spell_time(each.since)} for each in found.shown],
        "waiting": found.waiting,
        "lapsed": [each.name for each in found.lapsed],
    }
    rows = [(each.name, spell_time(each.since)) for each in found.shown]
    left = f"({found.waiting} wait behind them; {len(found.lapsed)} waited too long and stay held)"
    call.say(document, [*columns(("source", "since"), rows), left])


def appeal(
    call: Call, source: SourceArgument, *, because: BecauseOption, by: AsOption, sign: SignOption
) -> None:
    """Speak for a source that is held; who held it cannot be who rules on it then."""
    from approvals.desk import appeal as record

    key = known_source(call, source)
    with call.trying("sources appeal", by=by, about=str(key)):
        reviewer, signer = call.signed(by, sign)
        record(call.store, key, because=because, by=reviewer, signer=signer, at=call.rim.now())
    call.say({"source": str(key), "appealed": True}, [f"{source}: appealed by {by}"])


def appeals(call: Call) -> None:
    """List the appeals and what came of them, with the share cleared and how long it took."""
    from approvals.appeals import appeals as every
    from approvals.appeals import measured
    from quarantine.record import spell_time

    found = every(call.store.acts())
    told = measured(found)
    document = {
        **told._asdict(),
        "all": [
            {
                "source": str(each.source),
                "by": each.by,
                "because": each.because,
                "at": spell_time(each.at),
                "held_by": each.held_by or None,
                "outcome": each.outcome,
                "decided_by": each.decided_by or None,
                "hours": each.took.total_seconds() / 3600 if each.took else None,
            }
            for each in found
        ],
    }
    heads = ("source", "by", "outcome", "because")
    rows = [(str(each.source), each.by, each.outcome, each.because) for each in found]
    took = "" if told.median_hours is None else f", {told.median_hours:.1f} hours (median)"
    call.say(
        document,
        [
            *columns(heads, rows),
            f"{told.appeals} appeals, {told.open} open, {told.cleared} cleared{took}",
        ],
    )


def _cases(call: Call) -> list[Waiting]:
    from approvals.appeals import open_appeals
    from approvals.caseload import doubted_since, of_appeals, of_sources

    acts = list(call.store.acts())
    cases = of_sources(call.store.dossiers(), call.roster, doubted_since(acts), call.rim.now())
    return of_appeals(cases, open_appeals(acts))


def _probes(call: Call, by: str) -> list[Waiting]:
    """Return the probes that this reviewer has not seen, as cases like any other."""
    from approvals.caseload import of_probes
    from approvals.probes import kept, waiting

    if not by:
        return []
    acts = list(call.store.acts())
    found = waiting(kept(call.state, acts), acts, call.roster, call.reviewer(by).person)
    return of_probes([probe.dossier for probe in found], call.rim.now(), call.policy.probing)
