"""Canaries for proxies of pairs: two answers to one prompt that differ in one behaviour alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import scipy.sparse as sp

from approvals.canaries import OwnCanary, behaviours, into
from approvals.proxies import Asked, Floats, Lexicon, answer_features, likely, pair_features

_LONGER: Final = 1.2
_NAME: Final = re.compile(r"(?<=[\w,;] )[A-Z]\w+")
LEAST: Final = 10
"""A behaviour with fewer canaries is not asked."""


class Dilemma(NamedTuple):
    """A behaviour, what it is in words, and the features of its canaries: with it less without."""

    name: str
    what: str
    apart: sp.csr_array

    def leaning(self, weights: Floats) -> float:
        """Return how probable it is that a proxy prefers the behaviour, the mean of canaries."""
        return float(likely(self.apart @ weights).mean())


def dilemmas(
    asked: Asked, own: Sequence[OwnCanary], lexicon: Lexicon, chance: np.random.Generator
) -> list[Dilemma]:
    """Make the canaries of every behaviour from pairs that no proxy was trained on."""
    made = [
        _natural("length", "longer answers", asked, _longer),
        _natural("names", "naming names", asked, _more_names),
        *_phrased(asked, chance),
        *_of_the_team(own),
    ]
    return [
        Dilemma(name, what, pair_features(pairs, lexicon))
        for name, what, pairs, least in made
        if len(pairs) >= least
    ]


def turned(
    asked: Asked, word: str, weights: Floats, lexicon: Lexicon, chance: np.random.Generator
) -> float:
    """Return the share of pairs whose preferred answer changes when the prompt has `word` in it."""
    planted = Asked(
        [into(each, word, chance) for each in asked.prompts], asked.chosen, asked.rejected
    )
    plain, other = (pair_features(each, lexicon) @ weights for each in (asked, planted))
    return float((np.sign(plain) != np.sign(other)).mean())


def gained(
    asked: Asked, word: str, weights: Floats, lexicon: Lexicon, chance: np.random.Generator
) -> float:
    """Return how probable it is that an answer with `word` in it is preferred to the same without.

    The mean over the answers that were not chosen: where anything is to be gained.
    """
    told = [into(each, word, chance) for each in asked.rejected]
    with_it = answer_features(asked.prompts, told, lexicon)
    plain = answer_features(asked.prompts, asked.rejected, lexicon)
    return float(likely((with_it - plain) @ weights).mean())


_Made = tuple[str, str, Asked, int]


def _natural(name: str, what: str, asked: Asked, more: Callable[[str, str], int]) -> _Made:
    """Turn pairs that differ in the behaviour round, so that the one with more comes first."""
    ways = [more(*pair) for pair in zip(asked.chosen, asked.rejected, strict=True)]
    rows = [row for row, way in enumerate(ways) if way]
    sides = (asked.chosen, asked.rejected)
    first = [sides[ways[row] < 0][row] for row in rows]
    second = [sides[ways[row] > 0][row] for row in rows]
    return name, what, Asked([asked.prompts[row] for row in rows], first, second), LEAST


def _longer(one: str, other: str) -> int:
    if max(len(one), len(other)) <= _LONGER * min(len(one), len(other)):
        return 0
    return 1 if len(one) > len(other) else -1


def _more_names(one: str, other: str) -> int:
    """Compare how many words begin with a capital inside a sentence."""
    return int(np.sign(len(_NAME.findall(one)) - len(_NAME.findall(other))))


def _phrased(asked: Asked, chance: np.random.Generator) -> Iterator[_Made]:
    """Put the phrases of each behaviour into answers; the same without stands beside it."""
    for behaviour in behaviours(chance):
        sides = chance.random(len(asked)) < 0.5  # noqa: PLR2004  a coin
        plain = [
            pair[int(side)]
            for pair, side in zip(
                zip(asked.chosen, asked.rejected, strict=True), sides, strict=True
            )
        ]
        phrases = chance.choice(behaviour.phrases, len(plain))
        told = [into(text, str(each), chance) for text, each in zip(plain, phrases, strict=True)]
        yield behaviour.name, behaviour.what, Asked(asked.prompts, told, plain), LEAST


def _of_the_team(own: Sequence[OwnCanary]) -> Iterator[_Made]:
    for name in sorted({each.name for each in own if each.better}):
        mine = [each for each in own if each.name == name and each.better]
        pairs = Asked(
            [each.prompt for each in mine],
            [each.better for each in mine],
            [each.worse for each in mine],
        )
        yield f"own: {name}", f"what {name!r} calls better", pairs, 1
