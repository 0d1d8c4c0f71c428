"""Known poison in a shadow copy of what is held: whether the alarms would still find it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np
import pyarrow as pa
from scipy import stats

from quarantine.evidence import Evidence, Flags, evidence_from
from quarantine.known import NOTHING, Known
from quarantine.plugins import offered
from quarantine.scene import Attack, Mixed, Order, Scene, events_of, scene_of
from quarantine.scoring import Weighed, weigh
from quarantine.shadow import described, reworded

SHARE: Final = 0.1
"""Of all held events, or sources, so much is made poison."""
SURE: Final = 0.01
"""A loss of power that chance gives more often than this is none."""
LOST: Final = 0.2
"""Nor is one of fewer hundredths of the poison."""
AHEAD: Final = 0.01
"""Who is ahead of all but so small a part of the reference is counted apart from who is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """How one attack fared in a shadow copy: sources injected, called, and rung for.

    `called` counts what the calibrated rule calls (nothing on a cold start), `rung` all alarms,
    robust ones too; `false` is how many others rang, of `others`. `ahead` of all but a hundredth of
    the reference, or of all of it where it is smaller, are so many of the injected: how many are
    called together turns on one of them, this does not. Nobody knows it on a cold start.
    """

    attack: str
    injected: int
    called: int
    rung: int
    false: int
    others: int
    ahead: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a drill is told beside the events: what is known of them, whether times mean anything.

    With texts and topics an attack can be about something, and detectors can hear what it is about.
    """

    known: Known = NOTHING
    timed: bool = True


PLAIN: Final = Setting()
"""Nothing is known but the events."""


def attacks() -> Mapping[str, Attack]:
    """Return the attacks by name, in name order."""
    return cast("Mapping[str, Attack]", offered("quarantine.attacks", "ATTACK"))


def drill(
    held: pa.Table,
    released: pa.Table | None,
    *,
    attack: str,
    seed: int = 0,
    setting: Setting = PLAIN,
) -> Drill | None:
    """Mix an attack into a copy of `held` and score it beside what was `released`.

    Nothing of the copy is kept: it is never stored and cannot be released. Absent where the
    attack cannot be played on this feedback.
    """
    scene = scene_of(held, {}, timed=setting.timed)
    scene = replace(scene, items=described(scene, held, setting.known))
    play = attacks()[attack]
    if not held.num_rows or play.refuses(scene):
        return None
    mixed = play.play(scene, Order(share=SHARE, seed=seed))
    return _counted(attack, mixed, weigh(shadow_of(scene, mixed, held, released, setting)))


def shadow_of(
    scene: Scene, mixed: Mixed, held: pa.Table, released: pa.Table | None, setting: Setting
) -> Evidence:
    """Return the evidence of a copy of `held`, which made the `scene`, with attackers in it."""
    shadow = _after(events_of(mixed.scene, held), released)
    known = setting.known
    words = reworded(known.wording, scene, mixed.scene, genuine=held, shadow=shadow)
    return evidence_from(shadow, released, timed=setting.timed, known=replace(known, wording=words))


def _after(shadow: pa.Table, released: pa.Table | None) -> pa.Table:
    """Give the shadow's rows log indexes after all that was released."""
    first = 0 if released is None else pa.compute.max(released.column("index")).as_py() + 1
    return counted_from(first, shadow)


def counted_from(first: int, events: pa.Table) -> pa.Table:
    """Return events with log indexes counted from `first`."""
    place = events.schema.get_field_index("index")
    index = pa.array(np.arange(events.num_rows) + first)
    return events.set_column(place, events.schema.field("index"), index)


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
        ahead=_ahead(weighed, bad),
    )


def _ahead(weighed: Weighed, bad: Flags) -> int | None:
    """Count the bad ahead of nearly all of the reference, by the p-values of the joined score."""
    if weighed.linked.cold_start:
        return None
    known = weighed.linked.released["source"].nunique()
    least = max(AHEAD, 1.0 / (known + 1))
    return int((bad & (weighed.rang.p_values <= least)).sum())


def _called(weighed: Weighed) -> Flags:
    called = weighed.rang.called
    return called if len(called) else np.zeros(weighed.linked.held_sources, np.bool_)


def lost(now: Drill, *before: Drill) -> bool:
    """Say whether the alarms lost power against an attack since they were first drilled on it.

    Fisher's exact test, one-sided, against all that was injected `before`: on the share of poison
    that lies `ahead` of the reference; and on the share that the calibrated rule called, and that
    any alarm rang for. How many are called turns on one of them, so that these count only where
    fewer lie ahead too, as far as drills counted that. Those who attack together are found or
    missed together, so that less than in any one drill before must be found. Poison in the
    reference takes power away while the share of false alarms stays as promised: what is found
    among the released is usual.
    """
    first = [each for each in before if each.injected]
    if not now.injected or not first:
        return False
    called = _fell((now.called, now.injected), [(each.called, each.injected) for each in first])
    rung = _fell((now.rung, now.injected), [(each.rung, each.injected) for each in first])
    ahead = [(each.ahead, each.injected) for each in first if each.ahead is not None]
    if now.ahead is None or len(ahead) < len(first):
        return called or rung
    left = (now.ahead, now.injected)
    return _fell(left, ahead) or ((called or rung) and _dropped(left, ahead))


def together(*drills: Drill) -> Drill:
    """Add up drills of one attack; there must be one."""
    ahead = [each.ahead for each in drills if each.ahead is not None]
    return Drill(
        attack=drills[0].attack,
        injected=sum(each.injected for each in drills),
        called=sum(each.called for each in drills),
        rung=sum(each.rung for each in drills),
        false=sum(each.false for each in drills),
        others=sum(each.others for each in drills),
        ahead=sum(ahead) if len(ahead) == len(drills) else None,
    )


def _fell(now: tuple[int, int], before: Sequence[tuple[int, int]]) -> bool:
    """Say whether a share dropped, and surely."""
    if not _dropped(now, before):
        return False
    found, injected = (sum(each) for each in zip(*before, strict=True))
    table = np.array([[found, injected - found], [now[0], now[1] - now[0]]])
    return bool(stats.fisher_exact(table, alternative="greater").pvalue <= SURE)


def _dropped(now: tuple[int, int], before: Sequence[tuple[int, int]]) -> bool:
    """Say whether a share is less than in any drill before, and by enough than in all of them."""
    share = now[0] / now[1]
    found, injected = (sum(each) for each in zip(*before, strict=True))
    return share < min(one / of for one, of in before) and found / injected - share >= LOST
