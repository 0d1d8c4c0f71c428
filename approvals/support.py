"""Independent support of phrases: what few voices repeat leaves a few times at the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from approvals.model import HeldBack
from approvals.policy import PhraseSupport
from approvals.sayings import Sayings
from quarantine.normal import normal
from quarantine.repeated import Repeated, Terms, unsupported
from quarantine.safe import safe
from quarantine.spoken import Spoken
from quarantine.texts import parted, split

if TYPE_CHECKING:
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

REASON: Final = "too few clusters behind a phrase"
_TOLD: Final = 10
"""So many phrases that were held back are named."""
_NOTED: Final = 2_000
_LONGEST: Final = 60


def terms_of(rule: PhraseSupport, rows: int) -> Terms:
    """Return the rule on phrases as it is counted over so many rows."""
    each = rule.each if rows <= rule.small else 0
    return Terms(rows=rule.rows, clusters=rule.clusters, words=rule.words, each=each)


@dataclass(slots=True)
class Phrases:
    """The rule on phrases for some candidates, in the order in which they would stay.

    `index` is the log index by row, candidates first and then what left before, and `cluster` the
    cluster of each (numbers); `gone` are the rows of those that left before and count.
    """

    rule: PhraseSupport
    sayings: Sayings
    index: Codes
    cluster: Codes
    gone: Codes
    _heard: Spoken = field(default_factory=Spoken)
    _place: Codes = field(default_factory=lambda: np.empty(0, np.int64))
    _found: dict[bytes, _Found] = field(default_factory=dict)

    def over(self, kept: Codes) -> Flags:
        """Say which of the `kept` candidates (rising) are over the rule, alone or with the gone.

        A phrase that lacks support stays in its first rows, those that left before counted in when
        support is counted over releases. Reads texts when first asked.
        """
        if not self.rule.words or not len(kept):
            return np.zeros(len(kept), np.bool_)
        self._hear(kept)
        alone = self._cut(np.empty(0, np.int64), kept)
        if len(self.gone):
            alone |= self._cut(self.gone, kept)
        return alone

    def held_back(self, kept: Flags) -> tuple[HeldBack, ...]:
        """Return the phrases of which rows were held back, most rows first, as people may read.

        Of phrases that stand in the same rows the longest is named. `kept` says by candidate
        whether it leaves.
        """
        longest = sorted(self._found.values(), key=lambda each: (-len(each.rows), -each.words))
        return tuple(each.told(self.sayings, self.index, kept) for each in longest[:_TOLD])

    def _hear(self, kept: Codes) -> None:
        """Read the texts of these rows and of those that left before, once, in log order."""
        if len(self._place):
            return
        rows = np.concatenate([self.gone, kept])
        order = np.argsort(self.index[rows], kind="stable")
        self._heard = self.sayings.spoken(self.index[rows][order])
        self._place = np.full(len(self.index), -1, np.int64)
        self._place[rows[order]] = np.arange(len(rows))

    def _cut(self, gone: Codes, kept: Codes) -> Flags:
        rows = np.concatenate([gone, kept])
        spoken = self._heard.only(self._place[rows])
        terms = terms_of(self.rule, len(rows))
        found = unsupported(spoken, self.cluster[rows], terms)
        self._note(found, spoken, rows, len(gone))
        ranks = pd.Series(found.phrase).groupby(found.phrase).cumcount().to_numpy()
        over = np.zeros(len(rows), np.bool_)
        over[found.row[ranks >= terms.most(found.clusters)[found.phrase]]] = True
        return over[len(gone) :]

    def _note(self, found: Repeated, spoken: Spoken, rows: Codes, gone: int) -> None:
        """Remember what lacks support as it was first found, once for each set of rows."""
        first, last = (
            np.searchsorted(found.phrase, np.arange(len(found)), side=side)
            for side in ("left", "right")
        )
        for phrase in np.argsort(-found.rows, kind="stable")[:_NOTED].tolist():
            here = found.row[first[phrase] : last[phrase]]
            own = rows[here[here >= gone]]
            begin, words = int(found.place[phrase]), int(found.words[phrase])
            known = self._found.get(own.tobytes())
            if len(own) and (known is None or known.words < words):
                self._found[own.tobytes()] = _Found(
                    rows=own,
                    clusters=int(found.clusters[phrase]),
                    number=spoken.word[begin : begin + words],
                    spelled=spoken.words,
                )


@dataclass(frozen=True, slots=True)
class _Found:
    """One phrase that lacks support: its candidates, its clusters, its words by number."""

    rows: Codes
    clusters: int
    number: npt.NDArray[np.int32]
    spelled: Sequence[str]

    @property
    def words(self) -> int:
        return len(self.number)

    def told(self, sayings: Sayings, index: Codes, kept: Flags) -> HeldBack:
        """Return the phrase as its first row spells it."""
        wanted = [self.spelled[number] for number in self.number.tolist()]
        texts = sayings.texts(int(index[self.rows[0]]))
        spelled = next(filter(None, (as_written(text, wanted) for text in texts)), "")
        return HeldBack(
            phrase=safe(spelled or " ".join(wanted), _LONGEST),
            rows=len(self.rows),
            clusters=self.clusters,
            left=int(kept[self.rows].sum()),
        )


def as_written(text: str, words: Sequence[str]) -> str:
    """Return how `words` (in their normal form, neighbours) are written in `text`; '' if nowhere.

    Their order does not count, as it does not count for two of them.
    """
    written = split(text)
    forms = parted([normal(each) for each in written]).to_pylist() if written else []
    sizes = np.cumsum([0, *map(len, forms)])
    wanted = sorted(words)
    for first in range(len(written)):
        last = int(np.searchsorted(sizes, sizes[first] + len(words)))
        if sorted(chain.from_iterable(forms[first:last])) == wanted:
            return " ".join(written[first:last])
    return ""
