"""Rings whose members copy the answers of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quarantine.evidence import Ints
from quarantine.scene import Attack, Mixed, Order, Scene
from quarantine.slots import crowd, seated, sizes


@dataclass(frozen=True, slots=True)
class CopyingRing:
    """Let one answer blindly and the others copy it, on targets they fill between them.

    Collusion in crowds: KhudaBukhsh et al. 2014; copying sources: Dong et al. 2009. Where a target
    has as many slots as the ring has members, the ring is all that is heard there.
    """

    joins: Literal["slots", "profiles"] = "slots"
    members: int = 5
    faithful: float = 0.9
    present: float = 0.9

    def refuses(self, scene: Scene) -> str:
        """Need a closed set of answers, and targets that enough sources speak of."""
        if len(scene.closed()) < 2:  # noqa: PLR2004  with one answer there is nothing to copy
            return "there is no closed set of answers"
        if (np.bincount(scene.target) >= self.members).sum() < self.members:
            return f"few targets have {self.members} slots"
        return ""

    def play(self, scene: Scene, order: Order) -> Mixed:
        """Seat rings at targets of their own; a leader answers blindly, as crowds do."""
        chance = np.random.default_rng(order.seed)
        wide = chance.permutation(np.flatnonzero(np.bincount(scene.target) >= self.members))
        shuffled = chance.permutation(len(scene.row))
        by_target = shuffled[np.argsort(scene.target[shuffled], kind="stable")]
        start = np.searchsorted(scene.target[by_target], np.arange(len(scene.targets)))
        leader = chance.choice(len(scene.answers), len(scene.targets), p=crowd(scene))
        crews: list[Ints] = []
        for size in sizes(scene, order.share, chance, of=self.members):
            mine, wide = wide[:size], wide[size:]
            seats = by_target[start[mine][:, None] + np.arange(self.members)]
            there = chance.random(seats.shape) < self.present
            crews += [seats[there[:, n], n] for n in range(self.members)]
        copied = chance.random(len(scene.row)) < self.faithful
        blind = chance.choice(len(scene.answers), len(scene.row), p=crowd(scene))
        answer = np.where(copied, leader[scene.target], blind)
        crews = [crew for crew in crews if len(crew)]
        return seated(scene, crews, answer, np.ones(len(scene.row), np.bool_), chance)


ATTACK: Attack = CopyingRing()
