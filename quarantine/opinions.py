"""Opinions turned into alarms: robust on a cold start, conformal beside a released reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from quarantine.calibration import ALARM
from quarantine.evidence import Flags, Floats
from quarantine.shares import shares
from quarantine.tilts import nats_of

_HALF: Final = 0.5
_EVEN: Final = 0.1
"""Odds at which a score is half way to the alarm."""
_SUPPOSED: Final = (0.95, 0.05)
"""The shares of honest and bad sources that fitting begins with."""
_LEAST: Final = 0.002
"""So many may be bad in a way that nobody seems to be bad in."""
_DOUBTED: Final = 0.03
"""So many more where a test says nothing of most sources."""
_DIFFERS: Final = 0.02
"""The odds against one who differs from the others so much that it nearly is an alarm."""
_RANKED: Final = 8.0
"""The same where a detector ranks everybody by more than agreement, or its alarm is the loudest."""
_FAINT: Final = 0.03
"""The same where it says nothing of most, and never rings."""
_RINGS: Final = 4.0
"""How much more that is for each share of sources that it rings for."""
_FEWEST: Final = 0.005
"""Such a share of sources, at least, can be meant without being doubted for their number."""
_FEW: Final = 5.0
"""So many alarms that say nothing for or against the consensus are added to those there are."""
_BELIED: Final = 0.35
"""Where those named stand worse in the consensus this rarely, the consensus is theirs."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """One detector's opinion of each source: `scores` 0..1, which mean something where `judged`.

    `holds` says whether its alarm alone holds a source; that of consensus does not. Scores that
    rest on agreement alone (`by_agreement`) are worth what the alarms of others bear out; scores
    below the alarm may be probabilities (`posterior`), and those may need no model (`exact`).
    """

    name: str
    scores: Floats
    judged: Flags
    holds: bool = True
    by_agreement: bool = False
    posterior: bool = False
    exact: bool = False


def together(opinions: Sequence[Opinion]) -> Floats:
    """Make one score a source of all opinions on it: from `ALARM` on where an alarm holds it.

    A source is bad in one way or another, so the odds of all ways are added: no opinion takes back
    what another saw, and who seems honest in one way is not the better for it in another. How much
    an opinion adds is measured on this very crowd (`_odds`), and what rests on agreement alone
    counts as far as the alarms of others bear it out. Whom an alarm names is ordered by how loud it
    is, then by what else is thought. Below, the score grows with the root of the odds.
    """
    scores = np.array([opinion.scores for opinion in opinions])
    holds = np.array([opinion.holds for opinion in opinions])[:, np.newaxis]
    rings = (scores >= ALARM) & holds
    named = rings.any(axis=0)
    loud = np.where(rings, (scores - ALARM) / (1.0 - ALARM), 0.0)
    weight = np.array([_weight(opinion, named) for opinion in opinions])[:, np.newaxis]
    odds = np.array([_odds(opinion) for opinion in opinions])
    root = np.sqrt((weight * np.where(rings, 0.0, odds)).sum(axis=0) / _EVEN)
    calm: Floats = root / (1.0 + root)
    ringing = 1.0 - np.prod(1.0 - loud, axis=0) * (1.0 - _HALF * calm)
    return np.where(named, ALARM + (1.0 - ALARM) * ringing, ALARM * calm)


def _odds(opinion: Opinion) -> Floats:
    """Return what an opinion adds to each source's odds of being bad."""
    if opinion.posterior:
        return _probable(opinion)
    share = opinion.scores / ALARM
    if opinion.by_agreement:
        # Whoever differs from others is far more often of another mind than bad, up to an alarm.
        loud = np.maximum(share - 1.0, 0.0)
        return np.asarray(_DIFFERS * share**3 + _RANKED * loud**3, np.float64)
    said = int((opinion.judged & (opinion.scores > 0)).sum())
    if said >= _HALF * int(opinion.judged.sum()):
        return np.asarray(_RANKED * share**2, np.float64)
    return share * _marked(opinion)


def _probable(opinion: Opinion) -> Floats:
    """Return the odds of scores that are probabilities, at the share of bad ones that fits them.

    The likelihood ratios are taken back from the scores, and the share of sources bad in this way
    is fitted to them: where nobody is, the way is all but mute, whatever the luckiest of the honest
    show. A test that leaves most in doubt cannot rule out that a few are bad. Of a ratio the root
    counts, since it is only as right as its model (a tempered posterior, Holmes and Walker 2017);
    one that needs none is `exact` and counts whole.
    """
    nats = nats_of(opinion.scores)
    known = nats[opinion.judged]
    if not len(known):
        return np.zeros(len(nats))
    common = shares(np.stack([np.zeros(len(known)), known], axis=1), _SUPPOSED)[1]
    doubt = float(np.median(np.exp(np.minimum(known, 0.0))))
    prior = common + _LEAST + _DOUBTED * doubt
    power = 1.0 if opinion.exact else _HALF
    return np.where(opinion.judged, prior * np.exp(power * nats), 0.0)


def _marked(opinion: Opinion) -> Floats:
    """Return how much the voice of a detector that says nothing of most is worth below its alarm.

    It has its voice in alarms, so more where it rings: whom it nearly rings for may be of the same
    company. Otherwise no more than a few can be meant, however many sources it marks.
    """
    judged = max(int(opinion.judged.sum()), 1)
    rings = float((opinion.scores >= ALARM).sum()) / judged
    ordered = np.sort(opinion.scores[opinion.judged])
    above = judged - np.searchsorted(ordered, opinion.scores, side="left")
    few = np.minimum(_FEWEST * judged / np.maximum(above, 1), 1.0)
    return np.asarray(_FAINT * few + _RINGS * rings, np.float64)


def _weight(opinion: Opinion, named: Flags) -> float:
    """Return 1, and for mere agreement how far whom alarms of others name agree less too.

    That is the probability that one whom they name scores higher than one whom they do not (Mann
    and Whitney 1947), drawn to a half. Where a ring has made the consensus, its members are those
    who agree: then what the consensus says of anybody is worth nothing.
    """
    if not opinion.by_agreement:
        return 1.0
    inside, outside = opinion.judged & named, opinion.judged & ~named
    size = int(inside.sum())
    if not size or not outside.any():
        return 1.0
    others = np.sort(opinion.scores[outside])
    mine = opinion.scores[inside]
    below = np.searchsorted(others, mine, "left") + np.searchsorted(others, mine, "right")
    worse = float(below.sum()) / (2.0 * len(others))
    share = (worse + _HALF * _FEW) / (size + _FEW)
    return float(np.clip((share - _BELIED) / (_HALF - _BELIED), 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Alarms:
    """What rings: `rings` by detector (rows) and source (columns), the rest by source.

    `scores` are 0..1; `p_values` have no entries on a cold start; `thresholds` by detector are the
    score (cold start) or the p-value (else) from which it rings; `notes` what a reader must know;
    `called` is whom the calibrated rule calls (`quarantine.calling`), no entries on a cold start.
    """

    rings: Flags
    scores: Floats
    p_values: Floats
    thresholds: dict[str, float]
    notes: tuple[str, ...] = ()
    called: Flags = field(default_factory=lambda: np.empty(0, np.bool_))


def cold(opinions: Sequence[Opinion]) -> Alarms:
    """Ring where a detector's score reaches `ALARM`; `together` makes one score of all."""
    scores = np.array([opinion.scores for opinion in opinions])
    return Alarms(
        rings=scores >= ALARM,
        scores=together(opinions),
        p_values=np.empty(0),
        thresholds={opinion.name: ALARM for opinion in opinions},
        notes=("cold start: nothing was released yet, so alarms are robust and not calibrated",),
    )
