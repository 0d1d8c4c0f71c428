"""How common each kind of source seems to be here: shares fitted to likelihood ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from quarantine.evidence import Floats

_ROUNDS: Final = 30
_NEVER: Final = 1e-12


def shares(nats: Floats, first: Sequence[float]) -> Floats:
    """Return the share of each kind that makes what was seen of all units most likely.

    `nats` has a row a unit and a column a kind: the log-likelihood of what was seen of it. Begins
    with the shares `first`, which sum to 1. Expectation maximisation (Dempster, Laird and Rubin
    1977) for the weights of a mixture; where no unit is better explained by a kind than by the
    others, its share runs to 0 (the two groups of Efron 2008, with likelihoods that are known).
    """
    share = np.array(first, np.float64)
    if not len(nats):
        return share
    likely = np.exp(nats - nats.max(axis=1, keepdims=True))
    for _ in range(_ROUNDS):
        joint = likely * share
        share = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0) + _NEVER
    return np.asarray(share / share.sum(), np.float64)
