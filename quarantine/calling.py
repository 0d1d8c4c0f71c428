"""Whom to call beside a released reference: one joined score a source, calibrated once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.calibration import (
    ALARM,
    chance_of_nothing,
    conformal,
    discoveries,
    large_enough,
    tail_of,
)
from quarantine.evidence import Flags, Floats, Ints
from quarantine.opinions import Alarms, Opinion
from quarantine.tilts import nats_of

QUIET: Final = 0.002
"""A pass rings where nothing is wrong at most so often; the more often one looks, the smaller."""
_LOUD: Final = 0.6
"""Where nothing is calibrated a robust alarm counts a quarter of its strength beyond `ALARM`."""
_HALF: Final = 0.5
_SLACK: Final = 3.0
"""Nats that a detector may bring beyond its own likelihood ratio: the odds it began with."""
_NEARLY_NONE: Final = 0.02
"""So small a part of the reference may say less than a source that is compared with it."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The evidence against sources: `nats` by detector (rows) and source, `scores` by source."""

    nats: Floats

    @property
    def scores(self) -> Floats:
        """Return one number a source: the Euclidean length of its evidence, 0 without any.

        One loud channel counts for more than many that whisper, and channels that say the same
        thing of somebody add up to less than their sum.
        """
        length: Floats = np.sqrt((self.nats**2).sum(axis=0))
        return length


@dataclass(frozen=True, slots=True)
class Called:
    """Who is called, by source, and the least joined score (nats) of those who are."""

    p_values: Floats
    flags: Flags
    least: float


def warm(
    opinions: Sequence[Opinion],
    reference: Sequence[Opinion],
    *,
    false_share: float,
    quiet: float = QUIET,
    few: Flags | None = None,
) -> Alarms:
    """Call sources by one joined score, calibrated on the joined scores of the `reference`.

    Each detector's score becomes nats against its own scores of the reference; their length is the
    joined score, of held and reference sources alike, and its conformal p-value is the source's.
    Benjamini and Hochberg's rule calls at `false_share`, in a pass in which more than chance sets
    the held apart (`quiet`). A detector rings for a called source where it brings at least half of
    what it takes to be called. The score is one minus the p-value; evidence orders those that
    share one. What is robustly far out is not silenced where the reference is just too small.

    `few` are held sources that said less than the reference's do: they are exchangeable with
    nobody there (Vovk, Conditional validity of inductive conformal predictors, 2012), so they are
    ranked with the others, but ring robustly or not at all, and their p-value is 1.
    """
    now, usual = evidence(opinions, reference)
    known = len(usual.scores)
    few = np.zeros(len(now.scores), np.bool_) if few is None else few
    p_values = np.where(now.scores > 0, conformal(now.scores, usual.scores), 1.0)
    called = _called(now.scores, np.where(few, 1.0, p_values), known, false_share, quiet)
    rings = _ringing(now, called)
    robust = np.array(
        [_robust(*pair, false_share) for pair in zip(opinions, reference, strict=True)]
    )
    loud: Flags = np.logical_or.reduce(robust, axis=0)
    left = _unresolved(now.scores, usual.scores, loud, false_share)
    order = _HALF * now.scores / (1.0 + now.scores) / (known + 1)
    return Alarms(
        rings=rings | (robust if left else robust & few),
        scores=np.clip(1.0 - p_values + order, 0.0, 1.0),
        p_values=called.p_values,
        thresholds={one.name: _limit(called) for one in opinions},
        notes=(*_notes(known, len(now.scores), int(loud.sum()), false_share), *_said_little(few)),
        called=called.flags,
    )


def evidence(opinions: Sequence[Opinion], reference: Sequence[Opinion]) -> tuple[Joined, Joined]:
    """Return the evidence against held sources, and against those of the reference themselves.

    A score of 0 says that nothing was seen, and a source that was not judged has nothing against
    it: both are no evidence, however rare they are. Nor need the oddest of a crowd be odd in the
    way that is looked for: a score that is a probability brings no more than that says.
    """
    held, known = [], []
    for one, usual in zip(opinions, reference, strict=True):
        tail = tail_of(usual.scores[usual.judged])
        held.append(_brought(one, tail.nats(one.scores)))
        known.append(_brought(usual, tail.own(usual.scores)))
    return Joined(np.array(held)), Joined(np.array(known))


def _brought(one: Opinion, nats: Floats) -> Floats:
    """Return what a detector brings of its `nats`; an alarm of its own is not bounded."""
    some = np.where(one.judged & (one.scores > 0), nats, 0.0)
    if not one.posterior:
        return some
    most = np.maximum(nats_of(one.scores) + _SLACK, 0.0)
    return np.where(one.scores < ALARM, np.minimum(some, most), some)


def too_few(said: Ints, usual: Ints) -> Flags:
    """Say of sources by their number of events whether nearly all of the reference said more."""
    if not len(usual):
        return np.zeros(len(said), np.bool_)
    return np.asarray(said < np.quantile(usual, _NEARLY_NONE), np.bool_)


def _called(
    scores: Floats, p_values: Floats, known: int, false_share: float, quiet: float
) -> Called:
    flags = discoveries(p_values, false_share)
    if chance_of_nothing(p_values, known) > quiet:
        flags = np.zeros_like(flags)
    return Called(p_values, flags, float(scores[flags].min(initial=np.inf)))


def _limit(called: Called) -> float:
    return float(called.p_values[called.flags].max(initial=0.0))


def _ringing(now: Joined, called: Called) -> Flags:
    """Ring for a called source where a detector brings half of the least that is called."""
    loudest = now.nats == now.nats.max(axis=0, initial=0.0)
    rings: Flags = (now.nats >= _HALF * called.least) | loudest
    return rings & called.flags & (now.nats > 0)


def _robust(opinion: Opinion, usual: Opinion, false_share: float) -> Flags:
    """Ring robustly, unless as many rings among the released let expect more false ones here.

    Consensus does not: what departs from it is usual beside a reference too small to say.
    """
    rings = opinion.scores >= _LOUD
    among = float((usual.scores[usual.judged] >= ALARM).mean()) if usual.judged.any() else 0.0
    false = among * int(opinion.judged.sum()) > false_share * int(rings.sum())
    return np.zeros_like(rings) if false or not opinion.holds else rings


def _unresolved(scores: Floats, usual: Floats, robust: Flags, false_share: float) -> bool:
    """Say whether the reference is only too small to call those that ring robustly.

    So few of it reach them that as many false ones would be tolerated, but for the one that a
    conformal p-value counts in.
    """
    found = int(robust.sum())
    if not found:
        return False
    above = int((usual >= scores[robust].min()).sum())
    few = above * len(scores) <= false_share * found * max(len(usual), 1)
    return few and not large_enough(len(usual), (1 + above) * len(scores), found, false_share)


def _notes(known: int, sources: int, robust: int, false_share: float) -> tuple[str, ...]:
    if large_enough(known, sources, robust, false_share):
        return ()
    least = int(np.ceil(sources / (false_share * (known + 1))))
    note = (
        f"the reference of {known} sources is small for {sources}: fewer than {least} bad sources "
        "cannot be told from chance, so robust alarms ring too, uncalibrated"
    )
    return (note,)


def _said_little(few: Flags) -> tuple[str, ...]:
    if not few.any():
        return ()
    note = (
        f"{int(few.sum())} of {len(few)} sources said less than nearly everybody of the reference:"
        " they ring robustly, uncalibrated"
    )
    return (note,)
