"""Catchwords: phrases of the candidate rows that few clusters carry, beyond all chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from quarantine.carried import few_voices
from quarantine.texts import grams_of, texts_from

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

FEWEST: Final = 5
"""A phrase in fewer different texts is no catchword."""
_CROWD: Final = 1.0
"""However many say it: a canary tells whether it is only the subject of much of the work."""
MOST: Final = 12
"""So many catchwords are looked at, the most crowded first; of one that stands in another's texts
alone the longer is left out."""


class Catchword(NamedTuple):
    """A phrase as it is spelled, in how many texts of how many clusters, and how often by chance.

    `p` pays for every phrase that was looked at.
    """

    spelled: str
    texts: int
    clusters: int
    p: float


def catchwords(
    texts: Sequence[str], clusters: Ints, candidate: Flags, *, alpha: float
) -> list[Catchword]:
    """Return phrases that fewer clusters carry than their volumes allow, the most crowded first.

    `clusters` is a code for each of `texts`, and `candidate` says which are new; a text that is
    there twice counts once a cluster. Of each phrase in `FEWEST` different new texts the likelihood
    ratio of "these clusters alone" is asked of all texts (as `quarantine.carried` asks it), and a
    bound on its p-value after all looks.
    """
    names, code = _distinct(texts)
    if not names:
        return []
    seen = np.unique(np.stack([code, clusters]), axis=1)
    read = texts_from(grams_of(names), names.__getitem__)
    found = read.grams[seen[0]].tocoo()
    often = np.asarray(read.grams[np.unique(code[candidate])].sum(axis=0)).ravel()
    fit = often >= FEWEST
    kept = fit[found.col]
    gram, which = np.unique(found.col[kept], return_inverse=True)
    if not len(gram):
        return []
    row = found.row[kept]
    volume = np.bincount(seen[1])
    nats, voices = few_voices(which, seen[1][row], volume, crowd=_CROWD)
    p = np.minimum(1.0, np.exp(np.minimum(np.log(len(gram)) - nats, 0.0)))
    surest = [at for at in np.lexsort((gram, -often[gram], p)) if p[at] <= alpha]
    chosen: list[Catchword] = []
    told: list[frozenset[int]] = []
    for at in surest:
        mine = frozenset(seen[0][row[which == at]].tolist())
        if len(chosen) < MOST and not any(mine <= other for other in told):
            told.append(mine)
            spelled = read.spelled(int(gram[at]), min(mine))
            chosen.append(Catchword(spelled, len(mine), int(voices[at]), float(p[at])))
    return chosen


def _distinct(texts: Sequence[str]) -> tuple[list[str], Ints]:
    """Return the distinct texts, and which of them each is."""
    place = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    return list(place), np.array([place[text] for text in texts], np.int64)
