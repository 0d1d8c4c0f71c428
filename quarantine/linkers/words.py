"""The same words, or nearly the same, in several hands: text that was copied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from quarantine.evidence import Evidence, Ints, Links
from quarantine.likeness import near_pairs
from quarantine.overlap import affordable, met, number, table
from quarantine.ports import Linker


@dataclass(frozen=True, slots=True)
class SameWords:
    """Pairs of sources whose own words are near copies, twice, or once and at length.

    Near copies share 0.8 of their shingles (MinHash, Broder 1997; duplicated reviews as spam,
    Jindal and Liu 2008). What is short is said by many without copying, and what `many` say, more
    than a twentieth of all who say anything, is a form to fill in.
    """

    share: float = 0.8
    short: int = 6
    long: int = 20
    least: int = 2
    many: int = 20
    usual: float = 0.05

    def link(self, evidence: Evidence) -> Links:
        """Return the pairs; none where sources say nothing in words of their own."""
        frame = evidence.everything
        if "own" not in frame.columns or not len(evidence.texts):
            return Links()
        own = frame["own"].to_numpy().astype(np.int64)
        told = own >= 0
        told[told] = evidence.texts.words[own[told]] >= self.short
        if not told.any():
            return Links()
        source = frame["source"].to_numpy().astype(np.int64)[told]
        codes, text = np.unique(own[told], return_inverse=True)
        copies = self._copies(evidence, codes)[text]
        _, once = np.unique(number(source, copies), return_index=True)
        who, what = source[once], copies[once]
        hands = np.bincount(what)
        form = hands > max(self.many, self.usual * len(np.unique(who)))
        kept = (affordable(hands) & ~form)[what]
        # A long text alone is worth two short ones: nobody happens upon it.
        worth = np.where(evidence.texts.words[own[told]][once] >= self.long, self.least, 1)
        size = len(evidence.sources)
        weighed = table(who[kept], what[kept], np.sqrt(worth[kept]), size)
        left, right, (shared,) = met(weighed @ weighed.T)
        close = shared >= self.least - 0.5
        return Links(left[close], right[close])

    def _copies(self, evidence: Evidence, codes: Ints) -> Ints:
        """Return by text the number of the near copies it belongs to."""
        left, right = near_pairs(evidence.texts.signatures[codes], share=self.share)
        ones = np.ones(len(left))
        graph = sp.coo_array((ones, (left, right)), shape=(len(codes), len(codes)))
        return np.asarray(connected_components(graph, directed=False)[1], np.int64)


LINKER: Linker = SameWords()
