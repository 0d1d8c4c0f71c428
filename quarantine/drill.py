"""Known poison in a shadow copy of what is held: whether the alarms would still find it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import pyarrow as pa
from scipy import stats

from quarantine.evidence import Flags, evidence_from
from quarantine.plugins import offered
from quarantine.scene import Attack, Mixed, Order, events_of, scene_of
from quarantine.scoring import Weighed, weigh

SHARE: Final = 0.1
"""Of all held events, or sources, so much is made poison."""
SURE: Final = 0.01
"""A loss of power that chance gives more often than this is none."""
LOST: Final = 0.2
"""Nor is one of fewer hundredths of the poison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """How one attack fared in a shadow copy: sources injected, called, and rung for.

    `called` counts what the calibrated rule calls (nothing on a cold start), `rung` all alarms,
    robust ones too; `false` is how many others rang, of `others`.
    """

    attack: str
    injected: int
    called: int
    rung: int
    false: int
    others: int


def attacks() -> Mapping[str, Attack]:
    """Return the attacks by name, in name order."""
    return cast("Mapping[str, Attack]", offered("quarantine.attacks", "ATTACK"))


def drill(
    held: pa.Table,
    released: pa.Table | None,
    *,
    attack: str,
    seed: int = 0,
    timed: bool = True,
) -> Drill | None:
    """Mix an attack into a copy of `held` and score it beside what was `released`.

    Nothing of the copy is kept: it is never stored and cannot be released. Absent where the
    attack cannot be played on this feedback.
    """
    scene = scene_of(held, {}, timed=timed)
    play = attacks()[attack]
    if not held.num_rows or play.refuses(scene):
        return None
    mixed = play.play(scene, Order(share=SHARE, seed=seed))
    shadow = _after(events_of(mixed.scene, held), released)
    return _counted(attack, mixed, weigh(evidence_from(shadow, released, timed=timed)))


def _after(shadow: pa.Table, released: pa.Table | None) -> pa.Table:
    """Give the shadow's rows log indexes after all that was released."""
    first = 0 if released is None else pa.compute.max(released.column("index")).as_py() + 1
    place = shadow.schema.get_field_index("index")
    index = pa.array(np.arange(shadow.num_rows) + first)
    return shadow.set_column(place, shadow.schema.field("index"), index)


def _counted(attack: str, mixed: Mixed, weighed: Weighed) -> Drill:
    known = dict(zip(mixed.scene.sources, mixed.bad.tolist(), strict=True))
    size = weighed.linked.held_sources
    keys = weighed.linked.sources[:size]
    bad = np.array([known.get(key.source, False) for key in keys], np.bool_)
    rings = weighed.alarmed[:size]
    return Drill(
        attack=attack,
        injected=int(bad.sum()),
        called=int((_called(weighed) & bad).sum()),
        rung=int((rings & bad).sum()),
        false=int((rings & ~bad).sum()),
        others=int((~bad).sum()),
    )


def _called(weighed: Weighed) -> Flags:
    called = weighed.rang.called
    return called if len(called) else np.zeros(weighed.linked.held_sources, np.bool_)


def lost(now: Drill, *before: Drill) -> bool:
    """Say whether the alarms lost power against an attack since they were first drilled on it.

    Fisher's exact test, one-sided, on the share of poison that the calibrated rule called, and on
    the share that any alarm rang for, against all that was injected `before`. Those who attack
    together are found or missed together, so that less than in any one drill before must be found
    too. Poison in the reference takes power away while the share of false alarms stays as promised:
    what is found among the released is usual.
    """
    first = [each for each in before if each.injected]
    if not now.injected or not first:
        return False
    called = [(each.called, each.injected) for each in first]
    rung = [(each.rung, each.injected) for each in first]
    return _fell((now.called, now.injected), called) or _fell((now.rung, now.injected), rung)


def _fell(now: tuple[int, int], before: Sequence[tuple[int, int]]) -> bool:
    share = now[0] / now[1]
    found, injected = (sum(each) for each in zip(*before, strict=True))
    table = np.array([[found, injected - found], [now[0], now[1] - now[0]]])
    fewer = share < min(one / of for one, of in before)
    drop = found / injected - share >= LOST
    return bool(fewer and drop and stats.fisher_exact(table, alternative="greater").pvalue <= SURE)
