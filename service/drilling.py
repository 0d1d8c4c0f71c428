"""Drills: each day known poison of every kind goes into a shadow copy; lost power is an alarm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa

from approvals.attest import act_of, record_of
from approvals.drills import DRILLS, PowerDrilled, PowerLost
from approvals.ports import Signer
from quarantine.drill import Drill, attacks, drill, lost
from quarantine.ports import Store

EVERY: Final = timedelta(days=1)
"""Each attack is tried so often, one after the other through the day."""
FIRST: Final = 3
"""So many drills of an attack, its first ones, say together what must be found of it later."""
_KINDS: Final = frozenset(each.act for each in DRILLS)


class Drills:
    """Each attack once a day, in its turn; what was found first is what must be found later."""

    def __init__(self, store: Store, signer: Signer) -> None:
        """Follow the drills in `store`'s log; `signer` is the scoring role's."""
        self._store = store
        self._signer = signer
        self._size = 0
        self._past: list[PowerDrilled] = []
        self._tried: dict[str, datetime] = {}

    def due(self, at: datetime) -> bool:
        """Say whether it is time for the next: attacks share the day, so that each has its turn."""
        self._follow()
        last = [*self._tried.values(), *(one.at for one in self._past[-1:])]
        rested = all(at - each >= EVERY / len(attacks()) for each in last)
        return rested and bool(self._turn(at))

    def once(
        self,
        held: pa.Table,
        released: pa.Table | None,
        at: datetime,
        require: Callable[[], None] | None = None,
    ) -> Drill | None:
        """Drill the next attack that can be played here, and record what came of it.

        Absent without a reference: then no alarm is calibrated, and none can lose its power.
        `require` is asked in the transaction that records it: whether it is our turn still.
        """
        if released is None or not held.num_rows:
            self._tried[""] = at
            return None
        for attack in self._turn(at):
            self._tried[attack] = at
            found = drill(held, released, attack=attack, seed=len(self._past))
            if found is not None and found.injected:
                self._keep(found, at, require)
                return found
        return None

    def _turn(self, at: datetime) -> Sequence[str]:
        """Return the attacks that nobody tried for a day, the one after the last drilled first."""
        names = list(attacks())
        last = self._past[-1].attack if self._past else ""
        start = names.index(last) + 1 if last in names else 0
        tried = {**{each.attack: each.at for each in self._past}, **self._tried}
        fresh = {attack for attack, when in tried.items() if at - when < EVERY}
        return [each for each in (*names[start:], *names[:start]) if each not in fresh]

    def _first(self, attack: str) -> list[Drill]:
        return [_drill_of(each) for each in self._past if each.attack == attack][:FIRST]

    def _keep(self, found: Drill, at: datetime, require: Callable[[], None] | None) -> None:
        first = self._first(found.attack)
        acts = [
            act_of(
                PowerDrilled(
                    at=at,
                    attack=found.attack,
                    injected=found.injected,
                    called=found.called,
                    rung=found.rung,
                    false=found.false,
                    others=found.others,
                ),
                self._signer,
            )
        ]
        if lost(found, *first):
            because = (
                f"of {found.injected} sources of {found.attack} {found.called} are called and "
                f"{found.rung} ring; when it was first drilled, of "
                f"{sum(each.injected for each in first)} "
                f"{sum(each.called for each in first)} were called and "
                f"{sum(each.rung for each in first)} rang"
            )
            record = PowerLost(at=at, attack=found.attack, because=because)
            acts.append(act_of(record, self._signer))
        self._store.record(acts, require)

    def _follow(self) -> None:
        for logged in self._store.acts(self._size):
            if logged.act.kind in _KINDS:
                record = record_of(logged.act)
                if isinstance(record, PowerDrilled):
                    self._past.append(record)
            self._size = logged.index + 1


def _drill_of(act: PowerDrilled) -> Drill:
    return Drill(
        attack=act.attack,
        injected=act.injected,
        called=act.called,
        rung=act.rung,
        false=act.false,
        others=act.others,
    )
