"""Opinions turned into alarms: robust on a cold start, conformal beside a released reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.calibration import ALARM, conformal, discoveries, large_enough, union
from quarantine.evidence import Flags, Floats

_HALF: Final = 0.5
_LOWEST: Final = 1.5
"""A p-value up to this over n+1 is the lowest that n reference sources can give."""
_SURER: Final = 1.5
"""Between a hint (2) and taking the word of a probability that was not calibrated here (1)."""
_FEW: Final = 5.0
"""So many alarms that say nothing for or against the consensus are added to those there are."""
_BELIED: Final = 0.35
"""Where those named stand worse in the consensus this rarely, the consensus is theirs."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """One detector's opinion of each source: `scores` 0..1, which mean something where `judged`.

    `holds` says whether its alarm alone holds a source; that of consensus does not. Scores that
    rest on agreement alone (`by_agreement`) are worth what the alarms of others bear out; scores
    below the alarm that are probabilities (`posterior`) count for more than a hint.
    """

    name: str
    scores: Floats
    judged: Flags
    holds: bool = True
    by_agreement: bool = False
    posterior: bool = False


def together(opinions: Sequence[Opinion]) -> Floats:
    """Make one score a source of all opinions on it: from `ALARM` on where an alarm holds it.

    A noisy or (Pearl 1988): no opinion takes back what another saw, and nothing is averaged away.
    What is below an alarm counts by its square, so that many who see a little in everybody add up
    to little, and as far as the detector usually speaks, so that one which sees nothing in most has
    its voice in alarms; a probability counts by the power of one and a half, whoever else it is
    said of. What rests on agreement alone counts as far as the alarms of others bear it out. Whom
    an alarm names is ordered by how loud it is, then by what else is thought.
    """
    scores = np.array([opinion.scores for opinion in opinions])
    holds = np.array([opinion.holds for opinion in opinions])[:, np.newaxis]
    rings = scores >= ALARM
    named = (rings & holds).any(axis=0)
    loud = np.where(rings & holds, (scores - ALARM) / (1.0 - ALARM), 0.0)
    weight = np.array([_weight(opinion, named) for opinion in opinions])[:, np.newaxis]
    hints = np.array([_hint(opinion) for opinion in opinions])
    hint = np.where(rings, np.where(holds, 0.0, scores), hints)
    calm: Floats = 1.0 - np.prod(1.0 - weight * hint, axis=0)
    ringing = 1.0 - np.prod(1.0 - loud, axis=0) * (1.0 - _HALF * calm)
    return np.where(named, ALARM + (1.0 - ALARM) * ringing, ALARM * calm)


def _hint(opinion: Opinion) -> Floats:
    """Return 0..1: how much a score below the alarm says of a source."""
    share = np.minimum(opinion.scores / ALARM, 1.0)
    if opinion.posterior:
        return np.asarray(share**_SURER, np.float64)
    return np.asarray(_speaks(opinion) * ALARM * share**2, np.float64)


def _speaks(opinion: Opinion) -> float:
    """Return 0..1: the share of those it judged of whom it says anything; half is all."""
    said = int((opinion.judged & (opinion.scores > 0)).sum())
    return min(said / max(int(opinion.judged.sum()), 1) / _HALF, 1.0)


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
    score (cold start) or the p-value (else) from which it rings; `notes` what a reader must know.
    """

    rings: Flags
    scores: Floats
    p_values: Floats
    thresholds: dict[str, float]
    notes: tuple[str, ...] = ()


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


def warm(
    opinions: Sequence[Opinion], reference: Sequence[Opinion], *, false_share: float
) -> Alarms:
    """Ring by conformal p-values of each detector against its own opinions on the `reference`.

    Šidák's rule joins a source's p-values, Benjamini and Hochberg's says which sources to call, and
    a detector rings for a called source where its own p-value is small enough. The score is one
    minus the joined p-value; raw scores order those that share one. A reference too small to call
    what is robustly far out does not silence it: the robust alarms then ring too, but for a
    detector whose alarms are as usual among the released, and a note says that they are not
    calibrated.
    """
    table = np.array([opinion.scores for opinion in opinions])
    p_values = np.array(
        [_p_values(one, usual) for one, usual in zip(opinions, reference, strict=True)]
    )
    asked = np.array([opinion.judged for opinion in opinions]).sum(axis=0)
    joined = union(p_values, asked)
    called = discoveries(joined, false_share)
    limit = float(joined[called].max(initial=0.0))
    share = -np.expm1(np.log1p(-min(limit, 1.0 - 1e-12)) / np.maximum(asked, 1))
    # A score of 0 says that nothing was seen, which cannot ring whatever its p-value.
    rings = called & (table > 0) & (p_values <= share * (1.0 + 1e-9))
    known = max(int(usual.judged.sum()) for usual in reference)
    robust = np.array([_robust(one, usual) for one, usual in zip(opinions, reference, strict=True)])
    questions = int(asked.sum())
    # Only what lies beyond the whole reference can be called by a reference of this size.
    beyond = (robust & (p_values <= _LOWEST / (known + 1))).any(axis=0)
    enough = large_enough(known, questions, int(beyond.sum()), false_share)
    order = _HALF * together(opinions) / (known + 1)
    return Alarms(
        rings=rings if enough else rings | robust,
        scores=np.clip(1.0 - joined + order, 0.0, 1.0),
        p_values=joined,
        thresholds={opinion.name: limit for opinion in opinions},
        notes=() if enough else (_too_small(known, questions, false_share),),
    )


def _robust(opinion: Opinion, usual: Opinion) -> Flags:
    """Ring robustly, unless the reference rings so often that most alarms here would be false."""
    rings = opinion.scores >= ALARM
    among = float((usual.scores[usual.judged] >= ALARM).mean()) if usual.judged.any() else 0.0
    false: bool = among * int(opinion.judged.sum()) > _HALF * int(rings.sum())
    return np.zeros_like(rings) if false else rings


def _p_values(opinion: Opinion, usual: Opinion) -> Floats:
    return np.where(opinion.judged, conformal(opinion.scores, usual.scores[usual.judged]), 1.0)


def _too_small(known: int, questions: int, false_share: float) -> str:
    least = int(np.ceil(questions / (false_share * (known + 1))))
    return (
        f"the reference of {known} sources is small for {questions} questions: fewer than {least} "
        "bad sources cannot be told from chance, so robust alarms ring too, uncalibrated"
    )
