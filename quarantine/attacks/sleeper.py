"""Truthful, but on one topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.slots import about, hired, pushed, rewritten, wrong

_TELLING = 5


@dataclass(frozen=True, slots=True)
class Sleeper:
    """Earn trust with true answers and push one answer where one topic is judged.

    Contextual sycophancy and reputation farming: good overall, bad in the one place that counts.
    """

    joins: Literal["slots", "profiles"] = "slots"
    least: float = 0.1
    most: float = 0.4

    def refuses(self, scene: Scene) -> str:
        """Need at least two answers that are given at several targets."""
        return "" if len(scene.closed()) > 1 else "there is no closed set of answers"

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Take the slots of sources that judge the topic; elsewhere their answers stay."""
        chance = np.random.default_rng(order.seed)
        topic = about(scene, self.least, self.most, chance)[scene.target]
        size = len(scene.sources)
        on = np.bincount(scene.source, topic, size)
        off = np.bincount(scene.source, ~topic, size)
        fit = (on >= min(_TELLING, on.max(initial=0))) & (off >= min(_TELLING, off.max(initial=0)))
        bad = hired(scene, order.share, chance, fit=fit)
        answer = np.full(len(scene.row), pushed(scene, chance))
        # Where the slot's own answer is the one pushed, pushing it is no lie: it is turned away.
        answer = np.where(scene.answer == answer, wrong(scene, scene.answer, chance), answer)
        return rewritten(scene, bad, topic, answer)


ATTACK: Attack = Sleeper()
