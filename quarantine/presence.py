"""What a source says where those are whom it keeps meeting, and what it says elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Floats, Ints
from quarantine.overlap import affordable, answers, number
from quarantine.shares import shares

_ROUNDS: Final = 3
_ANSWERS: Final = 8
"""So many of the most frequent answers are looked at, each for itself."""
_SHIFTS: Final = (2.5, 4.0, 6.0)
"""How many deviations those who side with their company may lie from chance."""
_SUPPOSED: Final = 0.05
"""The share of sources that do, with any answer, that fitting begins with."""
_LEAST: Final = 0.001
"""So many may side with one answer that nobody seems to side with."""
_ANY: Final = 0.1
"""So much of the shares is kept for all answers alike."""
_DOUBT: Final = 2.0
"""So many voices that say the usual are added to the strangers at a target."""
_SOMEBODY: Final = 0.5
"""A share of fewer sources than this is nobody's."""
_NORMAL: Final = 1.4826
_NOTHING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Company:
    """Rows of answers in columns, one a source and target, and who else speaks of their targets.

    A pair stands for one row (`row`) and `second`, another source's row at its target; `near` grows
    from 0 with the number of further targets at which the two meet, and `strange` is 1 for those of
    the target whom the row's source meets most seldom, less for others. `sources` counts all.
    """

    source: Ints
    target: Ints
    answer: Ints
    row: Ints
    second: Ints
    near: Floats
    strange: Floats
    sources: int

    def by_row(self, pairs: Floats) -> Floats:
        """Sum up a column of pairs by row."""
        return np.asarray(np.bincount(self.row, pairs, len(self.source)), np.float64)

    def by_source(self, rows: Floats) -> Floats:
        """Sum up a column of rows by source."""
        return np.asarray(np.bincount(self.source, rows, self.sources), np.float64)

    def own(self, rows: Floats) -> Floats:
        """Return a column of rows, each less the mean of its source's rows."""
        count = np.maximum(np.bincount(self.source, minlength=self.sources), 1)
        return np.asarray(rows - (self.by_source(rows) / count)[self.source], np.float64)


@dataclass(frozen=True, slots=True)
class Sides:
    """Who sides with its company: by source the `nats` for that, and the `answer` it is about.

    `share` (0..1) is how many do, and `gained` the nats by which that explains the crowd better
    than nobody's doing so; `present` by row how much of the suspected company is there for the
    answer that is about its source. Of sources that are not `known` (codes), because they meet
    nobody again, nothing is said.
    """

    nats: Floats
    answer: Ints
    known: Ints
    share: float
    gained: float
    present: Floats


def company(evidence: Evidence) -> Company:
    """Return whom each source keeps meeting, where answers lie on no scale; by targets alone.

    Targets that too many speak of are left out, the most popular first, until the pairs can be
    afforded: meeting somebody there tells the least.
    """
    said = answers(evidence)
    frame = evidence.whole.everything
    scaled = frame["answer"].to_numpy()[frame["value"].notna().to_numpy()].astype(np.int64)
    plain = ~np.isin(said.answer, np.unique(scaled))
    many = np.bincount(said.target[plain], minlength=int(said.target.max(initial=-1)) + 1)
    row = np.flatnonzero(plain & affordable(many)[said.target])
    row = row[np.argsort(said.target[row], kind="stable")]
    source, target = said.source[row], said.target[row]
    size = many[target]
    first = np.repeat(np.arange(len(row)), size)
    start = np.searchsorted(target, target, side="left")
    second = start[first] + np.arange(len(first)) - np.repeat(np.cumsum(size) - size, size)
    apart = source[first] != source[second]
    first, second = first[apart], second[apart]
    met = number(source[first], source[second])
    often = np.bincount(met, minlength=1)[met].astype(np.float64)
    seldom = np.full(len(row), np.inf)
    np.minimum.at(seldom, first, often)
    return Company(
        source=source,
        target=target,
        answer=said.answer[row],
        row=first,
        second=second,
        near=np.log(often),
        strange=seldom[first] / often,
        sources=said.sources,
    )


def sides(found: Company) -> Sides:
    """Ask of each source whether it gives one answer where its company is, and others elsewhere.

    Its own answers stand against the presence of its company at their targets, as if they had been
    dealt out anew (a permutation test, Pitman 1937): neither how it answers nor whom it meets
    counts, only both together. A mixture over answers fits how many side with each (Efron 2008).
    Then all is asked again, with the suspects of the same answer alone for company: those who push
    an answer meet each other there. What strangers say of the same targets is taken off.
    """
    often = np.bincount(found.answer)
    told = np.argsort(-often, kind="stable")[:_ANSWERS]
    told = told[often[told] > 0].astype(np.int64)
    known = np.unique(found.source[found.row[found.near > 0]])
    if not len(known):
        return Sides(np.empty(0), known, known, 0.0, 0.0, np.zeros(len(found.source)))
    said = [(found.answer == each).astype(np.float64) for each in told]
    present = [found.by_row(found.near)] * len(told)
    nats = np.array([_siding(found, *each) for each in zip(said, present, strict=True)])
    for _ in range(_ROUNDS - 1):
        suspected = _suspected(nats, _fitted(nats[:, known]))
        partner = found.source[found.second]
        present = [found.by_row(found.near * each[partner]) for each in suspected]
        strangers = [_strangers(found, *each) for each in zip(said, suspected, strict=True)]
        asked = zip(said, present, strangers, strict=True)
        nats = np.array([_siding(found, *each) for each in asked])
    share = _fitted(nats[:, known])
    joined, best = _loudest(nats, share)
    return Sides(
        nats=joined,
        answer=told[best],
        known=known,
        share=float(share[1:].sum()),
        gained=_gained(nats[:, known], share),
        present=np.array(present)[best[found.source], np.arange(len(found.source))],
    )


def _siding(
    found: Company, said: Floats, present: Floats, strangers: Floats | None = None
) -> Floats:
    """Return by source the nats for giving an answer (`said`) where its company is `present`.

    All by row. How far `strangers` say it there too is taken off, for then it may well be true. The
    most telling of its events counts like noise: a single coincidence proves nothing.
    """
    away, did = found.own(present), found.own(said)
    most = np.zeros(found.sources)
    np.maximum.at(most, found.source, away * did)
    noise = found.by_source(away**2) * found.by_source(did**2)
    count = found.by_source(np.ones(len(said)))
    spread = np.sqrt(noise / np.maximum(count - 1.0, 1.0) + most**2 + _NOTHING)
    excess = found.by_source(away * did)
    if strangers is not None:
        excess -= np.maximum(found.by_source(away * found.own(strangers)), 0.0)
    deviated = excess / spread
    moved = deviated[deviated != 0]
    if len(moved):
        usual = _NORMAL * float(np.median(np.abs(moved - np.median(moved))))
        deviated /= max(usual, 1.0)
    shifted = np.array([shift * deviated - shift**2 / 2 for shift in _SHIFTS])
    return np.asarray(np.logaddexp.reduce(shifted, axis=0) - np.log(len(_SHIFTS)), np.float64)


def _strangers(found: Company, said: Floats, suspected: Floats) -> Floats:
    """Return by row how many of those at its target say so too, drawn to what is usual.

    Who is suspected of pushing that answer does not count, and who meets the source more often than
    others there do counts less.
    """
    honest = (1.0 - suspected)[found.source]
    usual = float(honest @ said) / max(float(honest.sum()), _NOTHING)
    weight = found.strange * honest[found.second]
    saying = found.by_row(weight * said[found.second]) + _DOUBT * usual
    return np.asarray(saying / (found.by_row(weight) + _DOUBT), np.float64)


def _fitted(nats: Floats) -> Floats:
    """Return the share of sources (columns) that side with nothing, then with each answer."""
    many = len(nats)
    first = [1.0 - _SUPPOSED, *[_SUPPOSED / many] * many]
    return shares(np.vstack([np.zeros(nats.shape[1]), nats]).T, first)


def _gained(nats: Floats, share: Floats) -> float:
    """Return the nats by which these shares fit better than nobody's, each that counts paid for.

    Half a logarithm of the number of sources for each (Schwarz 1978), and which answers they are.
    """
    answers, sources = nats.shape
    better = np.logaddexp.reduce(nats + np.log(share[1:])[:, np.newaxis], axis=0)
    told = float(np.logaddexp(np.log(share[0]), better).sum())
    counting = int((share[1:] * sources > _SOMEBODY).sum())
    return told - counting * (0.5 * float(np.log(sources)) + float(np.log(answers)))


def _suspected(nats: Floats, share: Floats) -> Floats:
    """Return by answer (rows) and source the probability that it sides with that answer."""
    every = np.vstack([np.zeros(nats.shape[1]), nats])
    joint = np.exp(every - every.max(axis=0)) * np.maximum(share, _LEAST)[:, np.newaxis]
    return np.asarray((joint / joint.sum(axis=0))[1:], np.float64)


def _loudest(nats: Floats, share: Floats) -> tuple[Floats, Ints]:
    """Join what is said of all answers, each as usual as it is, and name the one that says most."""
    usual = (1.0 - _ANY) * share[1:] / share[1:].sum() + _ANY / len(nats)
    both = nats + np.log(usual)[:, np.newaxis]
    joined = np.asarray(np.logaddexp.reduce(both, axis=0), np.float64)
    return joined, both.argmax(axis=0).astype(np.int64)
