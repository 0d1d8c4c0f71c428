"""Which way rows pull, cluster by cluster: tests by shuffling, exact for all that is asked at once.

A pull is a number by row and behaviour: how far one more such row moves the behaviour. Clusters
are the independent witnesses, never rows. *Shift*: do the candidate rows pull elsewhere than the
accepted ones? Clusters change sides at random, and the furthest of all behaviours is compared with
the furthest of each shuffle (Westfall and Young 1993). *Cluster*: does one pull far beyond what
clusters differ by? Their honest difference is a variance between them (DerSimonian and Laird 1986),
and how far chance goes is told by rows that change clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SHUFFLES: Final = 999
_FEW_SHUFFLES: Final = 199
"""For the loudest cluster, whose tail is fitted."""
FEWEST: Final = 20
"""A group with fewer rows on a side is not compared."""
_FEWEST_CLUSTERS: Final = 8
_LEAST: Final = 4
"""A cluster with fewer rows in a group is not looked at alone."""
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Pulls:
    """Pulls by row (n) and behaviour (m), of one group each: 0 and no `counts` outside its group.

    `counts` (n x m) says of which rows a behaviour's group is made; `cluster` is a code by row and
    `candidate` says on which side it is. The first `width` behaviours are everyone's; what many
    small groups do by chance does not hide what everyone does.
    """

    pull: Floats
    counts: Flags
    cluster: Ints
    candidate: Flags
    width: int

    @property
    def families(self) -> list[slice]:
        """Return the behaviours that are measured together: everyone's, and those of groups."""
        size = self.pull.shape[1]
        parts = [slice(0, min(self.width, size)), slice(self.width, size)]
        return [part for part in parts if part.start < part.stop]


class Shifted(NamedTuple):
    """A behaviour's mean pull on both sides, and how often chance moves any of all so far."""

    accepted: float
    candidate: float
    p: float


class Loudest(NamedTuple):
    """The cluster that pulls furthest: by how many standard deviations, and how often chance so."""

    cluster: int
    rows: int
    beyond: float
    p: float


def shifted(pulls: Pulls, chance: np.random.Generator) -> list[Shifted | None]:
    """Compare the sides of each behaviour; absent where too little is on one of them."""
    _, block = np.unique(pulls.cluster * 2 + pulls.candidate, return_inverse=True)
    size = int(block.max(initial=-1)) + 1
    side = np.zeros(size)
    side[block] = pulls.candidate
    total, rows = (
        _by(block, np.where(pulls.counts, pulls.pull, 0.0), size),
        _by(block, pulls.counts.astype(np.float64), size),
    )
    drawn = np.array([side, *(chance.permutation(side) for _ in range(SHUFFLES))])
    found: list[Shifted | None] = []
    for part in pulls.families:
        found += _family(drawn, total[:, part], rows[:, part], len(pulls.families))
    return found


def _family(drawn: Floats, total: Floats, rows: Floats, families: int) -> list[Shifted | None]:
    """Compare the sides of the behaviours of one family; it pays for the others."""
    fit = _comparable(drawn[0], rows)
    if not fit.any():
        return [None] * len(fit)
    means = [_means(each, total[:, fit], rows[:, fit]) for each in (1.0 - drawn, drawn)]
    apart = means[1] - means[0]
    scaled = np.abs(apart) / np.maximum(apart[1:].std(axis=0), _TINY)
    most = scaled[1:].max(axis=1)
    told = iter(
        Shifted(float(before), float(after), min(1.0, families * _rank(far, most)))
        for before, after, far in zip(means[0][0], means[1][0], scaled[0], strict=True)
    )
    return [next(told) if each else None for each in fit]


def loudest(pulls: Pulls, chance: np.random.Generator) -> list[Loudest | None]:
    """Find the candidate cluster that pulls furthest, by behaviour; absent where none is alone.

    How much honest clusters differ is learnt from the accepted rows, and from the candidates'
    where there are no accepted ones.
    """
    found: list[Loudest | None] = []
    for part in pulls.families:
        looks = (part.stop - part.start) * len(pulls.families)
        for column in range(part.start, part.stop):
            voice = _loudest(pulls, column, chance)
            found.append(voice and voice._replace(p=min(1.0, looks * voice.p)))
    return found


def _loudest(pulls: Pulls, column: int, chance: np.random.Generator) -> Loudest | None:
    """Find one behaviour's loudest cluster; its p-value pays for all clusters, not for looks."""
    here = np.flatnonzero(pulls.counts[:, column])
    mine = here[pulls.candidate[here]]
    code, cluster = np.unique(pulls.cluster[mine], return_inverse=True)
    rows = np.bincount(cluster, minlength=len(code)).astype(np.float64)
    alone = rows >= _LEAST
    told = pulls.pull[mine, column]
    spread = float(told.std()) if len(told) else 0.0
    if alone.sum() < _FEWEST_CLUSTERS or spread < _TINY:
        return None
    theirs = here[~pulls.candidate[here]]
    between = _between(pulls.pull[theirs, column], pulls.cluster[theirs])
    if between is None:
        between = _between(told, pulls.cluster[mine]) or 0.0
    away = np.bincount(cluster, told - told.mean(), len(code)) / rows
    sure = np.abs(away) / np.sqrt(between + spread**2 / rows)
    worst = int(np.argmax(np.where(alone, sure, -1.0)))
    furthest = np.array(
        [_furthest(chance.permutation(told), cluster, rows, spread) for _ in range(_FEW_SHUFFLES)]
    )
    p = _tail(float(sure[worst]), furthest)
    return Loudest(int(code[worst]), int(rows[worst]), float(abs(away[worst]) / spread), p)


def _furthest(told: Floats, cluster: Ints, rows: Floats, spread: float) -> float:
    away = np.bincount(cluster, told - told.mean(), len(rows)) / np.sqrt(rows)
    return float(np.abs(np.where(rows >= _LEAST, away, 0.0)).max() / spread)


def _tail(far: float, shuffled: Floats) -> float:
    """Return how often the furthest goes so far: counted, or fitted beyond what was seen.

    The tail is Gumbel's (Fisher and Tippett 1928), so that many looks can be paid for.
    """
    counted = _rank(far, shuffled)
    scale = max(float(shuffled.std()) * np.sqrt(6.0) / np.pi, _TINY)
    place = float(shuffled.mean()) - np.euler_gamma * scale
    fitted = -np.expm1(-np.exp(-(far - place) / scale))
    return counted if counted > 2.0 / (len(shuffled) + 1) else float(min(counted, fitted))


def _between(told: Floats, cluster: Ints) -> float | None:
    """Return the variance between clusters beyond chance; absent where there are too few."""
    code, of = np.unique(cluster, return_inverse=True)
    rows = np.bincount(of, minlength=len(code)).astype(np.float64)
    many = rows >= _LEAST
    if many.sum() < _FEWEST_CLUSTERS:
        return None
    within = float(told.var())
    away = np.bincount(of, told - told.mean(), len(code))[many] / rows[many]
    weight = rows[many] / max(within, _TINY)
    excess = float((weight * away**2).sum()) - (len(weight) - 1)
    return max(0.0, excess / float(weight.sum() - (weight**2).sum() / weight.sum()))


def _comparable(side: Floats, rows: Floats) -> Flags:
    """Say of which behaviours there are enough rows and clusters on both sides."""
    fit = np.ones(rows.shape[1], np.bool_)
    for each in (side, 1.0 - side):
        fit &= each @ rows >= FEWEST
        fit &= each @ (rows > 0) >= _FEWEST_CLUSTERS
    return fit


def _means(side: Floats, total: Floats, rows: Floats) -> Floats:
    return np.asarray((side @ total) / np.maximum(side @ rows, 1.0), np.float64)


def _by(code: Ints, values: Floats, size: int) -> Floats:
    found = np.zeros((size, values.shape[1]))
    np.add.at(found, code, values)
    return found


def _rank(far: float, shuffled: Floats) -> float:
    return float((1 + (shuffled >= far - 1e-9).sum()) / (len(shuffled) + 1))
