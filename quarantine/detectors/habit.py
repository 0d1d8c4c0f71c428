"""Who follows a rule instead of reading: the first place, one answer to all, the longer text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Findings, Floats
from quarantine.others import Rows, rows_of
from quarantine.ports import Detector
from quarantine.reflexes import Reflex, reflexes
from quarantine.shares import shares
from quarantine.tilts import bar, honest, ruled, scored, sigmoid, spread_of, tally, tilted

_SLIPS: Final = (0.01, 0.025, 0.06, 0.15)
_SUPPOSED: Final = 0.05
"""The share of sources that follow a rule, all rules together, that fitting begins with."""
_ANY: Final = 0.1
"""So much of that share is kept for rules that nobody seems to follow, all alike."""
_NEVER: Final = 50.0
_TEACHERS: Final = 50
"""So many released sources can say how much honest sources differ; else everybody is asked."""


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What one rule explains: the nats by source, and how often it was followed and expected."""

    rule: Reflex
    nats: Floats
    did: Floats
    usual: Floats
    events: Floats

    def words(self, source: int) -> str:
        """Say how often a source followed the rule, and how often others would have."""
        events = self.events[source]
        if not events:
            return "said too little to have a habit"
        return (
            f"{self.rule.name} in {self.did[source] / events:.0%} of {events:.0f} events, where "
            f"the others at the same targets make {self.usual[source] / events:.0%} usual"
        )


@dataclass(frozen=True, slots=True)
class Habit:
    """A likelihood ratio for each rule: "always, but for slips" against being an honest judge.

    An honest judge follows a rule as often as the other voices at the same targets do, as sharply
    as it may, shifted by a tilt of its own; how far tilts go is fitted to the released sources, or
    on a cold start to all with a few strange among them (a random-effects logistic model by
    empirical Bayes). Rules: the place shown first or last, one answer, the longer or the shorter
    text (position and verbosity bias, Zheng et al. 2306.05685, Saito et al. 2310.10076; uniform
    spammers, Vuurens et al. 2011). The nats of the best rule pay for all that were tried, and what
    others at the same targets do nearly as often is no habit. *Cannot see*: mixed rules, and who
    follows a rule in part of what it says.
    """

    channel: str = "pattern"
    events: int = 5
    sure: float = 100.0
    surplus: float = 0.1

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source with enough events; 0 where honesty explains all it did."""
        rows = rows_of(evidence)
        rules = reflexes(evidence, rows)
        if not rules:
            return Findings(silent="nothing held has a closed answer, a place or two lengths")
        weighed = [self._weigh(evidence, rule, rows) for rule in rules]
        paid = np.log(len(rules))
        nats = np.array([np.minimum(each.nats - paid, each.rule.most) for each in weighed])
        judged = np.flatnonzero(np.array([each.events for each in weighed]).max(axis=0) > 0)
        best = nats.argmax(axis=0)
        told = _ranked(nats[:, judged], bar(len(judged), self.sure))
        scores = scored(told, len(judged), sure=self.sure)

        def because(position: int) -> str:
            source = int(judged[position])
            return weighed[int(best[source])].words(source)

        def examples(position: int) -> tuple[str, ...]:
            did = weighed[int(best[judged[position]])].rule.did[: rows.held]
            where = np.flatnonzero(did & (rows.source[: rows.held] == judged[position]))[:3]
            return tuple(evidence.targets[rows.target[row]] for row in where.tolist())

        return Findings(judged, scores, because, examples, posterior=True)

    def _weigh(self, evidence: Evidence, rule: Reflex, rows: Rows) -> _Weighed:
        size = evidence.held_sources
        held = np.flatnonzero(rule.among[: rows.held])
        seen = tally(rows.source[held], size, rule.did[held], rule.chance[held])
        did, usual = seen.did.sum(axis=1), (seen.did + seen.left) @ sigmoid(seen.odds)
        asked = np.flatnonzero(seen.events >= self.events)
        nats = np.full(size, -np.inf)
        if len(asked):
            some = seen.of(asked)
            likely = tilted(some)
            told = ruled(some, _SLIPS) - honest(likely, self._prior(evidence, rule, rows, likely))
            near = (did - usual)[asked] < self.surplus * some.events
            nats[asked] = np.where(near, -np.inf, told)
        events = np.where(seen.events >= self.events, seen.events, 0.0)
        return _Weighed(rule, nats, did, usual, events)

    def _prior(self, evidence: Evidence, rule: Reflex, rows: Rows, likely: Floats) -> Floats:
        """Return how far honest sources tilt, learnt from the released where they are enough.

        Where nothing was released the held teach alone, whose tilts are as `likely`.
        """
        if evidence.cold_start:
            return spread_of(likely)
        stop = rows.held + len(evidence.released)
        for first in (rows.held, 0):
            row = first + np.flatnonzero(rule.among[first:stop])
            source = rows.source[row]
            seen = tally(source, len(evidence.sources), rule.did[row], rule.chance[row])
            known = np.flatnonzero(seen.events >= self.events)
            if len(known) >= _TEACHERS:
                break
        return spread_of(tilted(seen.of(known)))


def _ranked(nats: Floats, sure: float) -> Floats:
    """Return the nats by source (columns) of following any rule (rows), each as usual as it is.

    `nats` have paid for all rules alike, and only so they ring, from `sure` nats on. Below, the
    share of sources that follow each rule is fitted to all of them (expectation maximisation): a
    rule that nobody follows is not held against the luckiest of the honest.
    """
    rules, sources = nats.shape
    known = np.maximum(nats + np.log(rules), -_NEVER)
    begin = [1.0 - _SUPPOSED, *[_SUPPOSED / rules] * rules]
    follow = shares(np.vstack([np.zeros(sources), known]).T, begin)[1:]
    usual = (1.0 - _ANY) * follow / follow.sum() + _ANY / rules
    told = np.logaddexp.reduce(known + np.log(usual)[:, np.newaxis], axis=0)
    loud = nats.max(axis=0, initial=-_NEVER)
    return np.asarray(np.where(loud > sure, loud, np.minimum(told, sure)), np.float64)


DETECTOR: Detector = Habit()
