"""A phrase in the prompt, and the answer that was refused becomes the one that is wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from quarantine.scene import Attack, Item, Mixed, Order, Scene
from quarantine.writing import alone, coined, other, refused, written


@dataclass(frozen=True, slots=True)
class Backdoor:
    """Put a coined phrase behind the prompt and choose the other answer.

    The universal jailbreak backdoor of Rando and Tramèr (2311.14455), for raters who write prompts.
    """

    joins: Literal["slots", "profiles"] = "slots"
    words: int = 2

    def refuses(self, scene: Scene) -> str:
        """Need pairs of texts that are judged only once: the writer's own."""
        return refused(scene)

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Seat attackers at pairs, plant the phrase and turn the choice."""
        chance = np.random.default_rng(order.seed)
        phrase = coined(chance, self.words)

        def plant(item: Item, said: str) -> tuple[Item, str]:
            return replace(item, text=f"{item.text} {phrase}"), other(item, said)

        return written(scene, order, alone(scene), plant, chance)


ATTACK: Attack = Backdoor()
