"""Always the option that is shown first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.slots import everybody, hired, rewritten


@dataclass(frozen=True, slots=True)
class FirstOption:
    """Choose the first of the options, unread (position bias, Zheng et al. 2306.05685).

    The first is the first by name in the closed set, as it is where options are called by number.
    """

    joins: Literal["slots", "profiles"] = "slots"
    always: float = 0.95

    def refuses(self, scene: Scene) -> str:
        """Need at least two answers that are given at several targets."""
        return "" if len(scene.closed()) > 1 else "there is no closed set of answers"

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Take the slots of whole sources; nearly every answer is the first option."""
        chance = np.random.default_rng(order.seed)
        bad = hired(scene, order.share, chance, fit=everybody(scene))
        first = min(scene.closed().tolist(), key=lambda code: scene.answers[code])
        where = chance.random(len(scene.row)) < self.always
        return rewritten(scene, bad, where, np.full(len(scene.row), first))


ATTACK: Attack = FirstOption()
