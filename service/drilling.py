"""The drill: once a day known poison goes into a shadow copy, and lost power is an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa

from approvals.attest import act_of, record_of
from approvals.drills import DRILLS, PowerDrilled, PowerLost
from approvals.ports import Signer
from quarantine.drill import Drill, attacks, drill, lost
from quarantine.ports import Store

EVERY: Final = timedelta(days=1)
_KINDS: Final = frozenset(each.act for each in DRILLS)


class Drills:
    """One attack a day, each in its turn; what was found first is what must be found later."""

    def __init__(self, store: Store, signer: Signer) -> None:
        """Follow the drills in `store`'s log; `signer` is the scoring role's."""
        self._store = store
        self._signer = signer
        self._size = 0
        self._past: list[PowerDrilled] = []
        self._tried: datetime | None = None

    def due(self, at: datetime) -> bool:
        """Say whether a day has passed since the last one, and since one was last tried."""
        self._follow()
        last = [each for each in (self._tried, *(one.at for one in self._past[-1:])) if each]
        return all(at - each >= EVERY for each in last)

    def once(self, held: pa.Table, released: pa.Table | None, at: datetime) -> Drill | None:
        """Drill the next attack that can be played here, and record what came of it.

        Absent without a reference: then no alarm is calibrated, and none can lose its power.
        """
        self._tried = at
        if released is None or not held.num_rows:
            return None
        for attack in self._turn():
            found = drill(held, released, attack=attack, seed=len(self._past))
            if found is not None and found.injected:
                self._keep(found, at)
                return found
        return None

    def _turn(self) -> Sequence[str]:
        """Return the attacks, the one after the last drilled first."""
        names = list(attacks())
        last = self._past[-1].attack if self._past else ""
        start = names.index(last) + 1 if last in names else 0
        return [*names[start:], *names[:start]]

    def _keep(self, found: Drill, at: datetime) -> None:
        first = next((each for each in self._past if each.attack == found.attack), None)
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
        if first is not None and lost(found, _drill_of(first)):
            because = (
                f"of {found.injected} sources of {found.attack} {found.called} are called and "
                f"{found.rung} ring; when it was first drilled, of {first.injected} "
                f"{first.called} were called and {first.rung} rang"
            )
            record = PowerLost(at=at, attack=found.attack, because=because)
            acts.append(act_of(record, self._signer))
        self._store.record(acts)

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
