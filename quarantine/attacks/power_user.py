"""Power-user shilling: in the clothes of those whom many resemble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.shilling import Profiles, aimed_at, all_rate, goal, joined, market, refused, sizes


@dataclass(frozen=True, slots=True)
class PowerUser:
    """Rate the targets, and the rest as one of the most active real sources does.

    The power user attack (Wilson and Seminario 2013): each attacker is a copy of a real source
    with many ratings, a few of them left out, all moved by at most one step of noise.
    """

    joins: Literal["slots", "profiles"] = "profiles"
    targets: int = 1
    of_sources: float = 0.05
    kept: float = 0.8
    noise: float = 0.1

    def refuses(self, scene: Scene) -> str:
        """Need ratings, and targets with a few of them."""
        return refused(scene)

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Add profiles; each takes over most ratings of a power user, slightly blurred."""
        chance = np.random.default_rng(order.seed)
        known = market(scene)
        aimed = aimed_at(known, order, self.targets, chance)
        per = sizes(scene, order, chance)
        active = np.argsort(-np.bincount(scene.source), kind="stable")
        power = active[: max(round(self.of_sources * len(active)), 1)]
        model = chance.choice(power, len(per), replace=len(power) < len(per))
        by_source = np.argsort(scene.source, kind="stable")
        start = np.searchsorted(scene.source[by_source], np.arange(len(scene.sources) + 1))
        rows = [by_source[start[one] : start[one + 1]] for one in model]
        who = np.repeat(np.arange(len(per)), [len(each) for each in rows])
        every = np.concatenate(rows)
        left = chance.random(len(every)) < self.kept
        worth = scene.worth[scene.answer[every]] + chance.normal(0.0, self.noise, len(every))
        copied = Profiles(who[left], scene.target[every][left], worth[left])
        pushed = all_rate(len(per), aimed, goal(order))
        return joined(scene, pushed.and_also(copied), chance)


ATTACK: Attack = PowerUser()
