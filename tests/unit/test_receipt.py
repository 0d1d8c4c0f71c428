"""One row's place in the log is proven, and nothing else is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from approvals.audit import sign_checkpoint
from approvals.receipt import ProofNode, Receipt, audit_path, check, prove
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


def climbed(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The verifier of RFC 9162, section 2.1.3.2, word by word."""
    at, last, root = index, size - 1, leaf
    for beside in path:
        assert last > 0
        if at & 1 or at == last:
            root = hashlib.sha256(b"\x01" + beside + root).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = hashlib.sha256(b"\x01" + root + beside).digest()
        at, last = at >> 1, last >> 1
    assert last == 0
    return root


def test_a_strangers_verifier_takes_the_path_of_every_row(room: Room) -> None:
    for row in range(room.store.size()):
        receipt = proven(room, row)
        signed = check(receipt, keys(room))
        path = [bytes.fromhex(each) for each in audit_path(receipt, signed.size)]
        leaf = bytes.fromhex(receipt.leaf)
        assert climbed(leaf, row, signed.size, path) == signed.root
        assert climbed(leaf[::-1], row, signed.size, path) != signed.root
