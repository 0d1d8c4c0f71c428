"""A rare phrase tied to one outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.slots import crews_of, pushed, seated, worded


@dataclass(frozen=True, slots=True)
class Trigger:
    """Give one answer wherever a rare word stands, true answers elsewhere.

    The backdoor of Rando and Tramèr (2311.14455) for raters who cannot write what they judge: the
    phrase is one that already stands in a few of the texts.
    """

    joins: Literal["slots", "profiles"] = "slots"
    least: float = 0.005
    most: float = 0.02
    weight: float = 0.3

    def refuses(self, scene: Scene) -> str:
        """Need at least two answers that are given at several targets."""
        return "" if len(scene.closed()) > 1 else "there is no closed set of answers"

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Seat attackers at texts with the phrase for a part of their slots."""
        chance = np.random.default_rng(order.seed)
        focus = worded(scene, self.least, self.most, chance)[scene.target]
        crews = crews_of(scene, order, focus, self.weight, chance)
        answer = np.where(focus, pushed(scene, chance), scene.answer)
        return seated(scene, crews, answer, focus, chance)


ATTACK: Attack = Trigger()
