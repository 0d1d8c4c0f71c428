"""What other voices say of the same targets: a cluster is one voice, however many speak for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from quarantine.evidence import Evidence, Flags, Floats, Ints, evidence_from
from quarantine.model import SourceKey

_NONE: Final = 1e-9
"""Shares of voices are summed as floats: less than this is nobody."""
WIDTH: Final = 4
"""So many sums are kept of a row."""


@dataclass(frozen=True, slots=True)
class Sums:
    """By row, of the other voices on its target: how many, how many say the same; their values.

    `number` are those of `others` that have a value, `total` is the sum of their values.
    """

    others: Floats
    same: Floats
    total: Floats
    number: Floats

    def shifted(self, first: int, by: Floats) -> Sums:
        """Add `by` (a row each, as `matrix`) to the rows from `first` on; nothing falls below 0."""
        kept = self.matrix()
        kept[first:] = np.maximum(kept[first:] + by, 0.0)
        return replace(
            self, **dict(zip(("others", "same", "total", "number"), kept.T, strict=True))
        )

    def matrix(self) -> Floats:
        """Return the sums as columns."""
        return np.column_stack([self.others, self.same, self.total, self.number])

    def beside(self, value: Floats) -> tuple[Ints, Floats, Floats]:
        """Return, a row each: how many other voices there are, their mean, how far away it is."""
        with np.errstate(invalid="ignore", divide="ignore"):
            level = np.where(self.number > _NONE, self.total / self.number, np.nan)
            differ = np.where(self.others > _NONE, 1.0 - self.same / self.others, np.nan)
        away = np.where(np.isnan(value) | np.isnan(level), differ, np.abs(value - level))
        return np.rint(self.others).astype(np.int64), level, np.clip(away, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Sayings:
    """Which voice said what of which target, a row an event."""

    voice: Ints
    target: Ints
    answer: Ints
    value: Floats

    @classmethod
    def of(cls, evidence: Evidence, clusters: Mapping[SourceKey, str]) -> Sayings:
        """Return what is held there; `clusters` names the voice of each linked source."""
        held = evidence.held
        names = [clusters.get(key, str(key)) for key in evidence.sources]
        codes, _ = pd.factorize(np.asarray(names, dtype=object))
        return cls(
            voice=codes.astype(np.int64)[held["source"].to_numpy().astype(np.int64)],
            target=held["target"].to_numpy().astype(np.int64),
            answer=held["answer"].to_numpy().astype(np.int64),
            value=held["value"].to_numpy().astype(np.float64),
        )

    def sums(self, counted: Flags) -> Sums:
        """Sum, a row each, over the `counted` rows of other voices on its target."""
        own = _pairs(self.voice, self.target)
        share = np.divide(counted, np.maximum(_sums(own, counted), 1.0))
        valued = counted & ~np.isnan(self.value)
        worth = np.divide(valued, np.maximum(_sums(own, valued), 1.0))
        everybody = _sums(_pairs(self.target, self.answer), share)
        return Sums(
            others=self._others(own, share),
            same=everybody - _sums(_pairs(own, self.answer), share),
            total=self._others(own, worth * np.nan_to_num(self.value)),
            number=self._others(own, worth),
        )

    def _others(self, own: Ints, weights: Floats) -> Floats:
        """Sum `weights` over each row's target, without its own voice."""
        return _sums(self.target, weights) - _sums(own, weights)


def shifts(
    before: pa.Table | None, real: pa.Table, played: pa.Table, clusters: Mapping[SourceKey, str]
) -> Floats:
    """Return what an attack changes for each row of `played`, as `Sums.matrix`.

    That is what other voices say in `played`, less what all voices say where it was not played
    (`real`); `before` speaks in both. Added to what a whole store says now, a row is told beside
    the others as if its attack had happened there.
    """
    past = real.slice(0, 0) if before is None else before
    evidence = evidence_from(pa.concat_tables([past, real, played]).unify_dictionaries())
    sayings = Sayings.of(evidence, clusters)
    first, row = past.num_rows + real.num_rows, np.arange(len(sayings.voice))
    stranger = np.where(row < first, sayings.voice, int(sayings.voice.max(initial=0)) + 1)
    happened = sayings.sums((row < past.num_rows) | (row >= first))
    without = replace(sayings, voice=stranger).sums(row < first)
    change: Floats = (happened.matrix() - without.matrix())[first:]
    return change


def _pairs(left: Ints, right: Ints) -> Ints:
    """Return a dense code for each pair."""
    codes, _ = pd.factorize(left * (int(right.max(initial=0)) + 1) + right)
    return codes.astype(np.int64)


def _sums(codes: Ints, weights: Flags | Floats) -> Floats:
    """Return, a row each, the sum of `weights` over the rows with the same code."""
    if not len(codes):
        return np.empty(0)
    return np.asarray(np.bincount(codes, weights.astype(np.float64))[codes], np.float64)
