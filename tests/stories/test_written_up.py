"""The scoring loop writes up where to find what is named, and a role alone may do that."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from approvals.roster import Roster
from quarantine.errors import NotAuthorisedError
from quarantine.model import Named
from quarantine.rows.store import RowStore
from quarantine.stores.postgres import STORE
from service import wiring
from service.lease import lease
from service.roles import scoring
from service.scoring import Scorer
from service.settings import State
from service.watch.teller import Teller
from tests.concorded import WIDE, fill
from tests.postgres import Server
from tests.room import Room, body


class Once(threading.Event):
    """What a loop waits for, and is told at its first pause."""

    def wait(self, timeout: float | None = None) -> bool:
        """Stop instead of pausing."""
        del timeout
        self.set()
        return True


def test_the_loop_writes_it_up_beside_its_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RowStore, "concorded", WIDE)
    room = Room(tmp_path)
    names = [f"rater/{n}" for n in range(30)]
    room.hear([body(name, f"{name}-{n}", f"answer-{n}") for name in names for n in range(9)])
    with room.store as store:
        target = store.find(Named(target="answer-3"))
        turn = lease(store, "scoring", State(tmp_path), wiring.now)
        scorer = Scorer(store, Roster(), room.operator)
        with Teller(None, "scoring", quiet_s=60) as teller:
            scoring._watch(scorer, Once(), teller, turn)
        assert len(store.dossiers()) == len(names)
        assert store.concord(0) == 0, "nothing is left to be written up"
        assert store.find(Named(target="answer-3")) == target
        assert len(target) == len(names)


def test_in_postgresql_the_scorer_writes_it_and_no_other_role(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RowStore, "concorded", WIDE)
    url = postgres.new()
    with STORE(url) as owner:
        fill(owner, range(1, 6))
        found = owner.find(Named(target="answer/1"))
    for role in ("reviewer", "releaser", "operator"):
        with STORE(url.replace("keeper@", f"{role}@")) as store:
            with pytest.raises(NotAuthorisedError):
                store.concord()
            assert store.find(Named(target="answer/1")) == found
    with STORE(url.replace("keeper@", "scorer@")) as store:
        assert store.concord() == 0
    with STORE(url.replace("keeper@", "reviewer@")) as store:
        assert store.find(Named(target="answer/1")) == found
        assert list(store.verify()) == []
