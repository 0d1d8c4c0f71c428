"""Followers of a rule among honest units: a mixture, summed over those who may follow it.

A part of the units does always what the rule says, but for slips; the others do it as often as is
to be expected there, shifted by a tilt of their own whose spread is fitted (`quarantine.tilts`).
What one does alone may be a taste; the Bayes factor of the mixture sums what several do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from quarantine.evidence import Floats, Ints
from quarantine.tilts import Tally, honest, ruled, sigmoid, spreads, tilted

SLIPS: Final = (0.01, 0.05, 0.15)
_SHARES: Final = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Which part of the units may follow one rule."""
_MOST: Final = 50.0
_NULL: Final = 0.9
"""How probable it is, before anything is seen, that nobody follows any."""


class Together(NamedTuple):
    """What a mixture says: `nats` for that some follow some rule, and how `sure` of each unit.

    `rule` is the place of the rule for which most is said.
    """

    nats: float
    rule: int
    sure: Floats


def weighed(
    seen: Tally,
    asked: Ints,
    *,
    surplus: float,
    prior: Floats | None = None,
    slips: Sequence[float] = SLIPS,
) -> Floats:
    """Return the nats by unit for following a rule: NaN for those not `asked`, who say too little.

    Who does it less than `surplus` (a share) more often than is to be expected follows nothing.
    `prior` is what is known of honest tilts (log, by tilt), fitted where it is absent; `slips` are
    the shares of events in which a follower may do otherwise.
    """
    mine = seen.of(asked)
    likely, follows = tilted(mine), ruled(mine, slips)
    fair = honest(likely, _spread_beside(likely, follows) if prior is None else prior)
    usual = (mine.did + mine.left) @ sigmoid(seen.odds)
    near = mine.did.sum(axis=1) - usual < surplus * mine.events
    nats = np.full(len(seen.did), np.nan)
    nats[asked] = np.where(near, -np.inf, follows - fair)
    return nats


def together(nats: Floats) -> Together:
    """Sum what is said of units (columns) by rule (rows), as `weighed` gives it."""
    told, member = _members(nats)
    weight = np.exp(told - np.log(len(told)) + np.log1p(-_NULL))
    by_rule = told.reshape(len(nats), len(_SHARES)).max(axis=1)
    return Together(
        nats=float(np.logaddexp.reduce(told) - np.log(len(told))),
        rule=int(by_rule.argmax()),
        sure=np.asarray(weight @ member / (weight.sum() + _NULL), np.float64),
    )


def surest(sure: Floats, false_share: float) -> Ints:
    """Return the likeliest units, as many as keep the mean probability of error below a share.

    Local false discovery rate (Efron 2007).
    """
    order = np.argsort(-sure, kind="stable")
    errors = np.cumsum(1.0 - sure[order]) / np.arange(1, len(sure) + 1)
    return order[: int((errors <= false_share).sum())]


def _members(nats: Floats) -> tuple[Floats, Floats]:
    """Return by rule and share the nats for such a part, and by unit how probably it is of it.

    Who says too little to be asked speaks neither for such a part nor against it, and is none.
    """
    asked = ~np.isnan(nats)
    ratio = np.where(asked, np.exp(np.minimum(nats, _MOST)), 1.0)
    pairs = [(*each, share) for each in zip(ratio, asked, strict=True) for share in _SHARES]
    told = [float(np.log1p(share * (each - 1.0)).sum()) for each, _, share in pairs]
    member = [some * share * each / (1.0 - share + share * each) for each, some, share in pairs]
    return np.array(told), np.array(member)


def _spread_beside(likely: Floats, follows: Floats) -> Floats:
    """Return the log-prior of the honest tilts that is likeliest, whatever part follows the rule.

    Followers must not pass for a wide spread: they are fitted as what they are.
    """
    told = []
    for prior in spreads():
        fair = honest(likely, prior)
        parts = [
            np.logaddexp(np.log1p(-share) + fair, np.log(share) + follows).sum()
            for share in _SHARES
        ]
        told.append(max(float(fair.sum()), *map(float, parts)))
    return spreads()[int(np.argmax(told))]
