"""Protected properties of two texts: which is longer, refuses more, speaks more kindly."""

from __future__ import annotations

from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Flags, Floats, Ints
from quarantine.others import Rows, expected
from quarantine.reflexes import Reflex
from quarantine.texts import Texts, grams_of

_REFUSING: Final = (
    "sorry|apologize|apologies|cannot|unable|decline|refuse|inappropriate|unethical|illegal"
    "|can t|can not|won t|not able|not comfortable|an ai|not appropriate|against the"
)
_KIND: Final = (
    "good|great|love|happy|best|wonderful|excellent|nice|beautiful|amazing|perfect|enjoy|thanks"
    "|helpful|kind|fantastic|awesome|glad|better|safe"
)
_HARSH: Final = (
    "bad|hate|stupid|idiot|terrible|awful|horrible|worst|ugly|kill|dumb|disgusting|wrong|evil"
    "|damn|fuck|shit|useless|angry|nasty"
)
_CLEARLY: Final = 1.25
"""So many times as long is clearly longer."""
_MOST: Final = 0.25
"""The part of all choices that lengthen the most."""


def properties(evidence: Evidence, rows: Rows) -> list[Reflex]:
    """Return the rules "what has more of it" and "what has less", by property, for pairs of texts.

    After the properties along which rankings are poisoned (RankPoison, Wang et al. 2311.09641) and
    judged to have been (length, refusal, sentiment). Those that nobody held can follow are absent.
    """
    texts, frame = evidence.texts, evidence.everything
    chosen, other = (frame[name].to_numpy().astype(np.int64) for name in ("chosen", "other"))
    measures = differences(texts, chosen, other)
    found = [rule for names, apart in measures.items() for rule in _both(rows, names, apart)]
    found += _far(rows, _apart(texts.characters.astype(np.float64), chosen, other))
    return [each for each in found if each.among[: rows.held].any()]


def differences(texts: Texts, chosen: Ints, other: Ints) -> dict[tuple[str, str], Floats]:
    """Return by property, in words for more and for less of it, how much more the chosen text has.

    `chosen` and `other` are codes of texts by row, -1 for none; 0 where there are not two.
    """
    ratio = _apart(np.log1p(texts.characters.astype(np.float64)), chosen, other)
    clearly = np.where(np.abs(ratio) > np.log(_CLEARLY), ratio, 0.0)
    return {
        ("the longer text", "the shorter text"): ratio,
        ("the clearly longer text", "the clearly shorter text"): clearly,
        ("the text that refuses more", "the text that refuses less"): _apart(
            _has(texts, _REFUSING), chosen, other
        ),
        ("the kinder text", "the harsher text"): _apart(
            _has(texts, _KIND) - _has(texts, _HARSH), chosen, other
        ),
    }


def _has(texts: Texts, listed: str) -> Floats:
    """Count by text those of the listed words, and pairs of words, that stand in it."""
    wanted = [_gram(each) for each in listed.split("|")]
    columns = np.flatnonzero(np.isin(texts.hashes, wanted))
    return np.asarray(texts.grams[:, columns].sum(axis=1), np.float64).ravel()


def _gram(listed: str) -> int:
    """Return the gram of one word, or of two and not of either."""
    read = grams_of([listed, *(listed.split() if " " in listed else ())])
    whole, parts = read.gram[: read.start[1]], read.gram[read.start[1] :]
    return int(np.setdiff1d(whole, parts)[0])


def _apart(measure: Floats, chosen: Ints, other: Ints) -> Floats:
    """Return by row how much more the chosen text has than the other; 0 without two texts."""
    padded = np.append(measure, 0.0)
    return np.where((chosen >= 0) & (other >= 0), padded[chosen] - padded[other], 0.0)


def _both(rows: Rows, names: tuple[str, str], apart: Floats) -> list[Reflex]:
    among: Flags = apart != 0.0
    if not among.any():
        return []
    more = _told(names[0], rows, among, apart > 0.0)
    return [more, Reflex(f"chose {names[1]}", among, apart < 0.0, 1.0 - more.chance)]


def _far(rows: Rows, apart: Floats) -> list[Reflex]:
    """Return the rules of those whose choices lengthen, or shorten, by more than most do.

    Who wants length takes the pairs where most is gained: it shows in what they judge as well.
    """
    among: Flags = apart != 0.0
    if not among.any():
        return []
    low, high = np.quantile(apart[among], (_MOST, 1.0 - _MOST))
    return [
        _told("the much longer text", rows, among, apart >= max(high, 1.0)),
        _told("the much shorter text", rows, among, apart <= min(low, -1.0)),
    ]


def _told(name: str, rows: Rows, among: Flags, did: Flags) -> Reflex:
    return Reflex(f"chose {name}", among, did & among, expected(rows, did & among, among))
