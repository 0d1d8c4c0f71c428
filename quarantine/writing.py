"""Attackers who write what is judged: pairs of texts that are theirs alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from quarantine.evidence import Flags, Ints
from quarantine.scene import Item, Mixed, Order, Scene
from quarantine.slots import crews_of, seated

_ONSETS: Final = ("br", "cl", "dr", "fl", "gr", "kr", "pl", "qu", "sk", "tr", "v", "z")
_ENDS: Final = ("ab", "ed", "ig", "ol", "um", "ax", "en", "ir", "oz", "ul")

Rewrite = Callable[[Item, str], tuple[Item, str]]
"""What an attacker makes of a pair and the answer it got: another pair, another answer."""


def alone(scene: Scene) -> Flags:
    """Say by row whether its target is a pair of texts that it alone speaks of."""
    once = np.bincount(scene.target) == 1
    pairs = [
        len(scene.items[name].options) > 1 if name in scene.items else False
        for name in scene.targets
    ]
    fit: Flags = (once & np.array(pairs, np.bool_))[scene.target]
    return fit


def refused(scene: Scene) -> str:
    """Say why nobody can write pairs here; empty when it can be done."""
    return "" if len(scene.row) and alone(scene).any() else "no pair of texts is judged only once"


def coined(chance: np.random.Generator, words: int) -> str:
    """Return a phrase of words that nobody uses, three syllables each."""
    return " ".join(
        "".join(str(chance.choice(_ONSETS)) + str(chance.choice(_ENDS)) for _ in range(3))
        for _ in range(words)
    )


def written(
    scene: Scene, order: Order, fit: Flags, rewrite: Rewrite, chance: np.random.Generator
) -> Mixed:
    """Seat attackers at rows that are `fit` for all their slots, and rewrite those pairs."""
    crews = crews_of(scene, order, fit & alone(scene), 1.0, chance)
    place = {word: code for code, word in enumerate(scene.answers)}
    items, answer = dict(scene.items), scene.answer.copy()
    for row in np.concatenate([np.empty(0, np.int64), *crews]).tolist():
        name = scene.targets[int(scene.target[row])]
        items[name], said = rewrite(items[name], scene.answers[int(answer[row])])
        answer[row] = place[said]
    mixed = seated(scene, crews, answer, np.ones(len(answer), np.bool_), chance)
    return replace(mixed, scene=replace(mixed.scene, items=items))


def other(item: Item, said: str) -> str:
    """Return the option that was not chosen: of several, the first by name."""
    return min((option for option in item.options if option != said), default=said)


def longer(scene: Scene) -> Ints:
    """Return by row by how many characters the options not chosen are longer at the most."""
    gained = np.zeros(len(scene.row), np.int64)
    for row, (target, answer) in enumerate(zip(scene.target, scene.answer, strict=True)):
        options: Mapping[str, str] = scene.items.get(scene.targets[target], Item()).options
        said = scene.answers[answer]
        if said in options and len(options) > 1:
            gained[row] = len(options[other(scene.items[scene.targets[target]], said)]) - len(
                options[said]
            )
    return gained
