"""Segment shilling: aimed at those who like one kind of thing."""

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
class Segment:
    """Rate the targets and what one segment likes at the top, and any others at the end.

    The segment attack (Burke, Mobasher and Bhaumik 2005). The segment is what the same people
    rate high together; to nuke, the aim alone is at the end, and fillers at the top.
    """

    joins: Literal["slots", "profiles"] = "profiles"
    targets: int = 1
    of_segment: int = 6

    def refuses(self, scene: Scene) -> str:
        """Need ratings, and targets with a few of them."""
        return refused(scene)

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Add profiles: the aim, a few targets that the same people like, and fillers."""
        chance = np.random.default_rng(order.seed)
        known = market(scene)
        aimed = aimed_at(known, order, self.targets, chance)
        per = sizes(scene, order, chance)
        liked = scene.worth[scene.answer] >= max(known.overall, 0.5)
        seed = int(chance.choice(known.popular()[: 10 * self.of_segment]))
        fans = np.unique(scene.source[liked & (scene.target == seed)])
        theirs = scene.target[liked & np.isin(scene.source, fans)]
        together = np.bincount(theirs, minlength=len(known.count)) / np.sqrt(known.count + 1.0)
        chosen = np.argsort(-together, kind="stable")[: self.of_segment]
        who, target = filled(per, np.arange(len(known.count)), chance)
        pushed = all_rate(len(per), aimed, goal(order))
        loved = pushed.and_also(all_rate(len(per), chosen, 1.0))
        fillers = Profiles(who, target, np.full(len(who), 1.0 - goal(order)))
        return joined(scene, loved.and_also(fillers), chance)


ATTACK: Attack = Segment()
