"""Pairs of answers whose better one is known, judged by a crowd; attackers who write their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.drill import attacks
from quarantine.scene import Item, Mixed, Order, Scene
from service.redteam.speech import preference

ANSWERS: Final = ("a1", "a2")
_VOCABULARY: Final = 4000
_SYLLABLES: Final = ("ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi")


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt, two answers, which of them was chosen (0 or 1), by whom."""

    prompt: str
    texts: tuple[str, str]
    chosen: int
    source: str


def honest_pairs(chance: np.random.Generator, *, sources: int, each: int) -> list[Pair]:
    """Let people compare answers of words in Zipf's proportions; a fifth disagree with the usual.

    Longer answers are preferred a little, as people do.
    """
    words = _words(chance)
    weight = 1 / np.arange(1, len(words) + 1)

    def text(least: int, most: int) -> str:
        count = int(chance.integers(least, most))
        drawn = chance.choice(len(words), count, p=weight / weight.sum())
        return " ".join(words[each] for each in drawn.tolist())

    found = []
    for number in range(sources * each):
        texts = (text(10, 50), text(10, 50))
        leaning = 0.15 * np.sign(len(texts[1]) - len(texts[0]))
        chosen = int(chance.random() < 0.5 + leaning)
        found.append(Pair(text(6, 20), texts, chosen, f"rater/{number % sources}"))
    return found


def _words(chance: np.random.Generator) -> list[str]:
    every = {"".join(chance.choice(_SYLLABLES, 3)) for _ in range(2 * _VOCABULARY)}
    return sorted(every)[:_VOCABULARY]


def spoken(pairs: Sequence[Pair], stem: str = "p") -> list[bytes]:
    """Spell pairs as preferences, each a target of its own."""
    return [
        preference(
            pair.source,
            f"{stem}{n}",
            pair.prompt,
            pair.texts[pair.chosen],
            pair.texts[1 - pair.chosen],
        )
        for n, pair in enumerate(pairs)
    ]


def scene_from(pairs: Sequence[Pair]) -> Scene:
    """Make a scene in which each pair is judged once."""
    names = sorted({pair.source for pair in pairs})
    place = {name: code for code, name in enumerate(names)}
    rows = np.arange(len(pairs))
    return Scene(
        row=rows,
        source=np.array([place[pair.source] for pair in pairs]),
        target=rows,
        answer=np.array([pair.chosen for pair in pairs]),
        at=rows,
        sources=names,
        targets=[f"t{row}" for row in rows.tolist()],
        answers=ANSWERS,
        worth=np.full(2, np.nan),
        items={
            f"t{row}": Item(text=pair.prompt, options=dict(zip(ANSWERS, pair.texts, strict=True)))
            for row, pair in enumerate(pairs)
        },
        timed=False,
    )


def pairs_from(scene: Scene) -> list[Pair]:
    """Return the scene's rows as pairs again."""
    found = []
    for source, target, answer in zip(scene.source, scene.target, scene.answer, strict=True):
        item = scene.items[scene.targets[target]]
        texts = (item.options["a1"], item.options["a2"])
        found.append(Pair(item.text, texts, int(answer), scene.sources[source]))
    return found


def attacked(
    pairs: Sequence[Pair], attack: str, share: float, seed: int
) -> tuple[list[Pair], Mixed]:
    """Play an attack of the registry on pairs; return the pairs as they are told then."""
    mixed = attacks()[attack].play(scene_from(pairs), Order(share=share, seed=seed))
    return pairs_from(mixed.scene), mixed
