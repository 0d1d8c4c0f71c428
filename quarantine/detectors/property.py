"""Several who choose by one property of the texts: none alone is proof, together they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.calibration import ALARM
from quarantine.evidence import Evidence, Findings, Floats, Ints
from quarantine.followers import surest, together, weighed
from quarantine.others import Rows, rows_of
from quarantine.ports import Detector
from quarantine.properties import properties
from quarantine.reflexes import Reflex
from quarantine.tilts import Tally, sigmoid, spread_of, tally, tilted

_TEACHERS: Final = 50


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
        taught_by = spread_of(tilted(known.of(teachers))) if len(teachers) >= _TEACHERS else None
        return _Weighed(rule, weighed(seen, asked, surplus=self.surplus, prior=taught_by), seen)

    def _scores(self, nats: Floats) -> Floats:
        """Return the scores by voice: from `ALARM` on for those that are called."""
        found = together(nats)
        score, called = ALARM * found.sure, surest(found.sure, self.false_share)
        if found.nats > np.log(self.sure) and len(called) >= self.fewest:
            score[called] = ALARM + ALARM * found.sure[called]
        return score


DETECTOR: Detector = Property()
