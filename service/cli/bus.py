"""The bus: `up` runs everything, `publish` sends to it, `status` counts what became of it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command

if TYPE_CHECKING:
    from service.settings import State

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

BusOption = Annotated[
    str | None,
    typer.Option(
        "--bus",
        envvar="QUARANTINE_BUS",
        help="redis://…, redis+cluster://…, …; else the embedded one.",
    ),
]


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    command(root, "up", example="quarantine up --bus redis://127.0.0.1:6379")(up)
    sent = "quarantine publish ratings.csv --producer app --sign app.pem --batch 100"
    command(root, "publish", example=sent)(publish)
    command(root, "status", example="quarantine status --json")(status)


def up(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    *,
    bus: BusOption = None,
    store: Annotated[
        str | None,
        typer.Option("--store", help="postgresql://…, remembered; else SQLite in the state."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", help="Just this role: intake, scoring, releasing or witness; repeatable."
        ),
    ] = None,
    http: Annotated[
        str | None,
        typer.Option(
            "--http",
            "--health",
            metavar="HOST:PORT",
            help="Answer /livez, /readyz, /startupz and /metrics there; else nowhere.",
        ),
    ] = None,
    allow_volatile: Annotated[
        bool, typer.Option("--allow-volatile", help="Take a bus that forgets on a crash.")
    ] = False,
    allow_flawed: Annotated[
        bool,
        typer.Option("--allow-flawed", help="Take a server whose version has known flaws."),
    ] = False,
) -> None:
    """Run everything until told to stop; then what is in hand is finished, and it ends with 0."""
    from service import app, logs, releasing, settings, stores, wiring
    from service.bus import shown
    from service.settings import State

    state = State(call.state)
    options = settings.options_of(state)
    named = only or options.only
    roles = app.chosen(named)
    place, url = http or options.http, bus or options.bus
    _require_door(state, place)
    stores.choose(state, store)
    wiring.prepare(state)
    if "releasing" in roles:
        releasing.publish_trust(state, call.store)
        call.close()
    safe = wiring.running_bus(
        state,
        url,
        allow_volatile=allow_volatile or options.allow_volatile,
        allow_flawed=allow_flawed or options.allow_flawed,
        shared=bool(named),
    )
    with safe if app.SPEAKING & set(roles) else nullcontext("") as url:
        where = f"bus {shown(url)}" if url else "no bus"
        answered = f", http://{place}" if place else ""
        tell = logs.telling(options.log, call.tell)
        tell(f"up: {', '.join(roles)}; state {state.root}, {where}{answered}")
        app.Supervisor(state, url, roles, tell, place).run()
    tell("down")


def _require_door(state: State, place: str | None) -> None:
    """Refuse, before anything starts, an address or adapters over which nobody could answer."""
    from service import readiness
    from service.adapting.config import require_whole

    if place is not None:
        readiness.address(place)
        require_whole(state.root, state.adapters)


def publish(  # noqa: PLR0913  a command's options are its arguments
    call: Call,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSONL of CloudEvents, or CSV.")],
    *,
    producer: Annotated[str, typer.Option("--producer", help="Who speaks.")],
    sign: Annotated[
        Path, typer.Option("--sign", help="The private key, or the HMAC secret, in a file.")
    ],
    scope: Annotated[
        str, typer.Option("--scope", help="The scope of CSV rows that name none.")
    ] = "default",
    batch: Annotated[
        int, typer.Option("--batch", min=1, max=1000, help="Events in one entry.")
    ] = 100,
    rate: Annotated[
        float | None, typer.Option("--rate", help="At most so many events a second.")
    ] = None,
    bus: BusOption = None,
) -> None:
    """Sign, batch and publish a file; run again after a crash, it goes on where it was."""
    from service import settings, wiring
    from service.producer import publish_file
    from service.settings import State
    from service.sheets import unnamed

    state = State(call.state)
    url = wiring.bus_url(state, bus)
    with wiring.traces(settings.options_of(state), "publisher") as spans:
        sent = publish_file(
            file,
            wiring.publisher(state, producer, sign, url, spans),
            scope=scope,
            batch=batch,
            rate=rate,
            at=call.rim.now(),
            progress=call.tell,
        )
    if sent.sent and unnamed(file):
        call.tell(
            "no column id: rows are named by their number; what the same sources say in a second "
            "such file of this producer is put aside as a conflict"
        )
    call.say(
        {"producer": producer, "file": str(file), **sent._asdict()},
        [
            f"{sent.sent} events in {sent.entries} entries sent",
            f"{sent.acknowledged} entries acknowledged",
        ],
    )


def status(call: Call, *, bus: BusOption = None) -> None:
    """Count, by producer, what was added, received, stored and put aside; every gap is 0."""
    from quarantine.record import spell_time
    from quarantine.safe import safe
    from service import wiring
    from service.reconcile import status as counted
    from service.settings import State

    state = State(call.state)
    document = counted(
        call.store,
        wiring.known_bus_url(state, bus),
        open_requests=_open_requests(call),
    )
    heads = ["producer", "added", "received", "lost", "pending", "gap"]
    heads += ["events", "stored", "duplicates", "dead"]
    rows = [
        [
            name,
            *(each["entries"][figure] for figure in ("added", "received", "lost", "pending")),
            each["gap"],
            *(
                each["events"][figure]
                for figure in ("received", "stored", "duplicates", "dead_lettered")
            ),
        ]
        for name, each in document["producers"].items()
    ]
    rest = [f"{name}: {value}" for name, value in document.items() if name != "producers"]
    paused = call.roster.paused(call.rim.now())
    call.say(document, [*columns(heads, rows), *rest])
    for name, pause in paused.items():
        call.tell(f"{safe(name)} is paused until {spell_time(pause.until)}: {safe(pause.because)}")


def _open_requests(call: Call) -> int:
    from approvals.desk import outcome, requests
    from approvals.model import State as Stand

    found = [
        outcome(call.store, str(index), call.policy, call.roster, call.rim.now()).state
        for index, _ in requests(call.store)
    ]
    return sum(state is Stand.PENDING for state in found)
