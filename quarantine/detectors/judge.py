"""Whom the order decides, and who rewards nothing: judges tested by swaps and by empty answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Findings, Flags, Floats, Ints
from quarantine.overlap import number
from quarantine.ports import Detector
from quarantine.tilts import beyond, scored

_KEYS: Final = 4
"""An answer of so few words, or fewer, of which all open an answer and say nothing, is empty."""
_OPENINGS: Final = ("thought process", "solution", "answer", "let us think step by step", "step")
"""What judges reward though nothing follows (One Token to Fool LLM-as-a-Judge, 2507.08794)."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Two tests that need no other voice, each against a share that is tolerated.

    *Swaps*: of the pairs that a source judged in both orders, those where it chose one place both
    times (position bias, Zheng et al. 2306.05685), more of them at one place than is `swayed`.
    *Nothing*: answers without a word, chosen over an answer or rated in the upper half, more than
    `fooled`. The Chernoff bound of the binomial gives the nats (Hoeffding 1963).
    """

    channel: str = "judge"
    swayed: float = 0.2
    fooled: float = 0.02
    least: int = 5
    sure: float = 100.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source that was tested; silent where nobody was."""
        size = evidence.held_sources
        pairs, first, second = _swaps(evidence, size)
        empty, rewarded = _nothings(evidence, size)
        swaps = beyond(np.maximum(first, second), pairs, self.swayed)
        keys = beyond(rewarded, empty, self.fooled)
        judged = np.flatnonzero((pairs >= self.least) | (empty > 0))
        if not len(judged):
            return Findings(silent="nobody judged a pair in both orders, or an empty answer")
        nats = np.maximum(np.where(pairs >= self.least, swaps, -np.inf), keys) - np.log(2.0)
        scores = scored(nats[judged], len(judged), sure=self.sure)

        def because(position: int) -> str:
            source = judged[position]
            if keys[source] > swaps[source]:
                return (
                    f"rewarded {rewarded[source]:.0f} of {empty[source]:.0f} answers that say "
                    f"nothing, {self.fooled:.0%} is tolerated"
                )
            often = max(first[source], second[source])
            where = "first" if first[source] >= second[source] else "second"
            return (
                f"of {pairs[source]:.0f} pairs that it judged in both orders, in {often:.0f} it "
                f"chose what was shown {where} both times, {self.swayed:.0%} is tolerated"
            )

        return Findings(judged, scores, because, posterior=True)


def _swaps(evidence: Evidence, size: int) -> tuple[Floats, Floats, Floats]:
    """Count by source the pairs judged in both orders, and those where one place won twice."""
    frame = evidence.held
    place = frame["place"].to_numpy()
    placed = np.flatnonzero(~np.isnan(place))
    if not len(placed):
        return np.zeros(size), np.zeros(size), np.zeros(size)
    source = frame["source"].to_numpy().astype(np.int64)[placed]
    target = frame["target"].to_numpy().astype(np.int64)[placed]
    answer, at = frame["answer"].to_numpy()[placed], place[placed]
    key = number(source, target)
    order = np.argsort(key, kind="stable")
    one, two = order[:-1], order[1:]
    start = np.flatnonzero(np.diff(key[order], prepend=-1))
    opens = np.zeros(len(order), np.bool_)
    opens[start] = True
    # The first two judgements of a pair that were shown in different orders.
    met = opens[:-1] & (key[one] == key[two])
    swapped = met & ((answer[one] == answer[two]) != (at[one] == at[two]))
    stuck = swapped & (at[one] == at[two])
    who = source[one]
    return (
        np.bincount(who, swapped, size).astype(np.float64),
        np.bincount(who, stuck & (at[one] == 0.0), size).astype(np.float64),
        np.bincount(who, stuck & (at[one] > 0.0), size).astype(np.float64),
    )


def _nothings(evidence: Evidence, size: int) -> tuple[Floats, Floats]:
    """Count by source the answers that say nothing which it judged, and those it rewarded."""
    frame = evidence.held
    chosen, other = (frame[role].to_numpy().astype(np.int64) for role in ("chosen", "other"))
    none = _empty(evidence)
    value = frame["value"].to_numpy()
    rated = ~np.isnan(value)
    bad, rest = none[chosen], none[other]
    compared = (chosen >= 0) & (other >= 0) & (bad != rest)
    judged = compared | (rated & (chosen >= 0) & bad)
    rewarded = (compared & bad) | (rated & (chosen >= 0) & bad & (value > 0.5))  # noqa: PLR2004
    source = frame["source"].to_numpy().astype(np.int64)
    return (
        np.bincount(source, judged, size).astype(np.float64),
        np.bincount(source, rewarded, size).astype(np.float64),
    )


def _empty(evidence: Evidence) -> Flags:
    """Say of each text whether it says nothing; the last entry stands for no text."""
    texts = evidence.texts
    none: Flags = np.append(texts.words == 0, False)
    short: Ints = np.flatnonzero((texts.words > 0) & (texts.words <= _KEYS))
    for code in short.tolist():
        said = " ".join(texts.read(code).casefold().strip(" :.*#\n\t").split())
        none[code] = said in _OPENINGS
    return none


DETECTOR: Detector = Judge()
