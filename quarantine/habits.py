"""How each source goes about it: what it picks, how it answers, beside those who say as much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

from quarantine.evidence import Evidence, Flags, Floats, Ints
from quarantine.overlap import Answers, affordable, answers, beyond_chance, met, table

_DOUBT: Final = 3.0
"""Events as the crowd has them, added to what is known of a source."""
_STRANGERS: Final = 2.0
_LITTLE: Final = 0.05
"""Variance (of values 0..1) that is always there: nobody repeats himself exactly."""
_TASTES: Final = 8
_KINDS: Final = 3
_LEAST_MET: Final = 4
_LEAST_COPIED: Final = 6
_COPIED: Final = 0.75
"""A correlation of departures that people do not have over most of what they say."""
_SUREST: Final = 0.999
_ALIKE: Final = "alike"
_FURTHEST: Final = 2.5
_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Habits:
    """By source (rows) and habit (columns) normal scores: 0 is usual, ±1 one standard deviation.

    Each source is ranked among those that say about as much as it does; what is known of few
    events is drawn towards 0. `names` tells the habits' names. `repeats` says who departs from the
    others just as a partner does at most of what either says: one of the two copied, and nothing
    tells which. `count` is how many targets each source speaks of.
    """

    scores: Floats
    names: tuple[str, ...]
    repeats: Flags
    count: Ints


@dataclass(frozen=True, slots=True)
class _Told:
    """Answers with their values (NaN without one), what others give there, and the sizes."""

    said: Answers
    value: Floats
    others: Floats
    popular: Ints
    count: Ints

    def mean(self, of: Floats) -> Floats:
        """Average by source, drawn towards the overall mean where events are few."""
        total = np.bincount(self.said.source, of, self.said.sources) + _DOUBT * of.mean()
        average: Floats = total / (self.count + _DOUBT)
        return average

    def total(self, of: Floats) -> Floats:
        """Sum by source."""
        return np.bincount(self.said.source, of, self.said.sources).astype(np.float64)


def habits(evidence: Evidence) -> Habits | None:
    """Measure every source's habits; absent when there is nothing to measure.

    What is picked: how rare it is, and how well it fits into the main tastes of the crowd (after
    PCA-VarSelect, Mehta and Nejdl 2009). How it is answered: the departure from the others
    (Chirita et al. 2005), the bias, the slope and correlation with what others say, the spread,
    and how often each end of the scale or each usual answer is given. And how alike its closest
    partner answers, beyond what everybody says.
    """
    said = answers(evidence)
    if len(np.unique(said.source)) < 2 or said.target.max() < 1:  # noqa: PLR2004  nobody to compare
        return None
    told = _told(evidence, said)
    found = dict(_picking(told))
    repeats = np.zeros(said.sources, np.bool_)
    if np.isnan(told.value).any():
        found |= _labelling(told)
    else:
        close = _close(told)
        found |= {**_rating(told), _ALIKE: close.surest(said.sources)}
        repeats = close.repeats()
    scores = [
        (_steep if name == _ALIKE else _normal)(each, told.count) for name, each in found.items()
    ]
    known = told.count / (told.count + 5.0)
    return Habits(np.stack(scores, axis=1) * known[:, None], tuple(found), repeats, told.count)


def _told(evidence: Evidence, said: Answers) -> _Told:
    frame = evidence.everything
    # Equal answers on one scale have one value: it is learnt from any row that gave the answer.
    worth = np.full(len(evidence.answers), np.nan)
    worth[frame["answer"].to_numpy()] = frame["value"].to_numpy()
    value = worth[said.answer]
    size = np.bincount(said.target)
    known = np.where(np.isnan(value), 0.0, value)
    overall = float(known.mean())
    total = np.bincount(said.target, known)[said.target]
    others = (total - known + _STRANGERS * overall) / (size[said.target] - 1 + _STRANGERS)
    return _Told(
        said=said,
        value=value,
        others=others,
        popular=size[said.target],
        count=np.bincount(said.source, minlength=said.sources),
    )


def _picking(told: _Told) -> Mapping[str, Floats]:
    found = {"rare picks": -told.mean(np.log(told.popular.astype(np.float64)))}
    size = (told.said.sources, int(told.said.target.max()) + 1)
    if min(size) <= 2 * _TASTES:
        return found
    # Imported here: the solver is heavy, and small evidence has no use for it.
    from scipy.sparse.linalg import svds  # noqa: PLC0415

    weight = 1.0 / np.sqrt(told.popular)
    picked = sp.csr_array((weight, (told.said.source, told.said.target)), shape=size)
    start = np.ones(min(size)) / np.sqrt(min(size))
    _, _, tastes = svds(picked, k=_TASTES, v0=start, tol=1e-6)
    inside = ((picked @ tastes.T) ** 2).sum(axis=1)
    return found | {"odd picks": -inside / np.maximum(told.total(weight**2), 1e-9)}


def _rating(told: _Told) -> Mapping[str, Floats]:
    value, others, count = told.value, told.others, told.count
    off = value - others
    own, theirs = (told.total(each) / np.maximum(count, 1) for each in (value, others))
    apart, usual = value - own[told.said.source], others - theirs[told.said.source]
    both, spread, expected = told.total(apart * usual), told.total(apart**2), told.total(usual**2)
    return {
        "departure": told.mean(off**2),
        "bias": told.mean(off),
        "slope": both / (expected + _LITTLE),
        "correlation": both / np.sqrt((expected + _LITTLE) * (spread + _LITTLE)),
        "spread": (spread + 4 * _LITTLE) / (count + 2),
        "top": told.mean((value >= value.max()).astype(np.float64)),
        "bottom": told.mean((value <= value.min()).astype(np.float64)),
    }


def _labelling(told: _Told) -> Mapping[str, Floats]:
    said = told.said
    share = (np.bincount(said.cell)[said.cell] - 1.0) / np.maximum(told.popular - 1, 1)
    given = np.bincount(said.answer)
    usual = np.argsort(-given, kind="stable")[:_KINDS]
    found = {"agreement": told.mean(np.where(told.popular > 1, share, share.mean()))}
    for nth, answer in enumerate(usual.tolist()):
        if given[answer] > len(said.answer) / 10:
            found[f"answer {nth + 1}"] = told.mean((said.answer == answer).astype(np.float64))
    close = beyond_chance(said)
    return found | {_ALIKE: _best(close.source, close.excess, close.shared, said.sources)}


@dataclass(frozen=True, slots=True)
class _Close:
    """Pairs that share targets, each standing twice, and how their departures correlate.

    `count` is by source how many of its targets were compared: the most popular are not.
    """

    source: Ints
    partner: Ints
    shared: Ints
    strength: Floats
    count: Ints

    def surest(self, sources: int) -> Floats:
        """Return by source the surest correlation (Fisher's z) with a partner."""
        sure = np.arctanh(self.strength.clip(-_SUREST, _SUREST)) * np.sqrt(self.shared)
        return _best(self.source, sure, self.shared, sources)

    def repeats(self) -> Flags:
        """Say who has a partner with which it shares most, and departs alike."""
        count = self.count
        most = 2 * self.shared >= np.minimum(count[self.source], count[self.partner])
        copied = most & (self.shared >= _LEAST_COPIED) & (self.strength >= _COPIED)
        return np.bincount(self.source[copied], minlength=len(count)) > 0


def _close(told: _Told) -> _Close:
    """Correlate the departures from the others, less each one's bias, of all who share targets."""
    said = told.said
    off = told.value - told.others
    kept = affordable(np.bincount(said.target))[said.target]
    who, where = said.source[kept], said.target[kept]
    off = (off - told.mean(off)[said.source])[kept]
    present = table(who, where, np.ones(len(who)), said.sources)
    departed = table(who, where, off, said.sources)
    squared = table(who, where, off**2, said.sources)
    together = present @ present.T
    # A sum of products may vanish; common targets on top keep every pair in its place.
    left, right, (shared, product, mine, theirs) = met(
        together,
        departed @ departed.T + 4 * together,
        squared @ present.T + together,
        present @ squared.T + together,
    )
    doubt = 2.0 * float((off**2).mean()) if off.any() else 1.0
    spread = np.sqrt((mine - shared + doubt) * (theirs - shared + doubt))
    return _Close(
        source=left,
        partner=right,
        shared=shared.astype(np.int64),
        strength=(product - 4 * shared) / spread,
        count=np.bincount(who, minlength=said.sources),
    )


def _best(source: Ints, value: Floats, shared: Ints, sources: int) -> Floats:
    enough: Flags = shared >= _LEAST_MET
    best = np.zeros(sources)
    np.maximum.at(best, source[enough], value[enough])
    return best


def _normal(value: Floats, count: Ints) -> Floats:
    """Rank each source among those in its octave of events, as a normal distribution would lie."""
    from scipy.special import ndtri  # noqa: PLC0415  heavy, as above

    # Equal but for rounding is equal: the order of rows must not make ranks.
    value = value.round(_DIGITS)
    octave = np.log2(np.maximum(count, 1)).astype(np.int64)
    scores = np.zeros(len(value))
    for step in np.unique(octave).tolist():
        peers = np.flatnonzero((octave == step) & (count > 0))
        _, place, many = np.unique(value[peers], return_inverse=True, return_counts=True)
        middle = np.cumsum(many) - many / 2
        if len(peers):
            scores[peers] = ndtri(middle[place] / len(peers))
    return scores


def _steep(value: Floats, count: Ints) -> Floats:
    """Return robust deviations from what is usual for sources with about as many events.

    A copy is far more alike than anybody, which a rank would level. Middle and spread are those of
    each octave of events, laid on a line: an octave with few sources is judged by the others, so
    that those who fill it do not judge themselves.
    """
    spoke = count > 0
    octave = np.log2(np.maximum(count, 1)).astype(np.int64)
    steps = np.unique(octave[spoke])
    peers = [value[spoke & (octave == step)] for step in steps.tolist()]
    weight = np.sqrt([float(len(each)) for each in peers])
    middle = _line(steps, np.array([np.median(each) for each in peers]), weight)
    away = np.abs(value - middle[np.minimum(octave, len(middle) - 1)])
    typical = np.median(away[spoke])
    spread = [np.median(away[spoke & (octave == step)]) + 0.1 * typical for step in steps.tolist()]
    wide = np.exp(_line(steps, np.log(np.maximum(spread, 1e-9)), weight)) * 1.4826
    at = np.minimum(octave, len(middle) - 1)
    scores: Floats = ((value - middle[at]) / wide[at]).clip(-_FURTHEST, _FURTHEST)
    return scores


def _line(steps: Ints, value: Floats, weight: Floats) -> Floats:
    """Return a weighted straight line through values at `steps`, at every step up to the last."""
    degree = min(len(steps) - 1, 1)
    return np.asarray(
        np.polyval(np.polyfit(steps, value, degree, w=weight), np.arange(int(steps.max()) + 1))
    )
