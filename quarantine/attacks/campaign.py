"""One answer pushed on a few chosen targets, true answers elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.slots import crews_of, majority, pushed, seated


@dataclass(frozen=True, slots=True)
class Campaign:
    """Outvote the honest on a small share of the targets, and look honest on all others.

    Targets are those where most say otherwise. Vote rigging of leaderboards (2501.07493,
    2501.17858) and targeted label attacks on crowds (Miao et al. 2018).
    """

    joins: Literal["slots", "profiles"] = "slots"
    of_targets: float = 0.02
    weight: float = 0.3

    def refuses(self, scene: Scene) -> str:
        """Need at least two answers that are given at several targets."""
        return "" if len(scene.closed()) > 1 else "there is no closed set of answers"

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Seat attackers at the chosen targets for a part of their slots."""
        chance = np.random.default_rng(order.seed)
        answer = pushed(scene, chance)
        against = chance.permutation(np.flatnonzero(majority(scene) != answer))
        chosen = np.zeros(len(scene.targets), np.bool_)
        chosen[against[: max(round(self.of_targets * len(scene.targets)), 1)]] = True
        focus = chosen[scene.target]
        crews = crews_of(scene, order, focus, self.weight, chance)
        return seated(scene, crews, np.where(focus, answer, scene.answer), focus, chance)


ATTACK: Attack = Campaign()
