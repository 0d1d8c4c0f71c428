"""Thousands of small changes to a release or to the log: each is detected, and each is named.

200 of them in every run, 2,000 with `--soak`; seeded, so that one that is missed can be met again.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from approvals.audit import audit, sign_checkpoint
from approvals.erase import confirm, propose
from approvals.revoke import TakingBack, take_back
from approvals.signers.file import FileSigner, new_key
from approvals.trust import load_trust
from approvals.verify import inspect, verify
from quarantine.errors import TamperedError
from quarantine.model import Named, SourceKey
from quarantine.stores.sqlite import SqliteStore
from tests.log_mutants import LOG, mutate_store
from tests.mutants import RELEASE, Mutant, Victim
from tests.press import Printer
from tests.room import Room, terms_of

SEED = 20261123


@pytest.fixture(scope="module")
def printer(tmp_path_factory: pytest.TempPathFactory) -> Printer:
    """Two releases, something taken back, something erased, and a witness that saw all of it."""
    printer = Printer(Room(tmp_path_factory.mktemp("room")))
    room = printer.room
    room.crowd(8, 40)
    printer.print("first")
    room.crowd(4, 20, first=40)
    printer.print("second")
    taking = TakingBack(
        source=SourceKey("app", "rater/3"), because="sold", by="ana", at=room.later()
    )
    take_back(room.store, taking, room.signers["ana"])
    record, _ = propose(
        room.store,
        Named(producer="app", source="rater/5"),
        because="asked",
        **terms_of(room, "ana"),
    )
    confirm(room.store, record.digest, because="seen", **terms_of(room, "ben"))
    printer.publish()
    sign_checkpoint(
        room.store, printer.keys["releasing"], origin=printer.origin, witness=_witness(printer)
    )
    room.store.close()
    return printer


def _witness(printer: Printer) -> Path:
    return printer.room.folder / "witness" / "checkpoint"


def _missed(found: str, mutant: Mutant) -> str:
    """Say what is amiss: nothing was found, or what was found does not name it."""
    if not found:
        return f"missed: {mutant.what}"
    if not any(name in found for name in mutant.names):
        return f"not named: {mutant.what}: {found}"
    return ""


def test_every_mutation_of_a_release_is_detected_and_named(
    printer: Printer, tmp_path: Path, *, soak: bool
) -> None:
    whole = printer.room.folder / "second"
    victim = Victim(
        folder=tmp_path / "release",
        ours=printer.keys["releasing"],
        others=[
            new_key(tmp_path / "stranger.pem"),
            printer.keys["scoring"],
            printer.room.signers["ana"],
        ],
        earlier=printer.room.folder / "first",
    )
    trust, at = load_trust(printer.trust_file), printer.room.at
    inspect(whole, trust, at)
    amiss, tried = [], Counter[str]()
    for number in range(1_300 if soak else 130):
        chance = random.Random(f"{SEED} release {number}")
        shutil.copytree(whole, victim.folder)
        how = RELEASE[number % len(RELEASE)]
        mutant = how(chance, victim)
        tried[how.__name__] += 1
        found = ""
        try:
            inspect(victim.folder, trust, at)
        except TamperedError as error:
            found = str(error)
        said = _missed(found, mutant)
        amiss += [f"{number} {said}"] if said else []
        shutil.rmtree(victim.folder)
    assert amiss == []
    assert set(tried) == {how.__name__ for how in RELEASE}


def test_every_mutation_of_the_log_is_detected_and_named(
    printer: Printer, tmp_path: Path, *, soak: bool
) -> None:
    whole, copy = printer.room.folder / "store.db", tmp_path / "store.db"
    stranger = new_key(tmp_path / "stranger.pem")
    shutil.copyfile(whole, copy)
    assert _audited(printer, copy) == []
    amiss, tried = [], Counter[str]()
    for number in range(700 if soak else 70):
        chance = random.Random(f"{SEED} log {number}")
        for file in tmp_path.glob("store.db*"):
            file.unlink()
        shutil.copyfile(whole, copy)
        how = LOG[number % len(LOG)]
        mutant = mutate_store(chance, copy, how, stranger)
        tried[how.__name__] += 1
        said = _missed("; ".join(_audited(printer, copy)), mutant)
        amiss += [f"{number} {said}"] if said else []
    assert amiss == []
    assert set(tried) == {how.__name__ for how in LOG}


def _audited(printer: Printer, store: Path) -> list[str]:
    with SqliteStore(store) as opened:
        return audit(opened, roles=printer.roles, witness=_witness(printer))


def test_a_store_that_is_older_than_the_witness_is_named(printer: Printer, tmp_path: Path) -> None:
    """A store put back as it was before the newest rows is sound in itself; the witness knows."""
    older = tmp_path / "older"
    older.mkdir()
    other = Printer(Room(older))
    other.room.crowd(8, 40)
    other.room.store.close()
    found = audit(SqliteStore(older / "store.db"), roles=other.roles, witness=_witness(printer))
    assert any("witness" in each for each in found)


def test_a_release_whose_rows_were_taken_back_is_refused_beside_one_that_is_whole(
    printer: Printer,
) -> None:
    trust, at = load_trust(printer.trust_file), printer.room.at
    assert verify(printer.room.folder / "second", trust, at).release.rows == 80
    with pytest.raises(TamperedError, match="were taken back"):
        verify(printer.room.folder / "first", trust, at)


def test_the_signers_of_mutants_are_strangers(printer: Printer, tmp_path: Path) -> None:
    stranger: FileSigner = new_key(tmp_path / "k.pem")
    assert stranger.key_id not in {key.key_id for key in printer.keys.values()}
