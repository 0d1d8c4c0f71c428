"""A lie now and then, a little more often each day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.slots import everybody, hired, rewritten, wrong


@dataclass(frozen=True, slots=True)
class SlowDrip:
    """Raise the share of wrong answers from nothing to `most` over a source's whole life.

    The boiling frog (ANTIDOTE, Rubinstein et al. 2009): every day looks like the day before.
    """

    joins: Literal["slots", "profiles"] = "slots"
    most: float = 0.5

    def refuses(self, scene: Scene) -> str:
        """Need at least two answers that are given at several targets."""
        return "" if len(scene.closed()) > 1 else "there is no closed set of answers"

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Take the slots of whole sources; the chance of a lie rises evenly with each answer."""
        chance = np.random.default_rng(order.seed)
        bad = hired(scene, order.share, chance, fit=everybody(scene))
        by_age = np.lexsort((np.arange(len(scene.row)), scene.at, scene.source))
        who = scene.source[by_age]
        nth = np.empty(len(who))
        nth[by_age] = np.arange(len(who)) - np.searchsorted(who, who, side="left")
        life = np.bincount(scene.source, minlength=len(scene.sources))[scene.source]
        lies = chance.random(len(who)) < self.most * (nth + 1) / life
        return rewritten(scene, bad, lies, wrong(scene, scene.answer, chance))


ATTACK: Attack = SlowDrip()
