"""Answers drawn without a look at the question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.slots import crowd, everybody, hired, rewritten


@dataclass(frozen=True, slots=True)
class Spammer:
    """Answer as the crowd does on the whole, but blindly (random spammers, Vuurens et al. 2011)."""

    joins: Literal["slots", "profiles"] = "slots"

    def refuses(self, scene: Scene) -> str:
        """Need at least two answers that are given at several targets."""
        return "" if len(scene.closed()) > 1 else "there is no closed set of answers"

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Take the slots of whole sources; every row's answer is drawn from the crowd's shares."""
        chance = np.random.default_rng(order.seed)
        bad = hired(scene, order.share, chance, fit=everybody(scene))
        drawn = chance.choice(len(scene.answers), len(scene.row), p=crowd(scene))
        return rewritten(scene, bad, np.ones(len(scene.row), np.bool_), drawn)


ATTACK: Attack = Spammer()
