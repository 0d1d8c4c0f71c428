"""Scores turned into alarms: robust on a cold start, conformal beside a released reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Flags, Floats, Ints

ALARM: Final = 0.5
"""A detector's score from which it raises a cold-start alarm: its strength has reached 1."""

_NOTHING: Final = 1e-9
_HALF: Final = 0.5
_LOWEST: Final = 1.5
"""A p-value up to this over n+1 is the lowest that n reference sources can give."""
_NORMAL: Final = 1.4826
"""MAD of a normal distribution times this is its standard deviation."""
_NORMAL_MEAN: Final = 1.2533
"""The same for the mean absolute deviation, which is not 0 when most values are equal."""


def score_of(strength: Floats) -> Floats:
    """Squeeze strengths (0 is usual, 1 rings, any size) into 0..1, keeping their order.

    The usual source gets 0.25 and an alarm begins at `ALARM`; the absence of an opinion is 0.
    """
    over = strength - 1.0
    squeezed: Floats = ALARM + ALARM * over / (1.0 + np.abs(over))
    return squeezed


def deviations(values: Floats, floor: float = 0.0) -> Floats:
    """Return how many robust standard deviations each value lies above the median.

    The spread is the MAD's and at least `floor`. Without a floor, where more than half the values
    are equal, it is the mean absolute deviation's, which outliers can stretch.
    """
    if not len(values):
        return np.empty(0)
    away = values - np.median(values)
    spread = max(_NORMAL * float(np.median(np.abs(away))), floor)
    if spread < _NOTHING:
        spread = max(_NORMAL_MEAN * float(np.mean(np.abs(away))), _NOTHING)
    return np.asarray(away / spread, np.float64)


def conformal(scores: Floats, reference: Floats) -> Floats:
    """Return p-values: the share of reference scores at least as high, the scored one counted in.

    Bates et al., Testing for outliers with conformal p-values, Ann. Stat. 2023. Without a
    reference every p-value is 1.
    """
    ordered = np.sort(reference)
    above = len(ordered) - np.searchsorted(ordered, scores, side="left")
    return np.asarray((1.0 + above) / (1.0 + len(ordered)), np.float64)


def union(p_values: Floats, asked: Ints) -> Floats:
    """Join channels (rows) into one p-value a source (columns): Šidák's rule on the smallest.

    `asked` counts the channels that had an opinion on each source; without any the p-value is 1.
    """
    smallest = np.minimum(p_values.min(axis=0, initial=1.0), 1.0 - 1e-12)
    joined: Floats = -np.expm1(asked * np.log1p(-smallest))
    return np.where(asked > 0, joined, 1.0)


def discoveries(p_values: Floats, false_share: float) -> Flags:
    """Say which p-values to call at an expected share of false calls of at most `false_share`.

    Benjamini and Hochberg 1995, step-up, with Storey's estimate of how many are honest (those
    above a half tell), which conformal p-values allow (Bates et al. 2023).
    """
    count = len(p_values)
    honest = min(1.0, (1.0 + float((p_values > _HALF).sum())) / (_HALF * max(count, 1)))
    false_share = false_share / honest
    called = np.zeros(count, np.bool_)
    order = np.argsort(p_values, kind="stable")
    below = p_values[order] <= false_share * np.arange(1, count + 1) / max(count, 1)
    if below.any():
        called[order[: int(np.flatnonzero(below)[-1]) + 1]] = True
    return called


def large_enough(reference: int, questions: int, called: int, false_share: float) -> bool:
    """Say whether a reference of n sources can call R of m questions: n+1 ≥ m/(share·R).

    A question is one detector asked about one source: each further detector costs power.
    """
    return reference + 1 >= questions / (false_share * max(called, 1))


@dataclass(frozen=True, slots=True)
class Opinion:
    """One detector's opinion of each source: `scores` 0..1, which mean something where `judged`."""

    name: str
    scores: Floats
    judged: Flags


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
    """Ring where a detector's score reaches `ALARM`; the worst of them is the source's score."""
    scores = np.array([opinion.scores for opinion in opinions])
    return Alarms(
        rings=scores >= ALARM,
        scores=scores.max(axis=0, initial=0.0),
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
    order = 0.5 * table.max(axis=0, initial=0.0) / (known + 1)
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
