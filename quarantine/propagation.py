"""Signed belief propagation between sources and targets: who keeps calling the good bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Floats, Ints

_ROUNDS: Final = 15
_STILL: Final = 0.01
_KEPT: Final = 0.3
"""How much of the last message stays in the next (damping), so that loops settle."""
_MOST: Final = 20.0


@dataclass(frozen=True, slots=True)
class Edges:
    """Who judged what how: codes, `sign` -1..1 (bad to good), `weight` 0..1 at the target."""

    source: Ints
    target: Ints
    sign: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Log-odds, by source, of being honest, and by target, of being good."""

    honest: Floats
    good: Floats


def propagate(
    edges: Edges, prior: Floats, *, error: float = 0.2, trust: float = 1.0, targets: int = 0
) -> Beliefs:
    """Pass messages until they settle, from each source's `prior` log-odds of being honest.

    FraudEagle (Akoglu, Chandy and Faloutsos 2013): honest sources call good targets good and bad
    ones bad but for an `error`; fraudsters the other way round but for twice that. Here a sign has
    strength, a faint one says little; and a source's events repeat each other, so that n of them
    count like `trust` times the root of n. Targets that nobody judged stay at 0.
    """
    count = np.bincount(edges.source, minlength=len(prior))
    size = max(targets, int(edges.target.max(initial=-1)) + 1)
    each = (trust / np.sqrt(np.maximum(count, 1)))[edges.source]
    right = 0.5 + edges.sign * (0.5 - error)
    wrong = 0.5 - edges.sign * (0.5 - min(2.0 * error, 0.5))
    to_source, to_target = np.zeros(len(edges.sign)), np.zeros(len(edges.sign))
    honest: Floats = prior
    good: Floats = np.zeros(size)
    for _ in range(_ROUNDS):
        odds = _odds(honest[edges.source] - each * to_source)
        told = np.log((right * odds + wrong) / ((1.0 - right) * odds + 1.0 - wrong))
        to_target = _KEPT * to_target + (1.0 - _KEPT) * told
        good = np.bincount(edges.target, edges.weight * to_target, size).astype(np.float64)
        odds = _odds(good[edges.target] - edges.weight * to_target)
        told = np.log((right * odds + 1.0 - right) / (wrong * odds + 1.0 - wrong))
        moved = float(np.abs(told - to_source).max(initial=0.0))
        to_source = _KEPT * to_source + (1.0 - _KEPT) * told
        honest = prior + np.bincount(edges.source, each * to_source, len(prior))
        if moved < _STILL:
            break
    return Beliefs(honest, good)


def _odds(belief: Floats) -> Floats:
    odds: Floats = np.exp(np.clip(belief, -_MOST, _MOST))
    return odds
