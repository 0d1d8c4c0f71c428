"""Rows by part, a target or a label, and by cluster: how much of each part few clusters hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]


def numbered(named: pd.Series[str]) -> tuple[Ints, list[str]]:
    """Return each row's name by its number, and the names in the order of their numbers.

    What is spelled alike is one name; each is spelled once, however many rows have it.
    """
    codes, found = pd.factorize(named, use_na_sentinel=False)
    numbers, names = pd.factorize(np.array([*map(str, found)], dtype=object))
    return numbers[codes].astype(np.int64), names.tolist()


@dataclass(frozen=True, slots=True)
class Parts:
    """Pairs of a part and a cluster that is in it, by part, its clusters with most rows first.

    `part` numbers `names`; `rank` counts the clusters of a part from 0, and `reach` the rows that
    those up to this one hold together. `size` is rows by part, `behind` clusters by part.
    """

    names: Sequence[str]
    part: Ints
    rank: Ints
    reach: Ints
    size: Ints
    behind: Ints

    @classmethod
    def of(cls, named: pd.Series[str], cluster: Ints) -> Parts:
        """Count rows, each with the name of its part and the number of its cluster (from 0)."""
        numbers, names = numbered(named)
        clusters = int(cluster.max(initial=0)) + 1
        pairs, rows = np.unique(numbers * clusters + cluster, return_counts=True)
        part = pairs // clusters
        order = np.lexsort((-rows, part))
        part, rows = part[order], rows[order]
        behind = np.bincount(part, minlength=len(names))
        first = np.cumsum(behind) - behind
        total = np.cumsum(rows)
        size = np.bincount(part, rows, len(names)).astype(np.int64)
        before = np.cumsum(size) - size
        return cls(
            names=names,
            part=part,
            rank=np.arange(len(part)) - first[part],
            reach=total - before[part],
            size=size,
            behind=behind,
        )

    def worst(self, clusters: int) -> tuple[str, int, int] | None:
        """Return the part of which so many clusters hold most rows: its name, those rows, all rows.

        The first by name among equals; absent where there is no part.
        """
        within = self.rank < clusters
        if not within.any():
            return None
        most = int(self.reach[within].max())
        reached = np.unique(self.part[within & (self.reach == most)]).tolist()
        name, part = min((self.names[part], part) for part in reached)
        return name, most, int(self.size[part])
