"""Scores turned into alarms: robust where nothing was released yet, conformal where something was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Flags, Floats

ALARM: Final = 0.5
"""A detector's score from which it raises a cold-start alarm: its strength has reached 1."""

_NORMAL: Final = 1.4826
"""MAD of a normal distribution times this is its standard deviation."""
_NORMAL_MEAN: Final = 1.2533
"""The same for the mean absolute deviation, which is not 0 when most values are equal."""


def score_of(strength: Floats) -> Floats:
    """Squeeze strengths (alarm at 1, any size) into 0..1 keeping their order; alarm at `ALARM`."""
    kept = np.maximum(strength, 0.0)
    squeezed: Floats = kept / (1.0 + kept)
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


def union(p_values: Floats) -> Floats:
    """Join channels (rows) into one p-value a source (columns): Šidák's rule on the smallest."""
    channels = max(len(p_values), 1)
    smallest = np.clip(p_values.min(axis=0), 0.0, 1.0)
    joined: Floats = -np.expm1(channels * np.log1p(-np.minimum(smallest, 1.0 - 1e-12)))
    return joined


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
    """Say whether a reference of this size can find `called` among `sources`: n+1 ≥ m/(α·R)."""
    return reference + 1 >= sources / (false_share * max(called, 1))


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


def cold(channels: Sequence[str], scores: Floats) -> Alarms:
    """Ring where a channel's score (rows) reaches `ALARM`; the worst channel is the score."""
    return Alarms(
        rings=scores >= ALARM,
        scores=scores.max(axis=0, initial=0.0),
        p_values=np.empty(0),
        thresholds=dict.fromkeys(channels, ALARM),
        notes=("cold start: nothing was released yet, so alarms are robust and not calibrated",),
    )


def warm(
    channels: Sequence[str], scores: Floats, reference: Floats, *, false_share: float
) -> Alarms:
    """Ring by conformal p-values of each channel (rows) against `reference` (same rows).

    Each channel spends its part of `false_share`, so that their union stays within it. The score
    is one minus the joined p-value; the raw score orders those that share a p-value.
    """
    part = false_share / max(len(channels), 1)
    known = reference.shape[1]
    by_channel = np.array(
        [conformal(one, usual) for one, usual in zip(scores, reference, strict=True)]
    ).reshape(scores.shape)
    rings = np.array([discoveries(p, part) for p in by_channel], np.bool_).reshape(scores.shape)
    # A score of 0 is the absence of an opinion, which cannot ring whatever its p-value.
    rings &= scores > 0
    joined = union(by_channel)
    order = 0.5 * scores.max(axis=0, initial=0.0) / (known + 1)
    return Alarms(
        rings=rings,
        scores=np.clip(1.0 - joined + order, 0.0, 1.0),
        p_values=joined,
        thresholds={
            name: float(p[rang].max()) if rang.any() else part / max(len(p), 1)
            for name, p, rang in zip(channels, by_channel, rings, strict=True)
        },
        notes=_sized(channels, rings, known, part),
    )


def _sized(channels: Sequence[str], rings: Flags, known: int, part: float) -> tuple[str, ...]:
    """Say which channels the reference is too small for: their silence means nothing."""
    sources = rings.shape[1]
    return tuple(
        f"the reference of {known} sources is too small for {name} to accuse one among {sources}: "
        f"it takes {sources / part:,.0f}, its silence means little"
        for name, rang in zip(channels, rings, strict=True)
        if not large_enough(known, sources, max(int(rang.sum()), 1), part)
    )
