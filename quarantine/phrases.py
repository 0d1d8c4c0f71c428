"""Rare words and phrases: which rows have them, what came of it there, and who carries them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import scipy.sparse as sp

from quarantine.evidence import Evidence, Flags, Floats, Ints
from quarantine.others import Rows, agreements

_RARE: Final = 0.1
"""A phrase in a larger part of the rows is not looked at: who plants one writes a few percent."""
_FEWEST: Final = 4
_PRIOR: Final = 3.0
"""So often every word was chosen, and rejected, before anything is known of it."""
_CHUNK: Final = 50_000
_MOST: Final = 8_000_000
"""So many occurrences are looked at at most; the rarest phrases come first."""

_SAID: Final = 2_000_000
"""The same of sources' own words."""
_END: Final = 0.1
"""Such a part of the values is an end of the scale."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """Occurrences of rare grams in held rows: `row` and `gram` (column of `Texts.grams`).

    `told` says that the outcome spoke for the gram, or was odd, and `chance` how often that is so
    of any row. `text` is a text in which the gram stands there. Where the outcome is the row's own,
    whatever the gram, `asked` are all rows that have one and `odd` says it of each.
    """

    row: Ints
    gram: Ints
    told: Floats
    text: Ints
    chance: float
    about: str
    asked: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    odd: Floats = field(default_factory=lambda: np.empty(0))

    def only(self, kept: Flags) -> Phrases:
        """Return some of the occurrences."""
        return replace(
            self,
            row=self.row[kept],
            gram=self.gram[kept],
            told=self.told[kept],
            text=self.text[kept],
        )


def promoted(evidence: Evidence) -> Phrases:
    """Return grams that stand in one of two options only, and whether that option was chosen."""
    frame, grams = evidence.held, evidence.texts.grams
    chosen, other = (frame[role].to_numpy().astype(np.int64) for role in ("chosen", "other"))
    row = np.flatnonzero((chosen >= 0) & (other >= 0))
    if not len(row):
        return _none("of the options")
    fit = _rare(grams, np.concatenate([chosen[row], other[row]]), len(row))
    cut = grams[:, fit].astype(np.int8)
    apart = (cut[chosen[row]] - cut[other[row]]).tocoo()
    kept = apart.data != 0
    at, sign = apart.row[kept], apart.data[kept] > 0
    return Phrases(
        row=row[at],
        gram=fit[apart.col[kept]],
        told=sign.astype(np.float64),
        text=np.where(sign, chosen[row][at], other[row][at]),
        chance=float(np.clip(sign.mean() if len(sign) else 0.5, 0.05, 0.95)),
        about="what has it was chosen",
    )


def provoked(evidence: Evidence, rows: Rows) -> Phrases:
    """Return grams of what was asked, and whether the outcome there was odd.

    Odd is an answer against what stands at the target; of preferences between texts, choosing the
    one whose words others reject (log-odds with a Dirichlet prior, Monroe, Colaresi and Quinn
    2008).
    """
    asked = evidence.held["asked"].to_numpy().astype(np.int64)
    odd, known = _odd(evidence, rows)
    row = np.flatnonzero((asked >= 0) & known)
    if not len(row):
        return _none("asked")
    fit = _rare(evidence.texts.grams, asked[row], len(row))
    found = evidence.texts.grams[:, fit][asked[row]].tocoo()
    return Phrases(
        row=row[found.row],
        gram=fit[found.col],
        told=odd[row[found.row]],
        text=asked[row[found.row]],
        chance=float(np.clip(odd[row].mean(), 0.05, 0.95)),
        about="the answer is odd",
        asked=row,
        odd=odd[row],
    )


def worded(evidence: Evidence) -> list[Phrases]:
    """Return grams of sources' own words, with a value at the top of what is given, or the bottom.

    Who praises uses words of praise: that few say a phrase with the same value is a hint only.
    """
    own, value = evidence.held["own"].to_numpy(), evidence.held["value"].to_numpy()
    row = np.flatnonzero((own >= 0) & ~np.isnan(value))
    if not len(row):
        return [_none("its own words")]
    text, given = own[row].astype(np.int64), value[row]
    fit = _rare(evidence.texts.grams, text, len(row), _SAID)
    found = evidence.texts.grams[:, fit][text].tocoo()
    low, high = np.quantile(given, [_END, 1.0 - _END])
    ends = ((given >= high, "the value is a highest one"), (given <= low, "the value is a lowest"))
    return [
        Phrases(
            row=row[found.row],
            gram=fit[found.col],
            told=end.astype(np.float64)[found.row],
            text=text[found.row],
            chance=float(np.clip(end.mean(), 0.05, 0.95)),
            about=about,
            asked=row,
            odd=end.astype(np.float64),
        )
        for end, about in ends
    ]


def _odd(evidence: Evidence, rows: Rows) -> tuple[Floats, Flags]:
    """Return by held row whether its outcome is odd, and whether that is known."""
    agreed = agreements(evidence, rows)
    known = agreed.known[: rows.held].copy()
    odd = known & ~agreed.agreed[: rows.held]
    chosen, other = (
        evidence.held[role].to_numpy().astype(np.int64) for role in ("chosen", "other")
    )
    paired = np.flatnonzero((chosen >= 0) & (other >= 0) & ~known)
    if len(paired):
        odd[paired] = _margin(evidence.texts.grams, chosen[paired], other[paired]) < 0
        known[paired] = True
    return odd.astype(np.float64), known


def _margin(grams: sp.csr_array, chosen: Ints, other: Ints) -> Floats:
    """Return by row how far the words of the chosen text are those chosen elsewhere (log-odds)."""
    width = grams.shape[1]
    won, lost = np.zeros(width), np.zeros(width)
    for apart in _apart(grams, chosen, other):
        won += np.bincount(apart.indices, apart.data > 0, width)
        lost += np.bincount(apart.indices, apart.data < 0, width)
    # Its own row left out of what a word stands for.
    mine = np.log((np.maximum(won - 1.0, 0.0) + _PRIOR) / (lost + _PRIOR))
    its = np.log((won + _PRIOR) / (np.maximum(lost - 1.0, 0.0) + _PRIOR))
    parts = [
        np.add.reduceat(
            np.r_[np.where(apart.data > 0, mine[apart.indices], -its[apart.indices]), 0.0],
            apart.indptr[:-1],
        )
        * (np.diff(apart.indptr) > 0)
        for apart in _apart(grams, chosen, other)
    ]
    return np.concatenate(parts)


def _apart(grams: sp.csr_array, chosen: Ints, other: Ints) -> Iterator[sp.csr_array]:
    """Yield, some rows at a time, what only the chosen text has (1), or only the other (-1)."""
    for at in range(0, len(chosen), _CHUNK):
        apart = grams[chosen[at : at + _CHUNK]] - grams[other[at : at + _CHUNK]]
        apart.eliminate_zeros()
        yield apart


def _rare(grams: sp.csr_array, texts: Ints, rows: int, most: int = _MOST) -> Ints:
    """Return the grams that are rare among these texts, the rarest first as far as they fit."""
    often = np.bincount(texts, minlength=grams.shape[0]) @ grams
    fit = np.flatnonzero((often >= _FEWEST) & (often <= max(_RARE * rows, _FEWEST)))
    fit = fit[np.argsort(often[fit], kind="stable")]
    return np.sort(fit[np.cumsum(often[fit]) <= most])


def _none(about: str) -> Phrases:
    return Phrases(*(np.empty(0, np.int64),) * 2, np.empty(0), np.empty(0, np.int64), 0.5, about)
