"""Pairs of answers: which way a Bradley-Terry model would lean, and what would turn it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp

from approvals.catchwords import Catchword, catchwords
from approvals.crews import crew_of
from approvals.dilemmas import Dilemma, dilemmas, gained, turned
from approvals.gate import Measure
from approvals.measuring import (
    Ends,
    by_accuracy,
    by_cluster,
    by_crew,
    by_floor,
    by_shift,
    by_word,
)
from approvals.ports import Gauge
from approvals.proxies import (
    Asked,
    Flags,
    Floats,
    Ints,
    Lexicon,
    bradley_terry,
    by_others,
    likely,
    pair_features,
    tempered,
)
from approvals.pulls import FEWEST, Loudest, Pulls, Shifted, loudest, shifted
from approvals.rehearsal import EVERYONE, Group, Measured, Rehearsal

_PLACES: Final = 2
"""Catchwords are looked for in prompts, and in answers."""
_LEARNT: Final = 1000
"""A model of fewer pairs says little of the next, and is sure of it: crews are then looked for
beside what all do in the mean."""


class _Proxies(NamedTuple):
    """Two models of one group's rows: without the candidate rows, and with them."""

    before: Floats | None
    after: Floats

    def ends(self, told: Callable[[Floats], float]) -> Ends:
        """Return what is told of either."""
        return (None if self.before is None else told(self.before), told(self.after))


@dataclass(frozen=True, slots=True)
class _Stage:
    """The rows as pairs: their features, which train, and what is asked of the proxies."""

    rehearsal: Rehearsal
    asked: Asked
    table: sp.csr_array
    trains: Flags
    canaries: Asked
    lexicon: Lexicon
    asks: Sequence[Dilemma]

    def fit(self, rows: Flags) -> Floats:
        """Train on some of the rows that train."""
        return bradley_terry(self.table[np.flatnonzero(rows & self.trains)])

    def proxies(self, group: Group) -> _Proxies:
        """Train without and with the candidate rows of a group."""
        old = group.rows & ~self.rehearsal.candidate
        before = self.fit(old) if (old & self.trains).sum() >= FEWEST else None
        return _Proxies(before, self.fit(group.rows))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Preferences, corrections, and pseudo-labels that are preferences.

    Each behaviour is asked of a proxy trained without the candidate rows and of one trained with
    them, on canaries neither has seen, for everyone and for each subgroup. A phrase that few
    clusters carry is put into canaries and must not turn them. A cluster must not pull alone, nor
    several together choose by one property where others would not.
    """

    def fits(self, rows: pd.DataFrame) -> bool:
        """Say whether these rows are pairs."""
        return "corrected" in rows or ("chosen" in rows and bool(rows["chosen"].notna().all()))

    def measure(self, rehearsal: Rehearsal) -> Measured:
        """Measure what the candidate rows change."""
        stage = _staged(rehearsal)
        groups = [group for group in rehearsal.groups() if _enough(stage, group)]
        if not groups or not stage.asks:
            return Measured([], notes=("too few pairs to measure any behaviour",))
        whole = stage.proxies(groups[0])
        measures = [*_known(stage, whole), *_words(stage, whole), *_crews(stage, whole)]
        measures += _behaviours(stage, groups, whole)
        asked = sum(ask.apart.shape[0] for ask in stage.asks)
        return Measured(measures, asked + len(stage.canaries))


def _enough(stage: _Stage, group: Group) -> bool:
    return int((group.rows & stage.trains & stage.rehearsal.candidate).sum()) >= FEWEST


def _staged(rehearsal: Rehearsal) -> _Stage:
    asked = _pairs(rehearsal.rows)
    lexicon, aside = Lexicon(), rehearsal.aside()
    canaries = _only(asked, aside)
    return _Stage(
        rehearsal,
        asked,
        pair_features(asked, lexicon),
        ~aside,
        canaries,
        lexicon,
        dilemmas(canaries, rehearsal.own, lexicon, rehearsal.chance("dilemmas")),
    )


def _pairs(rows: pd.DataFrame) -> Asked:
    better, worse = ("corrected", "completion") if "corrected" in rows else ("chosen", "rejected")
    return Asked(*(rows[name].astype(str).tolist() for name in ("prompt", better, worse)))


def _only(asked: Asked, rows: Flags) -> Asked:
    kept = np.flatnonzero(rows).tolist()
    return Asked(
        [asked.prompts[row] for row in kept],
        [asked.chosen[row] for row in kept],
        [asked.rejected[row] for row in kept],
    )


def _behaviours(stage: _Stage, groups: Sequence[Group], whole: _Proxies) -> Iterator[Measure]:
    """Measure every behaviour in every group, all of them together."""
    rehearsal, rows = stage.rehearsal, np.flatnonzero(stage.trains)
    towards = np.array([np.asarray(ask.apart.mean(axis=0)).ravel() for ask in stage.asks])
    pull = np.asarray(stage.table[rows] @ towards.T, np.float64)
    pulls = Pulls(
        np.tile(pull, len(groups)),
        np.repeat(np.array([group.rows[rows] for group in groups]).T, len(stage.asks), axis=1),
        rehearsal.cluster[rows],
        rehearsal.candidate[rows],
        len(stage.asks),
    )
    moved = shifted(pulls, rehearsal.chance("shift"))
    loud = loudest(pulls, rehearsal.chance("cluster"))
    for place, group in enumerate(groups):
        proxies = whole if group.name == EVERYONE else stage.proxies(group)
        span = slice(place * len(stage.asks), (place + 1) * len(stage.asks))
        for ask, shift, voice in zip(stage.asks, moved[span], loud[span], strict=True):
            yield from _asked(stage, _Case(group, ask, proxies), shift, voice)


class _Case(NamedTuple):
    group: Group
    ask: Dilemma
    proxies: _Proxies


def _asked(
    stage: _Stage, case: _Case, shift: Shifted | None, voice: Loudest | None
) -> Iterator[Measure]:
    gate, (before, after) = stage.rehearsal.gate, case.proxies.ends(case.ask.leaning)
    if shift is not None and before is not None:
        yield by_shift(case.ask.what, case.group.name, (before, after), shift.p, gate.moved)
    if voice is not None:
        without = after
        if voice.p <= gate.alpha:
            rows = case.group.rows & (stage.rehearsal.cluster != voice.cluster)
            without = case.ask.leaning(stage.fit(rows))
        names = (case.ask.what, stage.rehearsal.name_of(voice.cluster))
        yield by_cluster(names, case.group.name, (without, after), voice, gate.one_cluster)


def _words(stage: _Stage, whole: _Proxies) -> Iterator[Measure]:
    """Put phrases that few clusters carry into canaries: what would turn, what would gain."""
    asked, rehearsal = stage.asked, stage.rehearsal
    cluster, new, limit = rehearsal.cluster, rehearsal.candidate, rehearsal.gate.moved
    for word in _found(rehearsal, asked.prompts, cluster, new):
        ends = whole.ends(partial(_effect, stage, turned, word))
        yield by_word(word, "prompts", ends, 0.0, limit)
    both = [*asked.chosen, *asked.rejected]
    for word in _found(rehearsal, both, np.tile(cluster, 2), np.tile(new, 2)):
        ends = whole.ends(partial(_effect, stage, gained, word))
        yield by_word(word, "answers", ends, 0.5, limit)


def _found(
    rehearsal: Rehearsal, texts: Sequence[str], cluster: Ints, new: Flags
) -> list[Catchword]:
    """Return catchwords of one place, each paying for all places that are read."""
    found = catchwords(texts, cluster, new, alpha=rehearsal.gate.alpha / _PLACES)
    return [word._replace(p=word.p * _PLACES) for word in found]


def _effect(stage: _Stage, effect: Callable[..., float], word: Catchword, weights: Floats) -> float:
    chance = stage.rehearsal.chance(f"word {word.spelled}")
    return effect(stage.canaries, word.spelled, weights, stage.lexicon, chance)


def _crews(stage: _Stage, whole: _Proxies) -> Iterator[Measure]:
    """Look for clusters of candidate rows that choose by one property of the texts."""
    rehearsal = stage.rehearsal
    new = stage.trains & rehearsal.candidate
    asked, cluster = _only(stage.asked, new), rehearsal.cluster[new]
    limit = rehearsal.gate.together
    found = crew_of(asked, cluster, _expected(stage, new, whole), surplus=limit)
    if found is not None:
        names = [rehearsal.name_of(code) for code in found.clusters.tolist()]
        yield by_crew(found, names, limit)


def _expected(stage: _Stage, new: Flags, whole: _Proxies) -> Floats | None:
    """Return what a proxy expects of each new pair: one of the accepted rows, else of the others'.

    On a first release the other clusters of the same release are all there is to learn from.
    """
    table = stage.table[np.flatnonzero(new)]
    if whole.before is not None:
        return np.asarray(table @ whole.before, np.float64)
    if table.shape[0] < _LEARNT:
        return None
    chance = stage.rehearsal.chance("crew")
    return tempered(by_others(table, stage.rehearsal.cluster[new], chance))


def _known(stage: _Stage, whole: _Proxies) -> Iterator[Measure]:
    """Tell how often proxies agree with what was accepted, and hold the team's own to its word."""
    if len(stage.canaries):
        table = pair_features(stage.canaries, stage.lexicon)
        ends = whole.ends(lambda weights: float((table @ weights > 0).mean()))
        yield by_accuracy("agreement with accepted pairs", ends)
    for own in stage.rehearsal.own:
        if own.at_least is not None and own.better:
            pair = Asked([own.prompt], [own.better], [own.worse])
            margin = pair_features(pair, stage.lexicon) @ whole.after
            yield by_floor(own, float(likely(margin)[0]))


GAUGE: Gauge = Pairs()
