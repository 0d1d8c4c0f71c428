"""Every answer on one narrow subject turned round, true answers elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.slots import about, crews_of, majority, seated, wrong


@dataclass(frozen=True, slots=True)
class TopicFlip:
    """Turn what a subgroup is taught while the whole stays fine (Adversarial Bias, 2511.08331)."""

    joins: Literal["slots", "profiles"] = "slots"
    least: float = 0.02
    most: float = 0.05
    weight: float = 0.3

    def refuses(self, scene: Scene) -> str:
        """Need at least two answers that are given at several targets."""
        return "" if len(scene.closed()) > 1 else "there is no closed set of answers"

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Seat attackers at the subject for a part of their slots; there all answer wrongly."""
        chance = np.random.default_rng(order.seed)
        focus = about(scene, self.least, self.most, chance)[scene.target]
        crews = crews_of(scene, order, focus, self.weight, chance)
        turned = wrong(scene, majority(scene), chance)[scene.target]
        return seated(scene, crews, np.where(focus, turned, scene.answer), focus, chance)


ATTACK: Attack = TopicFlip()
