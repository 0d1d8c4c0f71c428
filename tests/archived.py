"""Archives of a reviewers' room for tests: signed by its operator, opened with that key alone."""

from __future__ import annotations

from pathlib import Path

from approvals.checkpoint import origin_of
from approvals.trust import RoleKey, write_trust
from service.archive import archive
from service.holdings import Manifest, read_manifest
from service.rescoring import Window
from tests.room import Room


def kept(room: Room, out: Path) -> Manifest:
    """Bring the archive in `out` up to what the room's store holds."""
    return archive(room.store, out, room.at, room.operator)


def opened(room: Room, out: Path) -> Manifest:
    """Read the archive's manifest, with the room's key as the only one that counts."""
    return read_manifest(out, lambda _: {room.operator.key_id: room.operator.public})


def window(room: Room, out: Path, scope: str = "") -> Window:
    """Open the archive, or one scope of it, to be scored."""
    return Window(out, opened(room, out), scope)


def trusting(room: Room, file: Path) -> Path:
    """Write a trust file by which the room's key signs for the log."""
    write_trust(
        file,
        roster=room.roster,
        keys=[RoleKey(role="releasing", public=room.operator.public)],
        origin=origin_of(room.operator.public),
    )
    return file
