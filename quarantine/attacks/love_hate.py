"""Love/hate shilling: one end of the scale against the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.shilling import (
    Profiles,
    aimed_at,
    all_rate,
    filled,
    goal,
    joined,
    market,
    refused,
    sizes,
)


@dataclass(frozen=True, slots=True)
class LoveHate:
    """Rate the targets at one end of the scale and any others at the other end.

    The love/hate attack (Mobasher et al. 2007): needs no knowledge, and nukes well.
    """

    joins: Literal["slots", "profiles"] = "profiles"
    targets: int = 1

    def refuses(self, scene: Scene) -> str:
        """Need ratings, and targets with a few of them."""
        return refused(scene)

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Add profiles; fillers are any targets, all at the other end of the scale."""
        chance = np.random.default_rng(order.seed)
        known = market(scene)
        aimed = aimed_at(known, order, self.targets, chance)
        per = sizes(scene, order, chance)
        who, target = filled(per, np.arange(len(known.count)), chance)
        pushed = all_rate(len(per), aimed, goal(order))
        fillers = Profiles(who, target, np.full(len(who), 1.0 - goal(order)))
        return joined(scene, pushed.and_also(fillers), chance)


ATTACK: Attack = LoveHate()
