"""Who meets whom at targets more often than chance has it, in time or in choice of targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

from quarantine.evidence import Evidence, Floats, Ints, micros
from quarantine.overlap import affordable, met, number, table

_CERTAIN: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Meetings:
    """Pairs of sources, each standing twice; `often` counts the targets at which they met.

    `nats` is the evidence that they meet more often than chance, after paying for all pairs.
    """

    source: Ints
    partner: Ints
    often: Ints
    nats: Floats


def meetings(evidence: Evidence, *, parts: int) -> Meetings:
    """Compare pairs that meet within one of `parts` of the whole time with those that do not.

    The chance is how often any two who speak of one target do so in one part, so that neither
    the choice of targets nor how much is said counts. The tail is Chernoff's bound on a binomial.
    Parts overlap by half; the better of both readings counts, and is paid for.
    """
    who, where, at = _first_acts(evidence)
    at = at - (at.min() if len(at) else 0)
    length = max(int(at.max(initial=0)) // parts, 1)
    kept = affordable(np.bincount(where))[where]
    who, where, at = who[kept], where[kept], at[kept]
    size = len(evidence.sources)
    common = evidence.once("common", lambda: _common(who, where, size))
    found = []
    for moment in (at // length, (at + length // 2) // length):
        cell = number(where, moment)
        spoken = table(who, cell, np.ones(len(who)), size)
        rate = _pairs(cell) / max(_pairs(where), 1.0)
        # What is met in time is a part of what is met: the sum has the pattern of the whole.
        source, partner, (both, either) = met(common, spoken @ spoken.T + common)
        found.append((either - both, _excess(either - both, both, rate)))
    (often, nats), (later, also) = found
    better = also > nats
    paid = np.log(2.0 * max(len(np.unique(who)), 1) ** 2)
    return Meetings(
        source=source,
        partner=partner,
        often=np.where(better, later, often).astype(np.int64),
        nats=np.maximum(nats, also) - paid,
    )


def choices(evidence: Evidence) -> Meetings:
    """Compare how many targets pairs share with what popularity and their activity explain.

    Each draws as many targets as it speaks of, as often as all do; the tail is Chernoff's bound on
    a Poisson count.
    """
    who, where, _ = _first_acts(evidence)
    count, asked = np.bincount(who, minlength=len(evidence.sources)), np.bincount(where)
    kept = affordable(asked)
    rows = kept[where]
    spoken = table(who[rows], where[rows], np.ones(int(rows.sum())), len(evidence.sources))
    source, partner, (often,) = met(spoken @ spoken.T)
    meeting = float((asked * (asked - 1.0) * kept).sum()) / max(len(who), 1) ** 2
    chance = np.maximum(meeting * count[source] * count[partner], _CERTAIN)
    nats = np.where(often > chance, often * np.log(often / chance) - (often - chance), 0.0)
    paid = np.log(max(int((count > 0).sum()), 1) ** 2)
    return Meetings(source, partner, often.astype(np.int64), nats - paid)


def _common(who: Ints, where: Ints, sources: int) -> sp.csr_array:
    asked = table(who, where, np.ones(len(who)), sources)
    common: sp.csr_array = asked @ asked.T
    return common


def _first_acts(evidence: Evidence) -> tuple[Ints, Ints, Ints]:
    """Return who first spoke of which target when (µs), once each."""
    frame = evidence.everything
    source = frame["source"].to_numpy().astype(np.int64)
    target = frame["target"].to_numpy().astype(np.int64)
    _, first = np.unique(number(source, target), return_index=True)
    return source[first], target[first], micros(frame["at"])[first]


def _pairs(code: Ints) -> float:
    size = np.bincount(code).astype(np.float64)
    return float((size * (size - 1)).sum())


def _excess(often: Floats, of: Floats, rate: float) -> Floats:
    """Bound (nats) the chance that a share so far above `rate` comes of luck (Chernoff)."""
    share = (often / of).clip(_CERTAIN, 1 - _CERTAIN)
    rate = min(max(rate, _CERTAIN), 1 - _CERTAIN)
    nats = share * np.log(share / rate) + (1 - share) * np.log((1 - share) / (1 - rate))
    return np.where(share > rate, of * nats, 0.0)
