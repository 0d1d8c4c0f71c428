"""What is in force here: `config`, with no secret in it."""

from __future__ import annotations

import typer

from approvals.cli.command import Call, command
from service.cli.bus import BusOption

# ruff: noqa: PLC0415  what a command needs is loaded when it runs, not by `--help`


def register(root: typer.Typer) -> None:
    """Add this command to `root`."""
    command(root, "config", example="quarantine config --json")(config)


def config(call: Call, *, bus: BusOption = None) -> None:
    """Say what is in force: places, policy, keys by id, parts; secrets and passwords left out."""
    from approvals.keys import key_id
    from quarantine.plugins import offered
    from quarantine.safe import safe
    from service import settings, stores, wiring
    from service.bus import shown
    from service.settings import State

    state = State(call.state)
    options = settings.options_of(state)
    wiring.require_begun(state)
    policy = wiring.policy_of(state)
    url = wiring.known_bus_url(state, bus)
    roster = call.roster
    document: dict[str, object] = {
        "state": str(state.root.absolute()),
        "store": stores.shown(stores.location(state)),
        "bus": shown(url) if url else "embedded, not started yet",
        "settings": {
            name: shown(value) if name in {"bus", "store"} else value
            for name, value in options.model_dump(mode="json", exclude_defaults=True).items()
        },
        "policy": {"file": str(state.policy), "digest": policy.digest},
        "log": wiring.origin(state),
        "roles": {role: key_id(pem) for role, pem in wiring.role_publics(state).items()},
        "producers": sorted(roster.producers),
        "reviewers": {
            name: {"person": each.person, "key": each.key, "roles": sorted(each.roles)}
            for name, each in sorted(roster.reviewers.items())
        },
        "detectors": wiring.detector_settings(),
        "linkers": sorted(offered("quarantine.linkers", "LINKER")),
        "kinds": sorted(offered("quarantine.kinds", "KIND")),
        "exporters": sorted(
            name.replace("_", "-") for name in offered("approvals.exporters", "EXPORTER")
        ),
    }
    call.say(document, [f"{name}: {safe(str(value))}" for name, value in document.items()])
