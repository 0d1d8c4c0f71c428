"""Obfuscated shilling: the average attack with its edges blurred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.shilling import (
    Profiles,
    aimed_at,
    average,
    filled,
    goal,
    joined,
    market,
    refused,
    sizes,
)


@dataclass(frozen=True, slots=True)
class Obfuscated:
    """Do as the average attack, with noise, moved users, and targets a step short of the end.

    Noise injection, user shifting and target shifting (Williams, Mobasher, Burke, Bhaumik and
    Sandvig 2006; Mobasher et al. 2007).
    """

    joins: Literal["slots", "profiles"] = "profiles"
    targets: int = 1
    noise: float = 0.1
    moved: float = 0.1
    short: float = 0.15
    often: float = 0.5

    def refuses(self, scene: Scene) -> str:
        """Need ratings, and targets with a few of them."""
        return refused(scene)

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Add profiles: fillers blurred, half the users moved, half the aims short of the end."""
        chance = np.random.default_rng(order.seed)
        known = market(scene)
        aimed = aimed_at(known, order, self.targets, chance)
        per = sizes(scene, order, chance)
        who, target = filled(per, np.arange(len(known.count)), chance)
        fillers = average(known, who, target, chance)
        shift = chance.normal(0, self.moved, len(per)) * (chance.random(len(per)) < self.often)
        worth = fillers.worth + chance.normal(0.0, self.noise, len(who)) + shift[who]
        short = self.short * (chance.random((len(per), len(aimed))) < self.often)
        end = np.abs(goal(order) - short)
        by = np.repeat(np.arange(len(per)), len(aimed))
        pushed = Profiles(by, np.tile(aimed, len(per)), end.ravel())
        return joined(scene, pushed.and_also(Profiles(who, target, worth)), chance)


ATTACK: Attack = Obfuscated()
