"""Adapters to other systems: `adapter list`, `adapter pull`, `adapter load`, `adapter aside`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from approvals.cli.command import Call, columns, command
from service.cli.bus import BusOption

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.adapting.forwarding import Forwarded, Forwarder

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Its file is adapters/NAME.toml.")
]


def register(root: typer.Typer) -> None:
    """Add these commands to `root`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    root.add_typer(
        app,
        name="adapter",
        help="Feedback of the tools that you have, brought to the bus.",
        epilog="Example: quarantine adapter list",
    )
    command(app, "list", example="quarantine adapter list")(list_)
    command(app, "pull", example="quarantine adapter pull langfuse --once")(pull)
    command(app, "load", example="quarantine adapter load sheet answers.csv")(load)
    command(app, "aside", example="quarantine adapter aside langfuse --again")(aside)


def list_(call: Call) -> None:
    """List the systems that there are adapters for, and those that are set up here."""
    from service.adapting.config import adapters, names_in, read_config
    from service.adapting.inbox import Inbox
    from service.settings import State

    folder = State(call.state).adapters
    set_up = []
    for name in names_in(folder):
        config = read_config(folder, name)
        with Inbox(folder / f"{name}.inbox") as inbox:
            came, waiting, put_aside = inbox.counts()
        set_up.append(
            {
                "name": name,
                "adapter": config.adapter,
                "scope": config.scope,
                "records": came,
                "waiting": waiting,
                "aside": put_aside,
            }
        )
    known = [
        {"adapter": each.name, "title": each.title, "comes": _way(each)}
        for _, each in sorted(adapters().items())
    ]
    heads = ("name", "adapter", "scope", "records", "waiting", "aside")
    rows = [[str(each[head]) for head in heads] for each in set_up]
    call.say(
        {"adapters": known, "set_up": set_up},
        [
            *columns(("adapter", "title", "comes"), [list(each.values()) for each in known]),
            "",
            *(columns(heads, rows) if rows else [f"none is set up in {folder}"]),
        ],
    )


def pull(
    call: Call,
    name: NameArgument,
    *,
    bus: BusOption = None,
    once: Annotated[bool, typer.Option("--once", help="Ask once, and end.")] = False,
) -> None:
    """Ask a system for what is new and forward it, again and again until told to stop."""
    import time

    from quarantine.errors import UnavailableError
    from service.adapting.polling import pull as pull_once

    with _forwarder(call, name, bus) as forwarder:
        while not once:
            try:
                call.tell(_line(pull_once(forwarder, call.rim.now)))
            except UnavailableError as error:
                call.tell(f"{name}: {error}; asking again in a while")
            time.sleep(forwarder.config.every.total_seconds())
        _say(call, pull_once(forwarder, call.rim.now))


def load(
    call: Call,
    name: NameArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSONL, CSV or Parquet.")],
    *,
    bus: BusOption = None,
) -> None:
    """Forward the records of a file; run again, it forwards what is new in it."""
    from service.adapting.rows import records_in

    with _forwarder(call, name, bus) as forwarder:
        _say(call, _taken(call, forwarder, records_in(file)))


def aside(
    call: Call,
    name: NameArgument,
    *,
    bus: BusOption = None,
    again: Annotated[
        bool, typer.Option("--again", help="Read all of it once more, by today's settings.")
    ] = False,
) -> None:
    """List what could not be said in our words, and why; nothing of it is lost."""
    from quarantine.safe import safe

    with _forwarder(call, name, bus) as forwarder:
        if again:
            forwarder.inbox.again()
            _taken(call, forwarder, [])
        found = list(forwarder.inbox.aside())
    document = [each._asdict() for each in found]
    rows = [
        [each.digest[:12], str(each.place), each.reason, safe(each.detail, 200)] for each in found
    ]
    call.say(document, columns(("record", "part", "reason", "detail"), rows))


def _taken(call: Call, forwarder: Forwarder, bodies: Iterable[bytes]) -> Forwarded:
    """Take `bodies` in parts, so that a large file is never in memory whole."""
    from itertools import islice

    from service.adapting.forwarding import AT_ONCE, Forwarded

    left = iter(bodies)
    done = [forwarder.take([], call.rim.now)]
    while some := list(islice(left, AT_ONCE)):
        done.append(forwarder.take(some, call.rim.now))
    return Forwarded(*(sum(each) for each in zip(*done, strict=True)))


def _forwarder(call: Call, name: str, bus: str | None) -> Forwarder:
    from service import wiring
    from service.adapting.config import read_config
    from service.adapting.forwarding import Forwarder
    from service.settings import State

    state = State(call.state)
    config = read_config(state.adapters, name)
    url = wiring.bus_url(state, bus)
    return Forwarder(
        name, config, state, lambda producer, key: wiring.publisher(state, producer, key, url)
    )


def _say(call: Call, done: Forwarded) -> None:
    call.say(done._asdict(), [_line(done)])


def _line(done: Forwarded) -> str:
    return f"{done.records} new records: {done.events} events published, {done.aside} put aside"


def _way(adapter: object) -> str:
    from service.adapting.words import Adapter

    if not isinstance(adapter, Adapter):
        return ""
    ways = [
        *(["is asked"] if adapter.poll else []),
        *(["calls"] if adapter.authentic else []),
        "in files",
    ]
    return ", ".join(ways)
