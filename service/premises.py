"""Is the place safe that the service lives in: who can read its files, and is there room."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from quarantine.errors import QuarantineError
from quarantine.record import spell_time
from service.health import Checks, Doubt
from service.settings import State

LEAST_FREE: Final = 1024**3
"""Bytes that are free on the disk, at least: a store that cannot be written takes nothing in."""

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def examine(state: State) -> Checks:
    """Look at the state directory, made or not: the store, the keys, the socket, the disk."""
    return {
        "store and state": list(_open_to_others(state.root, *_store_files(state))),
        "keys and secrets": list(_open_to_others(*_key_files(state))),
        "socket": list(_of_socket(state)),
        "disk": list(_of_disk(state)),
        "hooks": list(_of_hooks(state)),
    }


def _store_files(state: State) -> Iterator[Path]:
    """Yield the store's own files: what is being written stands beside it."""
    yield from state.root.glob(f"{state.store.name}*")


def _key_files(state: State) -> Iterator[Path]:
    keys = state.key("any").parent
    yield from (keys, state.secrets)
    yield from keys.glob("*.pem")
    yield from state.secrets.glob("*")


def _open_to_others(*places: Path) -> Iterator[Doubt]:
    for place in places:
        if place.exists() and place.stat().st_mode & _OTHERS:
            mode = stat.S_IMODE(place.stat().st_mode)
            wanted = "700" if place.is_dir() else "600"
            yield Doubt(f"{place} is open to others ({mode:o})", f"chmod {wanted} {place}")


def _of_socket(state: State) -> Iterator[Doubt]:
    """Yield a doubt where others can reach the embedded bus: by its directory or by its socket."""
    yield from _open_to_others(state.bus)
    address = state.bus / "address"
    if address.exists():
        socket = Path(address.read_text(encoding="utf-8").strip().removeprefix("unix://"))
        yield from _open_to_others(socket.parent)
        if socket.is_socket():
            yield from _open_to_others(socket)


def _of_hooks(state: State) -> Iterator[Doubt]:
    """Yield a doubt for each hook that fails: training systems do not know what it should say."""
    from service.calling import failing  # noqa: PLC0415  most looks find no hooks

    if not state.hooks.exists():
        return
    try:
        found = list(failing(state))
    except QuarantineError as error:
        yield Doubt(str(error), "mend it, and start the releasing role anew")
        return
    for name, called in found:
        since = called.since and spell_time(called.since)
        yield Doubt(f"{called.failed}, {called.tries} times since {since}", f"mend hook {name}")


def _of_disk(state: State) -> Iterator[Doubt]:
    place = next(each for each in (state.root, *state.root.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE:
        yield Doubt(
            f"{free // 1024**2} MiB are free under {place}",
            f"make room: {LEAST_FREE // 1024**2} MiB at least",
        )
