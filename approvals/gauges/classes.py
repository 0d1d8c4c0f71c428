"""Classes: the shares of labels, and where the items have text, what a classifier would say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
import scipy.sparse as sp

from approvals.canaries import into
from approvals.catchwords import catchwords
from approvals.gate import Measure
from approvals.measuring import Ends, by_accuracy, by_floor, by_word
from approvals.ports import Gauge
from approvals.proxies import Flags, Floats, Ints, Lexicon, chosen_classes, classes, text_features
from approvals.pulls import FEWEST
from approvals.rehearsal import Measured, Rehearsal
from approvals.shares import Shares, measured_shares, measured_targets

MOST: Final = 20
"""So many of the most frequent labels are told apart; the others count as one."""
RARE: Final = "all rare labels"


@dataclass(frozen=True, slots=True)
class Classes:
    """Labels, and pseudo-labels that are labels.

    The share of every label is compared with the accepted rows', for everyone and each subgroup; a
    cluster must not pull alone, on a target neither. Where items have text, a linear classifier is
    trained without and with the candidate rows, and a phrase in the items that few clusters carry
    must not turn it.
    """

    def fits(self, rows: pd.DataFrame) -> bool:
        """Say whether these rows are labels."""
        return "label" in rows and bool(rows["label"].notna().all())

    def measure(self, rehearsal: Rehearsal) -> Measured:
        """Measure what the candidate rows change."""
        labels, names = _labels(rehearsal.rows["label"].astype(str))
        told = np.zeros((len(labels), len(names)))
        told[np.arange(len(labels)), labels] = 1.0
        shares = Shares(told, [f"the share of {name!r}" for name in names])
        measures = [*measured_shares(rehearsal, shares), *measured_targets(rehearsal, shares)]
        if not _worded(rehearsal):
            return Measured(measures, notes=("the items have no text: shares alone are measured",))
        stage = _Stage.of(rehearsal, labels, len(names))
        measures += [*stage.known(names), *stage.words()]
        return Measured(measures, len(stage.canaries))


@dataclass(frozen=True, slots=True)
class _Stage:
    """Items as texts, two classifiers of their labels, and the items kept out of training."""

    rehearsal: Rehearsal
    lexicon: Lexicon
    canaries: Sequence[str]
    answers: Ints
    before: Floats | None
    after: Floats
    seen: Flags

    @classmethod
    def of(cls, rehearsal: Rehearsal, labels: Ints, size: int) -> _Stage:
        texts = rehearsal.rows["item"].astype(str).tolist()
        lexicon, aside = Lexicon(), rehearsal.aside()
        table = text_features(texts, lexicon)
        old = ~aside & ~rehearsal.candidate
        fit = [np.flatnonzero(rows) for rows in (old, ~aside)]
        models = [classes(table[rows], labels[rows], size) for rows in fit]
        kept = np.flatnonzero(aside).tolist()
        return cls(
            rehearsal,
            lexicon,
            [texts[row] for row in kept],
            labels[kept],
            models[0] if len(fit[0]) >= FEWEST else None,
            models[1],
            np.bincount(labels[fit[1]], minlength=size) > 0,
        )

    def says(self, texts: Sequence[str], weights: Floats) -> Ints:
        """Return what a classifier says of texts."""
        table: sp.csr_array = text_features(texts, self.lexicon)
        return chosen_classes(table, weights, self.seen)

    def ends(self, told: Callable[[Floats], float]) -> Ends:
        """Return what is told of the classifier without the candidate rows, and with them."""
        return (None if self.before is None else told(self.before), told(self.after))

    def known(self, names: Sequence[str]) -> Iterator[Measure]:
        """Tell how often proxies agree with accepted labels; hold the team's own to its word."""
        if self.canaries:
            ends = self.ends(self._agreement)
            yield by_accuracy("agreement with accepted labels", ends)
        for own in self.rehearsal.own:
            if own.at_least is not None and own.text and own.label in names:
                said = names[int(self.says([own.text], self.after)[0])]
                yield by_floor(own, float(said == own.label))

    def words(self) -> Iterator[Measure]:
        """Put phrases of the items that few clusters carry into canaries."""
        rehearsal, gate = self.rehearsal, self.rehearsal.gate
        if not self.canaries:
            return
        texts = rehearsal.rows["item"].astype(str).tolist()
        for word in catchwords(texts, rehearsal.cluster, rehearsal.candidate, alpha=gate.alpha):
            ends = self.ends(partial(self._turned, word.spelled))
            yield by_word(word, "items", ends, 0.0, gate.moved)

    def _agreement(self, weights: Floats) -> float:
        return float((self.says(self.canaries, weights) == self.answers).mean())

    def _turned(self, word: str, weights: Floats) -> float:
        chance = self.rehearsal.chance(f"word {word}")
        planted = [into(text, word, chance) for text in self.canaries]
        return float((self.says(planted, weights) != self.says(self.canaries, weights)).mean())


def _labels(said: pd.Series[str]) -> tuple[Ints, list[str]]:
    """Return a code for each label and the codes' names, the most frequent first."""
    counts = said.value_counts()
    often = sorted(counts.index, key=lambda name: (-int(counts[name]), name))[:MOST]
    names = [*often, RARE] if len(counts) > MOST else often
    place = {name: code for code, name in enumerate(often)}
    return np.array([place.get(name, len(often)) for name in said], np.int64), names


def _worded(rehearsal: Rehearsal) -> bool:
    rows = rehearsal.rows
    return "item" in rows and bool(rows["item"].notna().all()) and bool((rows["item"] != "").any())


GAUGE: Gauge = Classes()
