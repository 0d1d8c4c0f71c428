"""Everything held, by source, each event beside what other voices said of the same target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from quarantine.evidence import Evidence, Flags, Floats, Ints, evidence_from, micros
from quarantine.model import SourceKey

NOBODY_LINKED: Final[Mapping[SourceKey, str]] = MappingProxyType({})
_NONE: Final = 1e-9
"""Shares of voices are summed as floats: less than this is nobody."""

NEAR: Final = 0.25
"""Two values (0..1) that are no further apart than this agree."""


@dataclass(frozen=True, slots=True)
class Voices:
    """Held events as columns, a row each in log order, and the rows of each source.

    A cluster is one voice: `others` counts the other clusters on a row's target, `level` is the
    mean of their values (NaN where they have none), `away` how far the row is from them (0..1, NaN
    when its cluster is alone) and `pull` how far it moves its target by itself. `near` is `away`
    from what was released.
    """

    evidence: Evidence
    index: Ints
    at: Ints
    source: Ints
    target: Ints
    answer: Ints
    value: Floats
    released: Flags
    open: Flags
    others: Ints
    level: Floats
    away: Floats
    pull: Floats
    near: Floats
    order: Ints
    starts: Ints
    codes: Mapping[SourceKey, int]
    seed: bytes = b""

    @classmethod
    def read(  # noqa: PLR0913  all that is known of the rows
        cls,
        frame: pa.Table,
        released: Iterable[int] = (),
        revoked: Iterable[int] = (),
        *,
        clusters: Mapping[SourceKey, str] = NOBODY_LINKED,
        seed: bytes = b"",
        silent: pa.Table | None = None,
    ) -> Voices:
        """Lay out `frame` (`EVENT_SCHEMA`); log indexes `released` left, `revoked` are back.

        `clusters` names the voice of each linked source; `seed` is what nobody could know when the
        events were sent: random samples hang on it. `silent` are rows that are shown beside the
        others and count for nobody.
        """
        spoken = frame.num_rows
        if silent is not None:
            frame = pa.concat_tables([frame, silent])
        evidence = evidence_from(frame)
        held = evidence.held
        index, source = _ints(held["index"]), _ints(held["source"])
        target, answer = _ints(held["target"]), _ints(held["answer"])
        value = held["value"].to_numpy().astype(np.float64)
        back = np.isin(index, np.fromiter(revoked, np.int64))
        left = np.isin(index, np.fromiter(released, np.int64)) & ~back
        said = _Said(_voices(evidence, clusters)[source], target, answer, value)
        others, level, away = said.beside(~back & (np.arange(len(index)) < spoken))
        order = np.argsort(source, kind="stable")
        counts = np.bincount(source, minlength=len(evidence.sources))
        return cls(
            evidence=evidence,
            index=index,
            at=micros(held["at"]),
            source=source,
            target=target,
            answer=answer,
            value=value,
            released=left,
            open=~left & ~back,
            others=others,
            level=level,
            away=away,
            pull=np.where(others > 0, np.nan_to_num(away), 1.0) / (1.0 + others),
            near=said.beside(left)[2],
            order=order,
            starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            codes={key: code for code, key in enumerate(evidence.sources)},
            seed=seed,
        )

    def rows_of(self, key: SourceKey) -> Ints:
        """Return the rows of a source, in log order; none for one that has said nothing."""
        code = self.codes.get(key)
        if code is None:
            return np.empty(0, np.int64)
        return self.rows_by(code)

    def rows_by(self, code: int) -> Ints:
        """Return the rows of the source with this code, in log order."""
        return self.order[self.starts[code] : self.starts[code + 1]]

    def rows_at(self, indexes: Iterable[int]) -> Ints:
        """Return the rows at these log indexes; one that is not held is left out."""
        return np.flatnonzero(np.isin(self.index, np.fromiter(indexes, np.int64)))

    def agreement(self, rows: Ints) -> float | None:
        """Return the share of `rows` that agree with the others; absent where all are alone."""
        away = self.away[rows]
        known = away[~np.isnan(away)]
        return float((known <= NEAR).mean()) if len(known) else None

    def usual_agreement(self) -> float | None:
        """Return the median over sources of the share of their events that agree."""
        known = ~np.isnan(self.away)
        size = len(self.evidence.sources)
        count = np.bincount(self.source[known], minlength=size)
        agree = np.bincount(self.source[known & (self.away <= NEAR)], minlength=size)
        shares = agree[count > 0] / count[count > 0]
        return float(np.median(shares)) if len(shares) else None


def _ints(column: pd.Series[int]) -> Ints:
    return column.to_numpy().astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Said:
    """Which voice said what of which target, a row an event."""

    voice: Ints
    target: Ints
    answer: Ints
    value: Floats

    def beside(self, counted: Flags) -> tuple[Ints, Floats, Floats]:
        """Return, a row each: how many other voices are `counted`, their mean, how far it is."""
        own = _pairs(self.voice, self.target)
        share = np.divide(counted, np.maximum(_sums(own, counted), 1.0))
        others = self._others(own, share)
        same = _sums(_pairs(self.target, self.answer), share) - _sums(
            _pairs(own, self.answer), share
        )
        valued = counted & ~np.isnan(self.value)
        share = np.divide(valued, np.maximum(_sums(own, valued), 1.0))
        total = self._others(own, share * np.nan_to_num(self.value))
        number = self._others(own, share)
        with np.errstate(invalid="ignore", divide="ignore"):
            level = np.where(number > _NONE, total / number, np.nan)
            differ = np.where(others > _NONE, 1.0 - same / others, np.nan)
        away = np.where(np.isnan(self.value) | np.isnan(level), differ, np.abs(self.value - level))
        return np.rint(others).astype(np.int64), level, np.clip(away, 0.0, 1.0)

    def _others(self, own: Ints, weights: Floats) -> Floats:
        """Sum `weights` over each row's target, without its own voice."""
        return _sums(self.target, weights) - _sums(own, weights)


def _voices(evidence: Evidence, clusters: Mapping[SourceKey, str]) -> Ints:
    """Return the voice of each source, as codes."""
    names = [clusters.get(key, str(key)) for key in evidence.sources]
    codes, _ = pd.factorize(np.asarray(names, dtype=object))
    return codes.astype(np.int64)


def _pairs(left: Ints, right: Ints) -> Ints:
    """Return a dense code for each pair."""
    codes, _ = pd.factorize(left * (int(right.max(initial=0)) + 1) + right)
    return codes.astype(np.int64)


def _sums(codes: Ints, weights: Flags | Floats) -> Floats:
    """Return, a row each, the sum of `weights` over the rows with the same code."""
    if not len(codes):
        return np.empty(0)
    return np.asarray(np.bincount(codes, weights.astype(np.float64))[codes], np.float64)
