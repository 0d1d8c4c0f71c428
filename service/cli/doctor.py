"""Is it safe to run here: `doctor` looks at the bus, the files, the clock and the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from approvals.cli.command import Call, command
from service.cli.bus import BusOption

if TYPE_CHECKING:
    from service.health import Checks
    from service.settings import State

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(root: typer.Typer) -> None:
    """Add this command to `root`."""
    command(root, "doctor", example="quarantine doctor --bus redis://127.0.0.1:6379")(doctor)


def doctor(call: Call, *, bus: BusOption = None) -> None:
    """Say whether it is safe to run here; each thing that is not, with its mend, and exit 1."""
    document, lines = examined(call, bus)
    call.say(document, lines)
    if not document["safe"]:
        raise typer.Exit(1)


def examined(call: Call, bus: str | None) -> tuple[dict[str, object], list[str]]:
    """Look at everything; return the answer as a document and as lines."""
    from quarantine.safe import safe
    from service import premises
    from service.settings import State

    state = State(call.state)
    checks = {**premises.examine(state), **_of_store(state), **_of_bus(call, state, bus)}
    document = [
        {"check": name, "ok": not doubts, "doubts": [doubt._asdict() for doubt in doubts]}
        for name, doubts in checks.items()
    ]
    lines = []
    for name, doubts in checks.items():
        lines += [f"{'ok' if not doubts else '!!'}  {name}"]
        lines += [f"    {safe(doubt.because)}: {safe(doubt.mend)}" for doubt in doubts]
    safe_to_run = not any(checks.values())
    lines.append("safe to run here" if safe_to_run else "not safe to run here")
    return {"safe": safe_to_run, "checks": document}, lines


def _of_store(state: State) -> Checks:
    """Look at the server that keeps the store, where it is not a file."""
    from quarantine.errors import UnavailableError
    from service import stores
    from service.health import Doubt

    place = stores.location(state)
    if not stores.is_url(place):
        return {}
    try:
        found = [Doubt(*each) for each in stores.doubts(place)]
    except UnavailableError as error:
        found = [Doubt(str(error), "start it, or mend its address")]
    return {"store's server": found}


def _of_bus(call: Call, state: State, bus: str | None) -> Checks:
    """Look at the bus; the embedded one is safe by its settings, and need not run now."""
    from quarantine.errors import UnavailableError
    from service import embedded, health, wiring

    url = wiring.known_bus_url(state, bus)
    if url is None or (bus is None and not embedded.answers(url)):
        call.tell("the embedded bus does not run now, and is not looked at")
        return {}
    producers = call.roster.producers if call.rim.has_store(call.state) else ()
    try:
        found = health.examine(url, call.rim.now(), producers)
    except UnavailableError as error:
        mend = "start it, or mend its address"
        return {"bus": [health.Doubt(str(error), mend)]}
    return {f"bus: {name}": doubts for name, doubts in found.items()}
