"""What a process is doing to a store when it is killed: one thing, whole or not at all."""

from __future__ import annotations

from quarantine.model import Act, Dossier, Verdict
from quarantine.ports import Store
from tests.holding import entry, said


def at_work(store: Store, what: str) -> None:
    """Do one thing: `take`, `judge`, `lost`, or nothing."""
    if what == "take":
        store.take([entry(n, *(said(f"{n}-{i}") for i in range(40))) for n in (1, 2, 4)])
    elif what == "judge":
        facts = {"producer": "app", "source": "rater/1", "events": 1, "cluster": "c"}
        dossier = Dossier.model_validate({**facts, "score": 0.5, "verdict": Verdict.WATCH})
        token = store.lease("scoring", "one", at=0, until=9)
        store.judge([dossier], 5, 1, require=lambda: store.fence("scoring", token))
    elif what == "lost":
        store.lost(Act("loss-reported", 1, b"{}"), "app", 4, 6)
