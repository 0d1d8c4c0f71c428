"""A backup is one moment of a store in use, and comes back as it was or not at all."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from approvals.audit import sign_checkpoint
from quarantine.envelope import read
from quarantine.errors import TamperedError, UsageError
from quarantine.model import to_micros
from quarantine.ports import Store
from service import wiring
from service.backup import Backup, back_up, restore
from service.settings import State
from tests.holding import entry
from tests.room import body

AT = datetime(2026, 1, 2, tzinfo=UTC)
ARRIVED = to_micros(AT)


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state")
    wiring.prepare(state)
    return state


def signed(state: State, store: Store) -> None:
    signer = wiring.role_signer(state, "releasing")
    sign_checkpoint(store, signer, origin=wiring.origin(state), witness=state.witness)


def fill(store: Store, start: int, stop: int) -> None:
    for number in range(start, stop):
        event = read(body("rater/1", f"e{number}", "answer/1"), position=0, arrived=ARRIVED)
        store.take([replace(entry(number, event, digest=b"%d" % number), arrived=ARRIVED)])


@contextmanager
def written_meanwhile(state: State, start: int) -> Iterator[None]:
    """Let another thread, with a connection of its own, write until the block ends."""
    done = threading.Event()

    def write() -> None:
        with wiring.open_store(state) as another:
            number = start
            while not done.is_set():
                fill(another, number, number + 1)
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        done.set()
        writer.join()


def test_a_backup_under_load_is_one_moment_and_comes_back_as_it_was(
    state: State, tmp_path: Path
) -> None:
    with wiring.open_store(state) as store:
        fill(store, 1, 50)
        signed(state, store)
        with written_meanwhile(state, 50):
            backup = back_up(state, store, tmp_path / "backup", AT)
        assert 49 <= backup.size <= store.size()
        assert store.frontier(backup.size).root().hex() == backup.root
    back = State(tmp_path / "back")
    assert restore(tmp_path / "backup", back) == backup
    with wiring.open_store(back) as store:
        assert store.size() == backup.size
        counts = store.counts()["app"]
        assert counts.received == counts.stored == backup.size
    assert wiring.role_publics(back) == wiring.role_publics(state)


def test_a_changed_file_and_a_store_in_the_way_are_refused(state: State, tmp_path: Path) -> None:
    with wiring.open_store(state) as store:
        fill(store, 1, 3)
        back_up(state, store, tmp_path / "backup", AT)
        with pytest.raises(UsageError, match="there already"):
            back_up(state, store, tmp_path / "backup", AT)
    with pytest.raises(UsageError, match="there already"):
        restore(tmp_path / "backup", state)
    with pytest.raises(UsageError, match="no backup"):
        restore(tmp_path, State(tmp_path / "other"))
    policy = tmp_path / "backup" / "policy.toml"
    policy.write_bytes(policy.read_bytes() + b"#")
    with pytest.raises(TamperedError, match="policy"):
        restore(tmp_path / "backup", State(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_an_old_backup_beside_a_newer_witness_is_told(state: State, tmp_path: Path) -> None:
    with wiring.open_store(state) as store:
        fill(store, 1, 3)
        back_up(state, store, tmp_path / "backup", AT)
        fill(store, 3, 6)
        signed(state, store)
    lost = State(tmp_path / "lost")
    lost.witness.parent.mkdir(parents=True)
    shutil.copy(state.witness, lost.witness)
    with pytest.raises(TamperedError, match="the log was cut off"):
        restore(tmp_path / "backup", lost)


def test_a_backup_is_private(state: State, tmp_path: Path) -> None:
    with wiring.open_store(state) as store:
        back_up(state, store, tmp_path / "backup", AT)
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    for file in (tmp_path / "backup").rglob("*.pem"):
        assert file.stat().st_mode & 0o077 == 0
    listed = Backup.parse((tmp_path / "backup" / "backup.json").read_bytes())
    assert "keys/releasing.pem" in listed.files
    assert not [name for name in listed.files if name.startswith("store.db.")]


def test_nobody_else_can_look_into_a_backup_while_it_gets_its_name(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: dict[str, int] = {}
    rename = Path.rename

    def watched(self: Path, target: Path) -> Path:
        named[target.name] = self.stat().st_mode & 0o777
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", watched)
    with wiring.open_store(state) as store:
        back_up(state, store, tmp_path / "backup", AT)
    assert named == {"backup": 0o700}
