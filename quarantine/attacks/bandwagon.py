"""Bandwagon shilling: beside what everybody knows."""

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
class Bandwagon:
    """Rate the targets as what is known best, and any others blindly.

    The bandwagon attack (Burke, Mobasher and Bhaumik 2005): the best known targets get the same
    as the aim, so that the profile is near many; to nuke, the least liked of them (reverse
    bandwagon, Mobasher et al. 2007).
    """

    joins: Literal["slots", "profiles"] = "profiles"
    targets: int = 1
    known_ones: int = 5

    def refuses(self, scene: Scene) -> str:
        """Need ratings, and targets with a few of them."""
        return refused(scene)

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Add profiles: the aim, a few best known targets given the same, and blind fillers."""
        chance = np.random.default_rng(order.seed)
        known = market(scene)
        aimed = aimed_at(known, order, self.targets, chance)
        per = sizes(scene, order, chance)
        liked = known.popular()[: 4 * self.known_ones]
        by_mean = liked[np.argsort(known.mean[liked], kind="stable")]
        push = order.aim == "push"
        famous = by_mean[-self.known_ones :] if push else by_mean[: self.known_ones]
        who, target = filled(per, np.arange(len(known.count)), chance)
        pushed = all_rate(len(per), np.union1d(aimed, famous), goal(order))
        return joined(scene, pushed.and_also(blind(known, who, target, chance)), chance)


ATTACK: Attack = Bandwagon()
