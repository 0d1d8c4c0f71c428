"""Average over popular: the average attack that no filler gives away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.shilling import (
    aimed_at,
    all_rate,
    average,
    filled,
    goal,
    joined,
    market,
    refused,
    sizes,
)


@dataclass(frozen=True, slots=True)
class AveragePopular:
    """Rate the targets, and others that are often rated, around their own means.

    Average over popular (AoP; Hurley, Cheng and Zhang 2009): fillers drawn from the most rated
    targets, as people's choices are, which blinds detectors of odd choices (PCA-VarSelect).
    """

    joins: Literal["slots", "profiles"] = "profiles"
    targets: int = 1
    of_targets: float = 0.2

    def refuses(self, scene: Scene) -> str:
        """Need ratings, and targets with a few of them."""
        return refused(scene)

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Add profiles; fillers are drawn from the most rated share of the targets."""
        chance = np.random.default_rng(order.seed)
        known = market(scene)
        aimed = aimed_at(known, order, self.targets, chance)
        per = sizes(scene, order, chance)
        top = known.popular()[: max(round(self.of_targets * len(known.count)), 1)]
        who, target = filled(per, top, chance)
        pushed = all_rate(len(per), aimed, goal(order))
        return joined(scene, pushed.and_also(average(known, who, target, chance)), chance)


ATTACK: Attack = AveragePopular()
