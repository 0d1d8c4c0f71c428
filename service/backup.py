"""A backup of a state directory, taken while it is in use, and the way back from it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

from approvals.audit import audit
from approvals.landing import landing
from quarantine.errors import TamperedError, UsageError
from quarantine.ports import Store
from quarantine.record import Moment, Record
from quarantine.safe import safe
from service import stores, wiring
from service.settings import State

LIST: Final = "backup.json"
_OWNER: Final = 0o600


class Backup(Record):
    """What a backup holds: the log's `size` and `root` (hex), and every file by its SHA-256."""

    at: Moment
    size: int
    root: str
    files: dict[str, str]


def back_up(state: State, store: Store, to: Path, at: datetime) -> Backup:
    """Write the store, the keys and the policy to the new directory `to`; all of it or nothing.

    The store is copied at one moment while others go on writing; the bus is not part of it. The
    directory holds private keys and is readable by its owner alone.
    """
    with landing(to, mode=0o700) as aside:
        _store_copied(state, store, aside / state.store.name)
        for file in _files(state):
            _copy(file, aside / file.relative_to(state.root))
        with stores.opened(str(aside / state.store.name)) as copy:
            size = copy.size()
            root = copy.frontier(size).root().hex()
        for left in aside.glob(f"{state.store.name}?*"):
            left.unlink()  # SQLite's own companions come and go with each opening
        backup = Backup(at=at, size=size, root=root, files=_digests(aside))
        (aside / LIST).write_bytes(backup.canonical())
    return backup


def _store_copied(state: State, store: Store, to: Path) -> None:
    """Copy the store into a file, whatever it is in itself: what is backed up needs no server."""
    if stores.is_url(stores.location(state)):
        stores.carried(store, str(to))
    else:
        store.copy(str(to))


def restore(backup: Path, state: State) -> Backup:
    """Put a backup back as the state directory `state`, which must hold no store yet.

    The whole log is verified before anything gets its place. A witness's checkpoint that is there
    already stays, and is newer when the log goes on after the backup: then the audit says what is
    missing. Raises `UsageError` when there is something in the way or no backup, `TamperedError`
    when a file is not what was backed up.
    """
    found = _read(backup)
    place = stores.location(state)
    if state.store.exists():
        raise UsageError(f"{state.store} is there already, and nothing is written over")
    _require_same(backup, found)
    state.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in sorted(found.files, key=lambda name: name == state.store.name):
        kept = state.root / name
        if kept == state.store and stores.is_url(place):
            _put_into(place, backup / name)
        elif not (kept == state.witness and kept.exists()):
            _copy(backup / name, kept)
    _require_sound(state, found)
    return found


def _require_same(backup: Path, listed: Backup) -> None:
    held = _digests(backup)
    for name, digest in listed.files.items():
        if held.get(name) != digest:
            raise TamperedError(f"{safe(name)} is not what was backed up")


def _put_into(place: str, file: Path) -> None:
    """Carry a backed-up store into the empty database at `place`; the backup stays as it is."""
    with tempfile.TemporaryDirectory() as aside:
        copied = Path(aside) / file.name
        _copy(file, copied)
        with stores.opened(str(copied)) as store:
            stores.carried(store, place)


def _require_sound(state: State, backup: Backup) -> None:
    with wiring.open_store(state) as store:
        problems = audit(store, roles=wiring.role_publics(state), witness=state.witness)
        if store.frontier(backup.size).root().hex() != backup.root:
            problems.append("the log is not the one that was backed up")
    if problems:
        raise TamperedError("what was put back does not verify: " + "; ".join(problems[:20]))


def _read(backup: Path) -> Backup:
    try:
        return Backup.parse((backup / LIST).read_bytes())
    except OSError as error:
        raise UsageError(f"{backup} is no backup: {error.strerror}") from error


def _files(state: State) -> list[Path]:
    """Return what a state directory holds beside its store and its bus."""
    single = (state.policy, state.trust, state.revocations, state.witness, state.told)
    folders = (state.key("any").parent, state.ledgers)
    return [
        *(file for file in single if file.is_file()),
        *(file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()),
    ]


def _copy(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copyfile(file, to)
    to.chmod(_OWNER if not file.stat().st_mode & 0o044 else 0o644)


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256")
            found[file.relative_to(folder).as_posix()] = digest.hexdigest()
    return found
