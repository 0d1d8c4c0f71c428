"""The witness remembers the newest checkpoint, and says when the log forgot one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from approvals.audit import sign_checkpoint
from quarantine.errors import TamperedError
from quarantine.ports import Store
from service import wiring
from service.settings import State
from service.watch.looking import Looker
from service.witness import Witness
from tests.holding import entry, said


def grown(state: State, store: Store, start: int, stop: int) -> None:
    """Let the log grow by some events, and sign it."""
    for number in range(start, stop):
        store.take([entry(number, said(f"e{number}"))])
    signer = wiring.role_signer(state, "releasing")
    sign_checkpoint(store, signer, origin=wiring.origin(state), witness=state.witness)


def test_it_remembers_what_is_newer_and_only_that(state: State, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "remembered"
    with wiring.open_store(state) as store:
        witness = Witness(store, place, wiring.role_publics(state))
        assert witness.once() == 0
        assert not place.exists()
        grown(state, store, 1, 4)
        assert witness.once() == 3
        first = place.read_bytes()
        assert witness.once() == 3
        assert place.read_bytes() == first
        grown(state, store, 4, 6)
        assert witness.once() == 5
        assert place.read_bytes() != first


def test_an_old_store_that_was_put_back_is_told_by_who_remembers(
    state: State, tmp_path: Path
) -> None:
    place = tmp_path / "remembered"
    publics = wiring.role_publics(state)
    with wiring.open_store(state) as store:
        grown(state, store, 1, 3)
        store.copy(str(tmp_path / "old.db"))
        grown(state, store, 3, 6)
        Witness(store, place, publics).once()
    shutil.rmtree(state.witness.parent)
    for file in state.root.glob("store.db*"):
        file.unlink()
    shutil.copy(tmp_path / "old.db", state.store)
    with wiring.open_store(state) as store:
        kept = place.read_bytes()
        with pytest.raises(TamperedError, match=r"remembers saw 5 log rows, the store has 2"):
            Witness(store, place, publics).once()
        assert place.read_bytes() == kept, "it does not forget because it was told to"


def test_a_checkpoint_of_a_stranger_is_not_remembered(state: State, tmp_path: Path) -> None:
    other = State(tmp_path / "other")
    wiring.prepare(other)
    with wiring.open_store(state) as store:
        store.take([entry(1, said("e1"))])
        signer = wiring.role_signer(other, "releasing")
        sign_checkpoint(
            store, signer, origin=wiring.origin(other), witness=tmp_path / "w" / "checkpoint"
        )
        with pytest.raises(TamperedError, match="no key of the log"):
            Witness(store, tmp_path / "remembered", wiring.role_publics(state)).once()
    assert not (tmp_path / "remembered").exists()


def test_who_looks_says_how_much_is_verified_and_counts_when_it_is_not(state: State) -> None:
    looker = Looker(state, "", wiring.now)
    with wiring.open_store(state) as store:
        grown(state, store, 1, 4)
        found = looker.ready()
        assert found.complaints["log"] == []
        assert found.figures["fq_log_verified_index"] == {(): 3}
        assert found.figures["fq_log_verify_failures_total"] == {(): 0}
        note = state.witness.read_bytes()
        state.witness.write_bytes(note.replace(b"\n3\n", b"\n4\n"))
        found = looker.ready()
        assert "log: " in found.complaints["log"][0]
        assert found.figures["fq_log_verify_failures_total"] == {(): 1}
        state.witness.write_bytes(note)
        assert looker.ready().complaints["log"] == []
    looker.close()
