"""How suspect a rare phrase is, and who carries it: its outcome one-sided, its voices few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import betainc

from quarantine.evidence import Flags, Floats, Ints
from quarantine.overlap import number
from quarantine.phrases import Phrases
from quarantine.tilts import beyond

_PATIENCE: Final = 0.25
_CROWDED: Final = 40.0
"""More nats for "few voices say it" make no phrase more worth a look: all beyond pay alike."""
_SELDOM: Final = 0.05
"""A phrase in a larger part of the events is a usual one."""
_HALF: Final = 0.5
_CROWD: Final = 0.25
"""What so many of the voices say, few do not: the subject of much of the work, and not a plan."""
_OWN: Final = 5.0
"""So many events of a stranger stand beside a source's own."""
_SEVERAL: Final = 10
"""In so small a company nobody is a crowd."""
_LEAST: Final = 2
"""Who has a phrase but once does not carry it."""
_TIED: Final = 2.0
"""A phrase with fewer nats for its outcome is not asked who carries it: it could not ring."""
_RAREST: Final = 1e-280
"""A smaller tail is bounded, not counted."""


@dataclass(frozen=True, slots=True)
class Carried:
    """Phrases of one reading in columns: `told` in how many of its `events`, by how many `voices`.

    `gram` is rising; `found` are the occurrences of what may ring. `nats` and `worst` (position in
    `gram`, -1: none) are by source: how far it carries its worst phrase, with all looks paid for;
    `alone` is the same of a source that was looked at for itself, not found among many.
    """

    found: Phrases
    gram: Ints
    told: Floats
    events: Floats
    voices: Ints
    nats: Floats
    alone: Floats
    worst: Ints


def carried(found: Phrases, source: Ints, voice: Ints) -> Carried:
    """Weigh phrases and their carriers; `source` and `voice` are by held row.

    A phrase is as suspect as the weaker of two: its outcome is more one-sided than the binomial
    allows (its exact tail, after paying for all phrases looked at), and fewer voices say it than
    their volumes allow (a likelihood ratio, after paying for the choice of voices). A source is as
    suspect as the phrase, as far as it goes beyond those who said it but once, and that pays for
    every source and for every phrase that it carries. Phrases have paid for all phrases already:
    where all must hold, one that holds by chance too seldom is enough.
    """
    code, gram = np.unique(found.gram, return_inverse=True)
    events = np.bincount(gram, minlength=len(code)).astype(np.float64)
    told = np.bincount(gram, found.told, len(code)).astype(np.float64)
    few, voices = few_voices(gram, voice[found.row], np.bincount(voice))
    tied = exceeding(told, events, found.chance)
    if len(found.asked):
        tied = _apart(found, gram, source, voices)
    cost = _looks(few, events > _SELDOM * len(source), _first_alike(found, gram))
    guilt = np.minimum(tied - cost, few)
    asked = (tied >= _TIED)[gram]
    carriers = _carriers(gram[asked], source[found.row[asked]], np.bincount(source), guilt)
    return Carried(found.only(asked), code, told, events, voices, *carriers)


def _apart(found: Phrases, gram: Ints, source: Ints, voices: Ints) -> Floats:
    """Return, by gram, the nats for its outcome beyond what its carriers show without it.

    One who says it in all its events shows nothing of the phrase but of itself: that counts only as
    far as several voices agree.
    """
    size = int(source.max(initial=-1)) + 1
    key = number(source[found.row], gram)
    _, one, count = np.unique(key, return_index=True, return_counts=True)
    who, what = source[found.row[one]], gram[one]
    rest = np.bincount(source[found.asked], minlength=size)[who] - count
    odd = np.bincount(source[found.asked], found.odd, size)[who] - np.bincount(key, found.told)
    usual = np.maximum((odd + _OWN * found.chance) / (rest + _OWN), found.chance)
    events = np.bincount(gram).astype(np.float64)
    told = np.bincount(gram, found.told).astype(np.float64)
    nats = exceeding(told, events, np.bincount(what, count * np.minimum(usual, 0.95)) / events)
    record = np.bincount(what, count * rest / (rest + _OWN)) / events
    return np.asarray(nats * (voices - 1.0 + record) / voices, np.float64)


def exceeding(done: Floats, events: Floats, usual: Floats | float) -> Floats:
    """Return the nats for `done` of `events` being beyond a `usual` share: the binomial's tail.

    It holds where single events' chances differ and have that mean (Hoeffding 1956). Too small to
    be counted it is bounded (Chernoff); 0 where no more than usual was done.
    """
    chance = betainc(np.maximum(done, 1.0), events - done + 1.0, usual)
    nats = np.where(chance > _RAREST, -np.log(np.maximum(chance, _RAREST)), 0.0)
    bound = beyond(done, events, usual)
    return np.where(bound > 0.0, np.maximum(nats, bound), 0.0)


def _first_alike(found: Phrases, gram: Ints) -> Flags:
    """Say which phrases are the first of those that stand in the same rows: they are one look."""
    size = int(found.row.max(initial=-1)) + 1
    # Sums of equal rows are equal to the last bit: occurrences come by rising rows.
    mark = np.bincount(gram, np.random.default_rng(0).random(size)[found.row] + found.told)
    first: Flags = np.zeros(len(mark), np.bool_)
    first[np.unique(mark, return_index=True)[1]] = True
    return first


def _looks(few: Floats, usual: Flags, counted: Flags) -> Floats:
    """Return what each phrase pays for the looks at all: the more concentrated, the less.

    Weighted Bonferroni (Genovese, Roeder and Wasserman 2006): weights may depend on who carries a
    phrase, because an honest outcome does not. Half of the weight is dealt evenly, so that what a
    crowd says pays no more than a plain look. The `usual` ones pay apart: work that is handed out
    by subject concentrates them all. Of phrases that are one look, one is `counted`.
    """
    weight = _PATIENCE * np.clip(few, 0.0, _CROWDED)
    cost = np.full(len(few), np.log(4.0))
    for group in (usual, ~usual):
        looked = weight[group & counted]
        if len(looked):
            share = weight[group] - np.logaddexp.reduce(looked)
            cost[group] -= np.logaddexp(share, -np.log(len(looked)))
    return cost


def few_voices(
    gram: Ints, voice: Ints, volume: Ints, *, crowd: float = _CROWD
) -> tuple[Floats, Ints]:
    """Return, by gram, the nats for "few voices say it", and how many do.

    What more than `crowd` (a share) of the voices say is said by no few.
    """
    _, one, count = np.unique(number(gram, voice), return_index=True, return_counts=True)
    what, who = gram[one], voice[one]
    events = np.bincount(gram)
    gain = count * (np.log(count / events[what]) - np.log(volume[who] / volume.sum()))
    voices = np.bincount(what)
    every = int((volume > 0).sum())
    nats = np.bincount(what, gain) - voices * np.log(max(every, 1))
    crowded = (voices > crowd * every) & (voices > _SEVERAL)
    return np.where(crowded, np.minimum(nats, 0.0), nats), voices


def _carriers(gram: Ints, source: Ints, said: Ints, guilt: Floats) -> tuple[Floats, Floats, Ints]:
    """Return, by source, how suspect its worst phrase makes it (among all, alone), and which."""
    nats, worst = np.full((2, len(said)), -np.inf), np.full(len(said), -1, np.int64)
    if not len(gram):
        return nats[0], nats[1], worst
    _, one, count = np.unique(number(source, gram), return_index=True, return_counts=True)
    who, what = source[one], gram[one]
    usual = (np.bincount(what, count == 1, len(guilt))[what] + _HALF) / said.sum()
    own = count * (np.log(count / said[who]) - np.log(np.minimum(usual, 1.0)))
    many = np.maximum(np.bincount(who, count >= _LEAST, len(said)), 1.0)[who]
    own = own - np.log(many) - np.array([[np.log(np.count_nonzero(said))], [0.0]])
    told = np.where(count >= _LEAST, np.minimum(guilt[what], own), -np.inf)
    # Of phrases that say as much, the most usual names the case.
    order = np.lexsort((np.bincount(gram)[what], told[0], who))
    last = order[np.flatnonzero(np.diff(who[order], append=-1))]
    nats[:, who[last]], worst[who[last]] = told[:, last], what[last]
    return nats[0], nats[1], worst
