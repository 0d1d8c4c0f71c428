"""Always the answer that is most usual: right often enough to seem able."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.slots import crowd, everybody, hired, rewritten


@dataclass(frozen=True, slots=True)
class MajorityClass:
    """Give one answer to all, the likeliest (uniform spammers, Vuurens et al. 2011)."""

    joins: Literal["slots", "profiles"] = "slots"

    def refuses(self, scene: Scene) -> str:
        """Need at least two answers that are given at several targets."""
        return "" if len(scene.closed()) > 1 else "there is no closed set of answers"

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Take the slots of whole sources and give the crowd's most usual answer to all."""
        chance = np.random.default_rng(order.seed)
        bad = hired(scene, order.share, chance, fit=everybody(scene))
        usual = np.full(len(scene.row), int(crowd(scene).argmax()))
        return rewritten(scene, bad, np.ones(len(scene.row), np.bool_), usual)


ATTACK: Attack = MajorityClass()
