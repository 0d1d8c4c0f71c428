"""Everything held, by source, each event beside what other voices said of the same target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from approvals.overheard import Sayings
from quarantine.evidence import Evidence, Flags, Floats, Ints, evidence_from, micros
from quarantine.model import SourceKey

NOBODY_LINKED: Final[Mapping[SourceKey, str]] = MappingProxyType({})
NEAR: Final = 0.25
"""Two values (0..1) that are no further apart than this agree."""


class Silent(NamedTuple):
    """Rows that count for nobody, and by how much else others speak of them (`Sums.matrix`)."""

    events: pa.Table
    shifts: Floats


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
        silent: Silent | None = None,
    ) -> Voices:
        """Lay out `frame` (`EVENT_SCHEMA`); log indexes `released` left, `revoked` are back.

        `clusters` names the voice of each linked source; `seed` is what nobody could know when the
        events were sent: random samples hang on it. `silent` are shown beside the others and count
        for nobody.
        """
        spoken = frame.num_rows
        if silent is not None:
            frame = pa.concat_tables([frame, silent.events])
        evidence = evidence_from(frame)
        held = evidence.held
        index, source = _ints(held["index"]), _ints(held["source"])
        target, answer = _ints(held["target"]), _ints(held["answer"])
        value = held["value"].to_numpy().astype(np.float64)
        back = np.isin(index, np.fromiter(revoked, np.int64))
        left = np.isin(index, np.fromiter(released, np.int64)) & ~back
        said = Sayings.of(evidence, clusters)
        sums = said.sums(~back & (np.arange(len(index)) < spoken))
        if silent is not None:
            sums = sums.shifted(spoken, silent.shifts)
        others, level, away = sums.beside(value)
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
            near=said.sums(left).beside(value)[2],
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
