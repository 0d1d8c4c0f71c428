"""An honest source, in other hands from one moment on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.slots import hired, pushed, rewritten, wrong


@dataclass(frozen=True, slots=True)
class Takeover:
    """Answer truly up to one moment for all, and push one answer after it (account takeover)."""

    joins: Literal["slots", "profiles"] = "slots"
    after: float = 0.5
    lies: float = 0.8

    def refuses(self, scene: Scene) -> str:
        """Need at least two answers that are given at several targets."""
        return "" if len(scene.closed()) > 1 else "there is no closed set of answers"

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Take the slots of sources that speak before and after the moment."""
        chance = np.random.default_rng(order.seed)
        when = np.quantile(scene.at, self.after)
        late = scene.at > when
        size = len(scene.sources)
        both = np.minimum(
            np.bincount(scene.source, late, size), np.bincount(scene.source, ~late, size)
        )
        fit = both >= max(min(3.0, both.max(initial=0.0)), 1.0)
        bad = hired(scene, order.share, chance, fit=fit)
        where = late & (chance.random(len(scene.row)) < self.lies)
        answer = np.full(len(scene.row), pushed(scene, chance))
        answer = np.where(scene.answer == answer, wrong(scene, scene.answer, chance), answer)
        return rewritten(scene, bad, where, answer)


ATTACK: Attack = Takeover()
