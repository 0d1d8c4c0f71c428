"""Several who choose by one property of the texts: none alone is proof, together they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.calibration import ALARM
from quarantine.evidence import Evidence, Findings, Floats, Ints
from quarantine.others import Rows, rows_of
from quarantine.ports import Detector
from quarantine.properties import properties
from quarantine.reflexes import Reflex
from quarantine.tilts import Tally, honest, ruled, sigmoid, spread_of, spreads, tally, tilted

_SLIPS: Final = (0.01, 0.05, 0.15)
_SHARES: Final = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Which part of the voices may follow one rule."""
_TEACHERS: Final = 50
_MOST: Final = 50.0
_NULL: Final = 0.9
"""How probable it is, before anything is seen, that nobody follows any."""


@dataclass(frozen=True, slots=True)
class _Weighed:
    """One rule: the nats by voice for following it, and how often it did and others would have.

    Voices with too few events say neither, and have no number (NaN).
    """

    rule: Reflex
    nats: Floats
    seen: Tally

    def words(self, voice: int) -> str:
        """Say how often a voice followed the rule, and how often others would have."""
        did, events = float(self.seen.did[voice].sum()), float(self.seen.events[voice])
        usual = float((self.seen.did + self.seen.left)[voice] @ sigmoid(self.seen.odds))
        return (
            f"{self.rule.name} in {did / events:.0%} of {events:.0f} events, where the others make "
            f"{usual / events:.0%} usual, as several do"
        )


@dataclass(frozen=True, slots=True)
class Property:
    """A mixture for each property: a share of the voices "always, but for slips", the rest honest.

    Honest voices choose as the others do, shifted by a tilt of their own, whose spread is fitted
    (`quarantine.tilts`). Flips that favour a property (RankPoison, Wang et al. 2311.09641) are few
    for each attacker; the Bayes factor of the mixture sums them, over shares and rules. Where it
    is beyond `sure`, those voices are called that are most likely of that part, as many as keep the
    mean probability of error below `false_share` (local false discovery rate, Efron 2007). *Cannot
    see*: flips by voices that mostly say honest things, one lone flipper, and where honest people
    differ as much as attackers do.
    """

    channel: str = "pattern"
    events: int = 4
    sure: float = 100.0
    surplus: float = 0.15
    false_share: float = 0.05
    fewest: int = 2

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source that chose between two texts, by its voice."""
        rows = rows_of(evidence)
        rules = properties(evidence, rows)
        if not rules:
            return Findings(silent="nothing held is a choice between two texts that differ")
        voice = np.unique(evidence.cluster, return_inverse=True)[1].astype(np.int64)
        weighed = [self._weigh(rule, rows, voice) for rule in rules]
        score = self._scores(np.array([each.nats for each in weighed]))
        nats = np.array([np.nan_to_num(each.nats, nan=-np.inf) for each in weighed])
        spoke = np.logical_or.reduce([rule.among[: rows.held] for rule in rules])
        judged = np.unique(rows.source[: rows.held][spoke])
        best = nats.argmax(axis=0)

        def because(position: int) -> str:
            mine = int(voice[judged[position]])
            if not np.isfinite(nats[best[mine], mine]):
                return "has no property of texts that it chooses by"
            return weighed[int(best[mine])].words(mine)

        def examples(position: int) -> tuple[str, ...]:
            did = weighed[int(best[voice[judged[position]]])].rule.did[: rows.held]
            where = np.flatnonzero(did & (rows.source[: rows.held] == judged[position]))[:3]
            return tuple(evidence.targets[rows.target[row]] for row in where.tolist())

        return Findings(judged, score[voice[judged]], because, examples, posterior=True)

    def _weigh(self, rule: Reflex, rows: Rows, voice: Ints) -> _Weighed:
        """Weigh voices in what is held; how far honest ones tilt the released teach, if enough."""
        held = np.flatnonzero(rule.among[: rows.held])
        taught = rows.held + np.flatnonzero(rule.among[rows.held :])
        units = int(voice.max(initial=-1)) + 1
        seen, known = (
            tally(voice[rows.source[some]], units, rule.did[some], rule.chance[some])
            for some in (held, taught)
        )
        asked = np.flatnonzero(seen.events >= self.events)
        teachers = np.flatnonzero(known.events >= self.events)
        likely, follows = tilted(seen.of(asked)), ruled(seen.of(asked), _SLIPS)
        if len(teachers) >= _TEACHERS:
            prior = spread_of(tilted(known.of(teachers)))
        else:
            prior = _spread_beside(likely, follows)
        nats = np.full(units, np.nan)
        told = follows - honest(likely, prior)
        did = seen.did[asked].sum(axis=1)
        usual = (seen.did + seen.left)[asked] @ sigmoid(seen.odds)
        near = did - usual < self.surplus * seen.events[asked]
        nats[asked] = np.where(near, -np.inf, told)
        return _Weighed(rule, nats, seen)

    def _scores(self, nats: Floats) -> Floats:
        """Return the scores by voice: from `ALARM` on for those that are called."""
        told, member = _members(nats)
        every = float(np.logaddexp.reduce(told) - np.log(len(told)))
        weight = np.exp(told - np.log(len(told)) + np.log1p(-_NULL))
        sure = np.asarray(weight @ member / (weight.sum() + _NULL), np.float64)
        score = ALARM * sure
        order = np.argsort(-sure, kind="stable")
        errors = np.cumsum(1.0 - sure[order]) / np.arange(1, len(sure) + 1)
        called = order[: int((errors <= self.false_share).sum())]
        if every > np.log(self.sure) and len(called) >= self.fewest:
            score[called] = ALARM + ALARM * sure[called]
        return score


def _members(nats: Floats) -> tuple[Floats, Floats]:
    """Return by rule and share the nats for such a part, and by voice how probably it is of it.

    Who says too little to be asked speaks neither for such a part nor against it, and is none.
    """
    asked = ~np.isnan(nats)
    ratio = np.where(asked, np.exp(np.minimum(nats, _MOST)), 1.0)
    pairs = [(*each, share) for each in zip(ratio, asked, strict=True) for share in _SHARES]
    told = [float(np.log1p(share * (each - 1.0)).sum()) for each, _, share in pairs]
    member = [some * share * each / (1.0 - share + share * each) for each, some, share in pairs]
    return np.array(told), np.array(member)


def _spread_beside(likely: Floats, follows: Floats) -> Floats:
    """Return the log-prior of the honest tilts that is likeliest, whatever part follows the rule.

    Followers must not pass for a wide spread: they are fitted as what they are.
    """
    told = []
    for prior in spreads():
        fair = honest(likely, prior)
        parts = [
            np.logaddexp(np.log1p(-share) + fair, np.log(share) + follows).sum()
            for share in _SHARES
        ]
        told.append(max(float(fair.sum()), *map(float, parts)))
    return spreads()[int(np.argmax(told))]


DETECTOR: Detector = Property()
