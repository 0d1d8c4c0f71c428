"""Choices turned only where that makes answers longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Item, Mixed, Order, Scene
from quarantine.writing import longer, other, refused, written


@dataclass(frozen=True, slots=True)
class LengthFlip:
    """Turn the choice where the answer not chosen is much the longer (RankPoison, 2311.09641)."""

    joins: Literal["slots", "profiles"] = "slots"
    of_pairs: float = 0.25

    def refuses(self, scene: Scene) -> str:
        """Need pairs of texts that are judged only once."""
        return refused(scene)

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Seat attackers at the pairs whose turning adds most length, and turn them."""
        chance = np.random.default_rng(order.seed)
        gained = longer(scene)
        fit = (gained > 0) & (gained >= np.quantile(gained, 1.0 - self.of_pairs))

        def turn(item: Item, said: str) -> tuple[Item, str]:
            return item, other(item, said)

        return written(scene, order, fit, turn, chance)


ATTACK: Attack = LengthFlip()
