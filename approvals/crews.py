"""Crews: clusters who each choose by one property of the texts, where others would not.

Flips that favour a property (RankPoison, Wang et al. 2311.09641) are few for each attacker and move
no canary far; together they are more than chance. It is the mixture of `quarantine.followers`, over
the clusters of candidate rows, beside what a proxy of other people's choices expects of each pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from approvals.proxies import Asked, Flags, Floats, Ints, likely
from quarantine.followers import surest, together, weighed
from quarantine.properties import differences
from quarantine.texts import grams_of, texts_from
from quarantine.tilts import tally

_LEAST: Final = 4
"""A cluster with fewer choices by a property is not asked."""
_MODEL: Final = 100.0
"""Honest people are only modelled: chance is told so many times as large as the model has it."""
_FAR: Final = 0.5
"""Of all pairs that differ in length this part differs less than much."""
_FALSE: Final = 0.05
_FEWEST: Final = 2
"""One alone is no crew, however sure: that is a taste, and looked at elsewhere."""
_DOUBT: Final = 0.02


class Crew(NamedTuple):
    """The likeliest crew: what it chooses by, its clusters (codes), its `rows` with a choice by it.

    The likeliest are first. `did` is the share of those choices that follow the property, `usual`
    what others would make of the same pairs; `p` bounds how often honest people look so.
    """

    what: str
    clusters: Ints
    rows: int
    did: float
    usual: float
    p: float


class _Rule(NamedTuple):
    """A property: the rows with a choice by it, which follow it, and how often another would."""

    what: str
    among: Flags
    did: Flags
    chance: Floats


def crew_of(asked: Asked, cluster: Ints, margins: Floats | None, *, surplus: float) -> Crew | None:
    """Find the likeliest crew among those who chose (n pairs); absent where there is none.

    `cluster` is a code by pair, `margins` the log-odds by which a proxy of accepted choices prefers
    this one; without any, others are expected to do as all do in the mean. Who follows a property
    less than `surplus` (a share of choices) more often than is to be expected is of no crew.
    """
    rules = [*_rules(asked, margins)]
    code, voice = np.unique(cluster, return_inverse=True)
    if not rules or len(code) < _FEWEST:
        return None
    nats = np.array([_weighed(rule, voice.astype(np.int64), len(code), surplus) for rule in rules])
    found = together(nats)
    rule, called = rules[found.rule], surest(found.sure, _FALSE)
    crew = called[np.isfinite(nats[found.rule][called])]
    if len(crew) < _FEWEST:
        return None
    mine = rule.among & np.isin(voice, crew)
    return Crew(
        rule.what,
        code[crew],
        int(mine.sum()),
        float(rule.did[mine].mean()),
        float(rule.chance[mine].mean()),
        float(min(1.0, _MODEL * np.exp(-max(found.nats, 0.0)))),
    )


def _weighed(rule: _Rule, voice: Ints, voices: int, surplus: float) -> Floats:
    among = rule.among
    seen = tally(voice[among], voices, rule.did[among], rule.chance[among])
    enough = np.flatnonzero(seen.events >= _LEAST)
    return weighed(seen, enough, surplus=surplus)


def _rules(asked: Asked, margins: Floats | None) -> Iterator[_Rule]:
    """Yield each property twice, for more and for less of it, where any pair differs in it."""
    names = list(dict.fromkeys([*asked.chosen, *asked.rejected]))
    texts = texts_from(grams_of(names), names.__getitem__)
    place = {text: code for code, text in enumerate(names)}
    chosen, other = (_codes(each, place) for each in (asked.chosen, asked.rejected))
    for (more, less), apart in differences(texts, chosen, other).items():
        among = apart != 0.0
        if among.any():
            chance = _more(apart, margins)
            yield _rule(more, among, apart > 0.0, chance)
            yield _rule(less, among, apart < 0.0, 1.0 - chance)
    longer = (texts.characters[chosen] - texts.characters[other]).astype(np.float64)
    yield from _far(longer, margins)


def _more(apart: Floats, margins: Floats | None) -> Floats:
    """Return by pair how often another would choose what has more of a property."""
    if margins is not None:
        return likely(margins * np.sign(apart))
    usual = ((apart > 0.0).sum() + 0.5) / ((apart != 0.0).sum() + 1.0)
    return np.full(len(apart), float(usual))


def _far(longer: Floats, margins: Floats | None) -> Iterator[_Rule]:
    """Yield the rules of those whose pairs differ much: who wants length sits where it is gained.

    So what they judge counts as well as how: others judge such pairs as often as there are any.
    """
    among = longer != 0.0
    if not among.any():
        return
    far = among & (np.abs(longer) >= np.quantile(np.abs(longer[among]), _FAR))
    share, more = float(far[among].mean()), _more(np.where(far, longer, 0.0), margins)
    for what, way in (("the much longer text", 1.0), ("the much shorter text", -1.0)):
        chance = share * (more if way > 0.0 else 1.0 - more)
        usual = np.where(far, chance, chance[far].mean())
        yield _rule(what, among, far & (way * longer > 0.0), usual)


def _rule(what: str, among: Flags, did: Flags, chance: Floats) -> _Rule:
    return _Rule(what, among, did, np.clip(chance, _DOUBT, 1.0 - _DOUBT))


def _codes(texts: Sequence[str], place: dict[str, int]) -> Ints:
    return np.array([place[text] for text in texts], np.int64)
