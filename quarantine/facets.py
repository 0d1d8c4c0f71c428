"""What a target is about: its topic, and the words of what is judged there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

from quarantine.evidence import Evidence, Ints
from quarantine.others import Rows
from quarantine.safe import safe

MOST: Final = 6_000_000
"""So many pairs of a row and a facet are looked at; the rarer words come first."""
_SELDOM: Final = 0.003
_OFTEN: Final = 0.5
_FEWEST: Final = 8


@dataclass(frozen=True, slots=True)
class Facets:
    """Which rows have which facets: pairs, by facet; `start` cuts them, `name` says it in words.

    The first `topics` of them are topics, the others words.
    """

    row: Ints
    start: Ints
    topics: int
    name: Callable[[int], str]

    def __len__(self) -> int:
        """Return the number of facets."""
        return len(self.start) - 1

    def of(self, facet: int) -> Ints:
        """Return the rows that have a facet."""
        return self.row[self.start[facet] : self.start[facet + 1]]

    def table(self, first: int, last: int, rows: int) -> sp.csr_array:
        """Return which of the `rows` have which of the facets from `first` to `last`."""
        row = self.row[self.start[first] : self.start[last]]
        column = np.repeat(np.arange(last - first), np.diff(self.start[first : last + 1]))
        ones = np.ones(len(row), np.int64)
        return sp.csr_array((ones, (row, column)), shape=(rows, last - first))


def facets(evidence: Evidence, rows: Rows, row: Ints) -> Facets:
    """Return what the events `row` are about.

    Words are those that stand in some targets and not in most: rarer than that they prove nothing
    of one source, more usual they cut nothing.
    """
    target = rows.target[row]
    topic = evidence.topic[target] if len(evidence.topic) else np.full(len(row), -1)
    with_topic = np.flatnonzero(topic >= 0)
    words, grams, texts = _words(evidence, rows, row)
    topics = len(evidence.topics)
    facet = np.concatenate([topic[with_topic], topics + words.col])
    of = np.concatenate([with_topic, words.row])
    order = np.argsort(facet, kind="stable")
    size = topics + len(grams)

    def name(facet: int) -> str:
        if facet < topics:
            return f"on the topic {safe(evidence.topics[facet], 60)}"
        gram = grams[facet - topics]
        holding = texts[int(gram)]
        spelled = evidence.texts.spelled(int(gram), holding)
        return f"where “{safe(spelled, 60)}” stands"

    return Facets(
        of[order].astype(np.int64),
        np.searchsorted(facet[order], np.arange(size + 1)),
        topics,
        name,
    )


def named(evidence: Evidence, rows: Rows, row: Ints) -> Facets:
    """Return what the events `row` are about by name: a topic, and the model that was judged."""
    target = rows.target[row]
    topic = evidence.topic[target] if len(evidence.topic) else np.full(len(row), -1)
    model = evidence.everything["model"].to_numpy().astype(np.int64)[row]
    topics = len(evidence.topics)
    facet = np.concatenate([topic, np.where(model >= 0, topics + model, -1)])
    of = np.concatenate([np.arange(len(row))] * 2)[facet >= 0]
    facet = facet[facet >= 0]
    order = np.argsort(facet, kind="stable")
    size = topics + len(evidence.models)

    def name(facet: int) -> str:
        if facet < topics:
            return f"on the topic {safe(evidence.topics[facet], 60)}"
        return f"of the model {safe(evidence.models[facet - topics], 60)}"

    return Facets(of[order], np.searchsorted(facet[order], np.arange(size + 1)), size, name)


class _Holding:
    """Which text holds a gram: looked for only when somebody reads a finding."""

    def __init__(self, grams: sp.csr_array) -> None:
        self._grams = grams

    def __getitem__(self, gram: int) -> int:
        at = int(np.flatnonzero(self._grams.indices == gram)[0])
        return int(np.searchsorted(self._grams.indptr, at, side="right")) - 1


def _words(evidence: Evidence, rows: Rows, row: Ints) -> tuple[sp.coo_array, Ints, _Holding]:
    """Return which rows have which words, as a table by row and word, and the words' grams."""
    frame, texts = evidence.everything, evidence.texts
    if not len(texts):
        return (
            sp.coo_array((len(row), 0), dtype=np.int8),
            np.empty(0, np.int64),
            _Holding(texts.grams),
        )
    codes = [frame[role].to_numpy() for role in ("asked", "chosen", "other")]
    target = np.concatenate([rows.target[code >= 0] for code in codes])
    text = np.concatenate([code[code >= 0] for code in codes]).astype(np.int64)
    targets = len(evidence.targets)
    pairs = np.unique(target * len(texts) + text)
    holds = sp.csr_array(
        (np.ones(len(pairs), np.int32), (pairs // len(texts), pairs % len(texts))),
        shape=(targets, len(texts)),
    )
    weight = np.bincount(rows.target[row], minlength=targets)
    often = np.asarray((weight @ holds) @ texts.grams)
    least = max(_FEWEST, _SELDOM * len(row))
    fit = np.flatnonzero((often >= least) & (often <= _OFTEN * len(row)))
    fit = fit[np.argsort(often[fit], kind="stable")]
    fit = np.sort(fit[np.cumsum(often[fit]) <= MOST])
    cut = holds @ texts.grams[:, fit].astype(np.int32)
    return cut[rows.target[row]].tocoo(), fit, _Holding(texts.grams)
