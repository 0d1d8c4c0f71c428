"""One row's place in the log is proven, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from approvals.audit import sign_checkpoint
from approvals.receipt import ProofNode, Receipt, check, prove
from quarantine.errors import TamperedError, UsageError
from tests.room import Room

ORIGIN = "feedback-quarantine/test"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.crowd(7, 3)
    sign_checkpoint(room.store, room.operator, origin=ORIGIN, witness=tmp_path / "w" / "checkpoint")
    return room


def keys(room: Room) -> dict[str, str]:
    return {"releasing": room.operator.public}


def proven(room: Room, row: int) -> Receipt:
    return prove(room.store, row, room.store.checkpoints()[-1][1], keys(room))


def test_every_row_is_proven_under_the_newest_checkpoint(room: Room) -> None:
    for row in range(room.store.size()):
        found = check(proven(room, row), keys(room))
        assert (found.origin, found.size) == (ORIGIN, room.store.size())


def test_a_proof_of_another_row_or_another_leaf_is_none(room: Room) -> None:
    receipt = proven(room, 4)
    for wrong in (
        receipt.model_copy(update={"index": 5}),
        receipt.model_copy(update={"leaf": "00" * 32}),
        receipt.model_copy(update={"nodes": receipt.nodes[1:]}),
        receipt.model_copy(
            update={"nodes": (ProofNode(level=0, number=0, root="00" * 32), *receipt.nodes)}
        ),
    ):
        with pytest.raises(TamperedError):
            check(wrong, keys(room))


def test_a_row_that_the_checkpoint_never_saw_is_refused(room: Room) -> None:
    room.crowd(1, 1, first=50)
    with pytest.raises(UsageError, match="none is number"):
        proven(room, room.store.size() - 1)
