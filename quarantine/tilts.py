"""How far a source's habit lies beyond what honest sources differ by: likelihood ratios in nats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.calibration import ALARM, score_of
from quarantine.evidence import Flags, Floats, Ints

_BINS: Final = 24
_EDGE: Final = 4.0
"""Expectations are kept in bins of log-odds between -4 and 4."""
_GRID: Final = np.concatenate(
    [-np.arange(3.5, 7, 0.5)[::-1], np.linspace(-3, 3, 49), np.arange(3.5, 7, 0.5)]
)
SHARPNESS: Final = (0.5, 1.0, 1.5)
"""How much the log-odds of the others count for a source: the able follow them more."""
_BLOCK: Final = 2048
"""So many units at a time: what is worked out of them stays near the processor."""
_SPREADS: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
_STRANGE: Final = 0.05
"""The share of strange sources that is supposed before anything is known."""

_ALMOST: Final = 1e-6
CERTAIN: Final = 12.0
"""More nats than these add nothing to what a score says for or against a source."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each unit did and did not do a thing, by how much it was to be expected.

    `did` and `left` have a row a unit and a column a bin; `odds` are the bins' log-odds.
    """

    did: Floats
    left: Floats
    odds: Floats

    @property
    def events(self) -> Floats:
        """Return the number of events by unit."""
        return np.asarray((self.did + self.left).sum(axis=1), np.float64)

    def told(self, chance: Floats) -> Floats:
        """Return the log-likelihood by unit where a bin's event is done with this chance.

        `chance` is by bin, or has a column each for several suppositions, as the answer then has.
        """
        return np.asarray(self.did @ np.log(chance) + self.left @ np.log1p(-chance), np.float64)

    def of(self, units: Ints) -> Tally:
        """Return the tally of some units."""
        return Tally(self.did[units], self.left[units], self.odds)


def tally(unit: Ints, units: int, did: Flags, chance: Floats) -> Tally:
    """Count by unit what was done where an honest other does it with this `chance`."""
    odds = np.log(chance) - np.log1p(-chance)
    place = np.clip((odds + _EDGE) / (2 * _EDGE) * _BINS, 0, _BINS - 1).astype(np.int64)
    key = unit * _BINS + place
    done = np.bincount(key, did, units * _BINS).reshape(units, _BINS)
    every = np.bincount(key, minlength=units * _BINS).reshape(units, _BINS)
    # A bin stands for the mean of what it holds.
    held = np.bincount(place, minlength=_BINS)
    middle = np.bincount(place, odds, _BINS) / np.maximum(held, 1)
    return Tally(np.asarray(done, np.float64), np.asarray(every - done, np.float64), middle)


def sigmoid(odds: Floats) -> Floats:
    """Return the probability of log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-odds)), np.float64)


def tilted(seen: Tally, sharpness: Sequence[float] = SHARPNESS) -> Floats:
    """Return the log-likelihood by unit (rows) and tilt (columns), as sharp as it may be.

    `sharpness` lists how much the log-odds of the others may count, all of it alike probable.
    """
    found = np.empty((len(seen.did), len(_GRID)))
    for start in range(0, len(found), _BLOCK):
        some = np.arange(start, min(start + _BLOCK, len(found)))
        found[some] = _tilted(seen.of(some), sharpness)
    return found


def _tilted(seen: Tally, sharpness: Sequence[float]) -> Floats:
    told = [
        seen.told(sigmoid(sharp * seen.odds[:, np.newaxis] + _GRID[np.newaxis, :]))
        for sharp in sharpness
    ]
    most = np.maximum.reduce(told)
    likely = np.add.reduce([np.exp(each - most) for each in told]) / len(told)
    return np.asarray(most + np.log(likely), np.float64)


def spread_of(likely: Floats) -> Floats:
    """Return the log-prior of the tilts: how much honest units differ, fitted with a few strange.

    Empirical Bayes: the spread of a normal prior that makes all units together most likely, where
    one in twenty may be anything.
    """
    priors = spreads()
    _, relative = _relative(likely)
    # What is common to all priors, the best of each unit, is left out.
    honest_ = relative @ np.exp(np.array(priors)).T
    strange = relative.mean(axis=1, keepdims=True)
    told = np.log((1.0 - _STRANGE) * honest_ + _STRANGE * strange).sum(axis=0)
    return priors[int(np.argmax(told))]


def spreads() -> list[Floats]:
    """Return the log-priors of the tilts that are tried, from the narrowest on."""
    return [_prior(spread) for spread in _SPREADS]


def _prior(spread: float) -> Floats:
    width = np.gradient(_GRID)
    dense = width * np.exp(-0.5 * (_GRID / spread) ** 2)
    return np.asarray(np.log(dense / dense.sum() + 1e-300), np.float64)


def honest(likely: Floats, prior: Floats) -> Floats:
    """Return the log-likelihood by unit of being honest, whatever its tilt."""
    most, relative = _relative(likely)
    return np.asarray(most + np.log(relative @ np.exp(prior)), np.float64)


def _relative(likely: Floats) -> tuple[Floats, Floats]:
    """Return the best log-likelihood by unit, and all likelihoods relative to it.

    A prior is nowhere less than 1e-300, so that no sum over them runs to 0.
    """
    most = likely.max(axis=1)
    return most, np.exp(likely - most[:, np.newaxis])


def ruled(seen: Tally, slips: Sequence[float]) -> Floats:
    """Return the log-likelihood by unit of always doing it, but for slips (shares, alike)."""
    told = [seen.told(np.full(len(seen.odds), 1.0 - slip)) for slip in slips]
    return np.asarray(np.logaddexp.reduce(np.array(told), axis=0) - np.log(len(slips)), np.float64)


def scored(nats: Floats, judged: int, *, sure: float = 100.0) -> Floats:
    """Turn evidence into scores 0..1: `ALARM` where honest sources get once in `sure` crowds.

    `nats` is the logarithm of a likelihood ratio that has paid for its looks. That an honest source
    reaches a ratio of r at most once in r times (Markov) makes this a bound without a table, for
    `judged` sources together. Below it the score is half the probability of being bad, where one in
    twenty is: without evidence near 0, and evidence for innocence keeps its order.
    """
    strength = nats / bar(judged, sure)
    return np.where(strength > 1.0, score_of(np.maximum(strength, 1.0)), probable(nats))


def probable(nats: Floats) -> Floats:
    """Return half the probability of being bad, where one in twenty is: what is no alarm."""
    odds = np.log(_STRANGE) - np.log1p(-_STRANGE) + np.clip(nats, -50.0, 50.0)
    return np.minimum(ALARM * sigmoid(odds), ALARM - _ALMOST)


def bar(judged: int, sure: float) -> float:
    """Return the nats from which `scored` rings for one of `judged` sources."""
    return float(np.log(sure) + np.log(max(judged, 1)))


def nats_of(scores: Floats) -> Floats:
    """Return the nats that `scored` made a score below the alarm of; from it on at most `CERTAIN`.

    Scores are 0..1. One that says nothing at all is no less than -`CERTAIN`.
    """
    bad = np.clip(scores / ALARM, 1e-12, 1.0 - 1e-12)
    odds = np.log(bad) - np.log1p(-bad) - np.log(_STRANGE) + np.log1p(-_STRANGE)
    return np.asarray(np.clip(odds, -CERTAIN, CERTAIN), np.float64)


def beyond(done: Floats, events: Floats, usual: Floats | float) -> Floats:
    """Return the nats for `done` of `events` being beyond a `usual` share: Chernoff's bound.

    Hoeffding 1963: so many or more come about with at most e to minus that, whatever the single
    events' chances of that mean. 0 where no more than usual was done.
    """
    share = done / np.maximum(events, 1.0)
    inner = np.clip(share, 1e-12, 1.0 - 1e-12)
    nats = inner * np.log(inner / usual) + (1.0 - inner) * np.log((1.0 - inner) / (1.0 - usual))
    return np.where(share > usual, events * nats, 0.0)
