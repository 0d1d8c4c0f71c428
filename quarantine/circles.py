"""Circles: whom a source keeps meeting at the same targets, and how far they agree there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

from quarantine.evidence import Evidence, Flags, Floats, Ints
from quarantine.gatherings import between
from quarantine.meetings import choices
from quarantine.overlap import Answers, answers, table

_PARTNERS: Final = 4
_PRESENT: Final = 2
"""A target belongs to a circle where so many partners speak of it too."""
_NATS: Final = 2.0
_OFTEN: Final = 3
_LESSONS: Final = 3
_FAR: Final = 2.0
_LEAST: Final = 1e-12
_TOGETHER: Final = 2.25
"""Answers at one target agree together or not at all: their variance counts more than once."""


@dataclass(frozen=True, slots=True)
class Circles:
    """By source: how much of what it says it says within its circle, and how they agree there.

    `closed` is the share (0..1) of its targets that at least two of its closest partners speak of,
    `inside` how many those are. `agreed` is how far answers in the circle, its partners' included,
    agree beyond other circles, in standard deviations; 0 for who has none. `partners` counts them;
    pairs (`source`, `partner`) name them; `compared` says with how many sources each is compared.
    """

    closed: Floats
    inside: Ints
    agreed: Floats
    partners: Ints
    compared: int
    source: Ints
    partner: Ints


def circles(evidence: Evidence) -> Circles:
    """Find for each source the four it meets most beyond chance, by targets alone.

    Answers have no part in the choice, so that agreement can be tested afterwards as if the circle
    had been given. What is usual for an answer is how often two who speak of one target agree on
    it, everywhere: where a circle is all that is heard, its targets alone would make it the truth
    (the copying of Dong, Berti-Equille and Srivastava 2009, without the votes to tell it by).
    """
    said = answers(evidence)
    source, partner = _closest(evidence)
    near = sp.csr_array((np.ones(len(source)), (source, partner)), shape=(said.sources,) * 2)
    there, same = _met(said, near)
    core = there >= _PRESENT
    beyond = np.where(core, same / np.maximum(there, 1.0) - _usual(said), 0.0)
    excess = np.bincount(said.source, beyond, said.sources)
    inside = np.bincount(said.source, core, said.sources)
    number = inside + near @ inside
    count = np.bincount(said.source, minlength=said.sources)
    partners = np.bincount(source, minlength=said.sources).astype(np.int64)
    known = (partners >= _PRESENT) & (number > 0)
    agreed = np.zeros(said.sources)
    mean = (excess + near @ excess)[known] / number[known]
    noise = _TOGETHER * float((beyond[core] ** 2).sum()) / max(int(core.sum()), 1)
    agreed[known] = _beyond_circles(mean, noise / number[known])
    lone, doubt = _without(said, known, count)
    if len(lone):
        beside = np.concatenate([mean, lone]), np.concatenate([noise / number[known], doubt])
        agreed[known] = np.maximum(agreed[known], _beyond_circles(*beside)[: len(mean)])
    return Circles(
        closed=inside / np.maximum(count, 1),
        inside=inside.astype(np.int64),
        agreed=agreed,
        partners=np.where(known, partners, 0),
        compared=int(known.sum()) + len(lone),
        source=source,
        partner=partner,
    )


def _without(said: Answers, known: Flags, count: Ints) -> tuple[Floats, Floats]:
    """Return how far sources without a circle agree with anybody beyond the usual, and the noise.

    Nobody, unless most have no circle: there a ring may be all the circles that there are, and
    among them would be usual.
    """
    if 2 * int(known.sum()) > int((count > 0).sum()):
        return np.empty(0), np.empty(0)
    votes = np.bincount(said.cell)[said.cell]
    voices = np.bincount(said.target)[said.target]
    lone = (voices > 1) & ~known[said.source]
    beyond = np.where(lone, (votes - 1.0) / np.maximum(voices - 1, 1) - _usual(said), 0.0)
    rows = np.bincount(said.source, lone, said.sources)
    mean = np.bincount(said.source, beyond, said.sources)[rows > 0] / rows[rows > 0]
    noise = float((beyond**2).sum()) / max(int(lone.sum()), 1)
    return mean, noise / rows[rows > 0]


def _beyond_circles(mean: Floats, noise: Floats) -> Floats:
    """Return how far above the others each lies: circles of able people agree more than others.

    Rings agree more, never less: what is usual is learnt from the lower half, and anew without
    those that lie far above.
    """
    usual = np.ones(len(mean), np.bool_)
    deviated = np.zeros(len(mean))
    for _ in range(_LESSONS if len(mean) else 0):
        above = mean - np.median(mean[usual])
        lower = usual & (above <= 0)
        deviated = above / np.sqrt(between(above[lower], noise[lower]) + noise + _LEAST)
        usual = deviated < _FAR
    return deviated


def _closest(evidence: Evidence) -> tuple[Ints, Ints]:
    """Return each source with the few that share its choice of targets most improbably."""
    found = choices(evidence)
    close = (found.nats > _NATS) & (found.often >= _OFTEN)
    source, partner, nats = found.source[close], found.partner[close], found.nats[close]
    order = np.lexsort((partner, -nats, source))
    source, partner = source[order], partner[order]
    first = np.arange(len(source)) - np.searchsorted(source, source, side="left") < _PARTNERS
    return source[first], partner[first]


def _met(said: Answers, near: sp.csr_array) -> tuple[Floats, Floats]:
    """Count, by row, the partners who speak of its target, and those who answer the same."""
    ones = np.ones(len(said.source))
    asked = near @ table(said.source, said.target, ones, said.sources)
    given = near @ table(said.source, said.cell, ones, said.sources)
    there = np.asarray(asked[said.source, said.target], np.float64).ravel()
    return there, np.asarray(given[said.source, said.cell], np.float64).ravel()


def _usual(said: Answers) -> Floats:
    """Return by row how often another voice gives its answer where this answer is given."""
    votes = np.bincount(said.cell)[said.cell]
    voices = np.bincount(said.target)[said.target]
    heard = voices > 1
    agreed = np.where(heard, (votes - 1.0) / np.maximum(voices - 1, 1), 0.0)
    total = np.bincount(said.answer, agreed)
    count = np.bincount(said.answer, heard)
    overall = float(total.sum() / max(count.sum(), 1.0))
    usual: Floats = ((total + 10 * overall) / (count + 10))[said.answer]
    return usual
