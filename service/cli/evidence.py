"""The auditor's pack: `evidence`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from approvals.cli.command import Call, command
from service.cli.bus import BusOption

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(root: typer.Typer) -> None:
    """Add this command to `root`."""
    example = "quarantine evidence --out pack --releases releases --scorecard scorecard"
    command(root, "evidence", example=example)(evidence)


def evidence(
    call: Call,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A directory to be made.")],
    releases: Annotated[
        Path | None,
        typer.Option("--releases", metavar="DIR", help="Where release directories lie."),
    ] = None,
    scorecard: Annotated[
        Path | None,
        typer.Option("--scorecard", metavar="DIR", help="What `redteam --out` wrote."),
    ] = None,
    bus: BusOption = None,
) -> None:
    """Bundle what an auditor asks for, signed, with a verifier that needs Python alone.

    The log's checkpoint and that it only grew, every act with its proof, policies, roster, releases
    with their certificates, what was taken back, conservation, detectors' power, reviewers'
    records, drift, and the doctor's answer; no words of feedback. Release directories are looked
    for under `--releases`, else under the state directory.
    """
    from service import wiring
    from service.cli.doctor import examined
    from service.pack.bundle import Order, pack
    from service.reconcile import status
    from service.settings import State

    state = State(call.state)
    call.rim.publish_trust(call.state, call.store)
    open_requests = _open(call)
    order = Order(
        state=state,
        store=call.store,
        roster=call.roster,
        signer=call.rim.role(call.state, "releasing"),
        at=call.rim.now(),
        origin=call.rim.origin(call.state),
        keys=call.rim.publics(call.state),
        settings=call.rim.detectors(),
        status=status(call.store, wiring.known_bus_url(state, bus), open_requests=open_requests),
        doctor=examined(call, bus)[0],
        releases=releases or call.state,
        scorecard=scorecard,
    )
    made = pack(order, out)
    trust = state.trust
    call.say(
        {"pack": str(out), "trust": str(trust), **made.model_dump(mode="json")},
        [
            f"{made.files} files in {out}",
            f"{made.acts} acts of a log of {made.size}",
            f"{made.manifests} of {made.releases} releases",
            f"verify it: python -I {out / 'verify.py'} {out} --trust {trust}",
        ],
    )


def _open(call: Call) -> int:
    from approvals.desk import outcomes
    from approvals.model import State as Stand

    found = outcomes(call.store, call.policy, call.roster, call.rim.now())
    return sum(each.state is Stand.PENDING for _, _, each in found)
