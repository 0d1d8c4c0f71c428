"""Always the longer text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Item, Mixed, Order, Scene
from quarantine.slots import everybody, hired, pushed, rewritten


@dataclass(frozen=True, slots=True)
class Verbosity:
    """Choose the longest option, whatever it says; of lone texts, let the long ones have an answer.

    Verbosity bias (Saito et al. 2310.10076); as an attack, length flips (RankPoison, 2311.09641).
    """

    joins: Literal["slots", "profiles"] = "slots"
    always: float = 0.9

    def refuses(self, scene: Scene) -> str:
        """Need texts, and at least two answers that are given at several targets."""
        if len(scene.closed()) < 2:  # noqa: PLR2004  with one answer there is nothing to choose
            return "there is no closed set of answers"
        return "" if any(name in scene.items for name in scene.targets) else "no text is known"

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Take the slots of whole sources; nearly every answer follows the length."""
        chance = np.random.default_rng(order.seed)
        bad = hired(scene, order.share, chance, fit=everybody(scene))
        place = {answer: code for code, answer in enumerate(scene.answers)}
        told = [scene.items.get(name, Item()) for name in scene.targets]
        usual = float(np.median([len(item.text) for item in told]))
        long = pushed(scene, chance)
        short = int(np.setdiff1d(scene.closed(), [long])[0])

        def answer(item: Item) -> int:
            known = [option for option in sorted(item.options) if option in place]
            if known:
                return place[max(known, key=lambda option: len(item.options[option]))]
            return long if len(item.text) > usual else short

        chosen = np.array([answer(item) for item in told], np.int64)[scene.target]
        where = chance.random(len(scene.row)) < self.always
        return rewritten(scene, bad, where, chosen)


ATTACK: Attack = Verbosity()
