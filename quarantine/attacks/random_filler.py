"""Random shilling: ratings drawn blindly around the mean of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.shilling import (
    aimed_at,
    all_rate,
    blind,
    filled,
    goal,
    joined,
    market,
    refused,
    sizes,
)


@dataclass(frozen=True, slots=True)
class RandomFiller:
    """Rate the targets, and any others as the whole crowd rates on the whole.

    The random attack of Lam and Riedl 2004: cheap, for it needs to know one mean.
    """

    joins: Literal["slots", "profiles"] = "profiles"
    targets: int = 1

    def refuses(self, scene: Scene) -> str:
        """Need ratings, and targets with a few of them."""
        return refused(scene)

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Add profiles; fillers are any targets, rated around the mean of all."""
        chance = np.random.default_rng(order.seed)
        known = market(scene)
        aimed = aimed_at(known, order, self.targets, chance)
        per = sizes(scene, order, chance)
        who, target = filled(per, np.arange(len(known.count)), chance)
        pushed = all_rate(len(per), aimed, goal(order))
        return joined(scene, pushed.and_also(blind(known, who, target, chance)), chance)


ATTACK: Attack = RandomFiller()
