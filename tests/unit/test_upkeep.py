"""The releasing role keeps true what others rely on, and draws who looks."""

from __future__ import annotations

from pathlib import Path

from approvals.ledger import Ledger
from approvals.rules import load
from service import wiring
from service.releasing import Upkeep
from service.settings import State
from tests.room import LOOSE, Room

DRAWING = LOOSE.replace("[quorum]\npeople = 2", "[quorum]\ndraw = 2\npeople = 2")


def test_who_looks_is_drawn_once_by_the_releasing_role(tmp_path: Path) -> None:
    state = State(tmp_path)
    wiring.prepare(state)
    state.policy.write_text(DRAWING)
    room = Room(tmp_path, policy=load(DRAWING))
    room.operator = wiring.role_signer(state, "operator")
    with room.store as store:
        room.producer("app")
        for name in ("ana", "ben", "cleo", "dov"):
            room.add(name, roles=["reviewer"])
        room.crowd(12, 3)
        wiring.adopt_policy(state, store, room.later())
        request, _, _ = room.ask()
        upkeep = Upkeep(state, store)
        assert upkeep.once(room.later())
        drawn = Ledger.read(store.acts()).drawn[request.digest]
        assert len(drawn.people) == 2
        assert "ana" not in drawn.people, "who asked does not look"
        size = store.size()
        upkeep.once(room.later())
        assert store.size() == size, "a second time changes nothing"
        assert state.trust.is_file()
        assert state.witness.is_file()
