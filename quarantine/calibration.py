"""Scores turned into alarms: robust on a cold start, conformal beside a released reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Flags, Floats, Ints

ALARM: Final = 0.5
"""A detector's score from which it raises a cold-start alarm: its strength has reached 1."""

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


def deviations(values: Floats, floor: float = 1e-9) -> Floats:
    """Return how many robust standard deviations each value lies above the median.

    The spread is the MAD's, or the mean absolute deviation's where more than half the values are
    equal, and never below `floor`.
    """
    if not len(values):
        return np.empty(0)
    away = values - np.median(values)
    spread = _NORMAL * float(np.median(np.abs(away)))
    if spread < floor:
        spread = max(_NORMAL_MEAN * float(np.mean(np.abs(away))), floor)
    scaled: Floats = away / spread
    return scaled


def conformal(scores: Floats, reference: Floats) -> Floats:
    """Return p-values: the share of reference scores at least as high, the scored one counted in.

    Bates et al., Testing for outliers with conformal p-values, Ann. Stat. 2023. Without a
    reference every p-value is 1.
    """
    ordered = np.sort(reference)
    above = len(ordered) - np.searchsorted(ordered, scores, side="left")
    p: Floats = (1.0 + above) / (1.0 + len(ordered))
    return p


def union(p_values: Floats, asked: Ints) -> Floats:
    """Join channels (rows) into one p-value a source (columns): Šidák's rule on the smallest.

    `asked` counts the channels that had an opinion on each source; without any the p-value is 1.
    """
    smallest = np.minimum(p_values.min(axis=0, initial=1.0), 1.0 - 1e-12)
    joined: Floats = -np.expm1(asked * np.log1p(-smallest))
    return np.where(asked > 0, joined, 1.0)


def discoveries(p_values: Floats, false_share: float) -> Flags:
    """Say which p-values to call at an expected share of false calls of at most `false_share`.

    Benjamini and Hochberg 1995, step-up.
    """
    count = len(p_values)
    called = np.zeros(count, np.bool_)
    order = np.argsort(p_values, kind="stable")
    below = p_values[order] <= false_share * np.arange(1, count + 1) / max(count, 1)
    if below.any():
        called[order[: int(np.flatnonzero(below)[-1]) + 1]] = True
    return called


def large_enough(reference: int, sources: int, called: int, false_share: float) -> bool:
    """Say whether a reference of this size can find `called` among `sources`: n+1 ≥ m/(share·R)."""
    return reference + 1 >= sources / (false_share * max(called, 1))


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel's opinion of each source: `scores` 0..1, which mean something where `judged`."""

    name: str
    scores: Floats
    judged: Flags


@dataclass(frozen=True, slots=True)
class Alarms:
    """What rings: `rings` by channel (rows) and source (columns), the rest by source.

    `scores` are 0..1; `p_values` have no entries on a cold start; `thresholds` by channel are the
    score (cold start) or the p-value (else) from which it rings; `notes` what a reader must know.
    """

    rings: Flags
    scores: Floats
    p_values: Floats
    thresholds: dict[str, float]
    notes: tuple[str, ...] = ()


def cold(channels: Sequence[Channel]) -> Alarms:
    """Ring where a channel's score reaches `ALARM`; the worst channel is the source's score."""
    scores = np.array([channel.scores for channel in channels])
    return Alarms(
        rings=scores >= ALARM,
        scores=scores.max(axis=0, initial=0.0),
        p_values=np.empty(0),
        thresholds={channel.name: ALARM for channel in channels},
        notes=("cold start: nothing was released yet, so alarms are robust and not calibrated",),
    )


def warm(
    channels: Sequence[Channel], reference: Sequence[Channel], *, false_share: float
) -> Alarms:
    """Ring by conformal p-values of each channel against the same channel on the `reference`.

    Each channel's p-values are its own; Šidák's rule joins them, Benjamini and Hochberg's says
    which sources to call, and a channel rings for a called source where its own p-value is small
    enough. The score is one minus the joined p-value; raw scores order those that share one.
    """
    table = np.array([channel.scores for channel in channels])
    by_channel = np.array(
        [_p_values(one, usual) for one, usual in zip(channels, reference, strict=True)]
    )
    asked = np.array([channel.judged for channel in channels]).sum(axis=0)
    joined = union(by_channel, asked)
    called = discoveries(joined, false_share)
    limit = float(joined[called].max()) if called.any() else 0.0
    share = -np.expm1(np.log1p(-min(limit, 1.0 - 1e-12)) / np.maximum(asked, 1))
    known = min(int(usual.judged.sum()) for usual in reference)
    order = 0.5 * table.max(axis=0, initial=0.0) / (max(int(c.judged.sum()) for c in reference) + 1)
    return Alarms(
        # A score of 0 says that nothing was seen, which cannot ring whatever its p-value.
        rings=called & (table > 0) & (by_channel <= share * (1.0 + 1e-9)),
        scores=np.clip(1.0 - joined + order, 0.0, 1.0),
        p_values=joined,
        thresholds={channel.name: limit for channel in channels},
        notes=_sized(known, len(joined), int(called.sum()), false_share),
    )


def _p_values(channel: Channel, usual: Channel) -> Floats:
    return np.where(
        channel.judged, conformal(channel.scores, usual.scores[usual.judged]), 1.0
    )


def _sized(known: int, sources: int, called: int, false_share: float) -> tuple[str, ...]:
    """Say so where the reference is too small to call as few as were called: n+1 ≥ m/(share·R)."""
    if large_enough(known, sources, called, false_share):
        return ()
    least = int(np.ceil(sources / (false_share * (known + 1))))
    return (
        f"the reference of {known} sources is small for {sources} held ones: "
        f"fewer than {least} bad sources cannot be told from chance, so silence means little",
    )
