"""Drills: each day known poison of every kind goes into a shadow copy; lost power is an alarm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa

from approvals.attest import act_of, record_of
from approvals.drills import DRILLS, PowerDrilled, PowerLost
from approvals.ports import Signer
from quarantine.drill import PLAIN, Drill, Setting, attacks, drill, lost, together
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
        *,
        setting: Setting = PLAIN,
    ) -> Drill | None:
        """Drill the next attack that can be played here, and record what came of it.

        Absent without a reference: then no alarm is calibrated, and none can lose its power.
        `require` is asked in the transaction that records it: whether it is our turn still.
        `setting` tells what is known of the events: what they say in words, hidden right answers.
        """
        if released is None or not held.num_rows:
            self._tried[""] = at
            return None
        for attack in self._turn(at):
            self._tried[attack] = at
            seed = len(self._past)
            found = drill(held, released, attack=attack, seed=seed, setting=setting)
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

    def _late(self, found: Drill) -> Drill | None:
        """Return the last drills of an attack together, this one among them, when there are more.

        One day's poison may be too little for a sure answer; so much as the first had is not.
        """
        later = [_drill_of(each) for each in self._past if each.attack == found.attack][FIRST:]
        some = [*later, found][-FIRST:]
        return together(*some) if len(some) == FIRST else None

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
                    ahead=found.ahead,
                ),
                self._signer,
            )
        ]
        late = self._late(found)
        if lost(found, *first) or (late is not None and lost(late, *first)):
            record = PowerLost(at=at, attack=found.attack, because=_because(found, first))
            acts.append(act_of(record, self._signer))
        self._store.record(acts, require)

    def _follow(self) -> None:
        for logged in self._store.acts(self._size):
            if logged.act.kind in _KINDS:
                record = record_of(logged.act)
                if isinstance(record, PowerDrilled):
                    self._past.append(record)
            self._size = logged.index + 1


def _because(now: Drill, first: Sequence[Drill]) -> str:
    """Say what is found of an attack now, and what was found of it first."""
    injected, called, rung = (
        sum(getattr(each, name) for each in first) for name in ("injected", "called", "rung")
    )
    told = (
        f"of {now.injected} sources of {now.attack} {now.called} are called and {now.rung} ring; "
        f"when it was first drilled, of {injected} {called} were called and {rung} rang"
    )
    if now.ahead is None or any(each.ahead is None for each in first):
        return told
    before = sum(each.ahead or 0 for each in first)
    return f"{told}; ahead of nearly all of the reference are {now.ahead}, and were {before}"


def _drill_of(act: PowerDrilled) -> Drill:
    return Drill(
        attack=act.attack,
        injected=act.injected,
        called=act.called,
        rung=act.rung,
        false=act.false,
        others=act.others,
        ahead=act.ahead,
    )
