"""Who is always close behind another, or first, and agrees with the others too well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Findings, Flags, Floats, Ints, micros
from quarantine.followers import SLIPS, weighed
from quarantine.levels import closed
from quarantine.others import Rows, agreements, expected, rows_of
from quarantine.ports import Detector
from quarantine.tilts import scored, sigmoid, tally

_CLOSE: Final = 0.05
"""So close behind the voice before as so many of all answers come, the closest."""
_MOSTLY: Final = (*SLIPS, 0.3, 0.5)
"""A place is taken as often as can be: others who follow the rule are in the way."""
_SUREST: Final = 0.98
_PAIRS: Final = 4
"""Two rules of place with two of answers: all are paid for, also where one cannot be asked."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """What is done by row, which rows are asked, how often an honest other would, and its name."""

    name: str
    among: Flags
    did: Flags
    chance: Floats


@dataclass(frozen=True, slots=True)
class _Weighed:
    """By source: the nats for following a rule, how many events it is about, done and usual."""

    name: str
    nats: Floats
    events: Floats
    did: Floats
    usual: Floats

    def words(self, source: int) -> str:
        """Say how often a source does it, and how often others would."""
        events = max(float(self.events[source]), 1.0)
        return (
            f"{self.name} in {self.did[source] / events:.0%} of {events:.0f} events "
            f"({self.usual[source] / events:.0%} is usual)"
        )


@dataclass(frozen=True, slots=True)
class Tailing:
    """See answers that carry nothing of their own: too good an agreement, in a telling place.

    A source that waits for the first answer, or knows beforehand what the crowd will say, is the
    best there is for whoever measures agreement (free riders, Dong, Berti-Equille and Srivastava
    2009, who tell copying by errors in common; front-running). It follows a rule of place (close
    behind another voice, or first of all) and a rule of answers (what the others say, or what the
    first one said even where the others do not). Each is a likelihood ratio against honest sources
    with their own tilts (`quarantine.followers`), and it is as suspect as the weaker of two:
    experts agree too, and who works beside another comes close behind him. *Cannot see*: who copies
    hours later, or answers as badly as others do.
    """

    channel: str = "tempo"
    least: int = 8
    surplus: float = 0.1
    sure: float = 100.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source with enough events; silent without times."""
        if not evidence.timed or not len(evidence.held):
            return Findings(silent="arrival times say nothing here")
        rows, order = rows_of(evidence), _Order.of(evidence)
        places = [self._weigh(rows, each, _MOSTLY) for each in _places(rows, order)]
        ways = [self._weigh(rows, each, SLIPS) for each in _ways(evidence, rows, order)]
        pairs = [(place, way) for place in places for way in ways]
        nats = np.array([np.minimum(place.nats, way.nats) for place, way in pairs])
        judged = np.flatnonzero(~np.isnan(nats).all(axis=0))
        if not len(judged):
            return Findings(silent=f"nobody answers {self.least} targets beside others")
        nats = np.nan_to_num(nats[:, judged], nan=-np.inf)
        best = nats.argmax(axis=0)
        scores = scored(nats.max(axis=0) - np.log(_PAIRS), len(judged), sure=self.sure)
        shown = rows.target[: rows.held]

        def because(position: int) -> str:
            place, way = pairs[int(best[position])]
            source = int(judged[position])
            return f"{place.words(source)}, and {way.words(source)}"

        def examples(position: int) -> tuple[str, ...]:
            mine = np.flatnonzero(rows.source[: rows.held] == judged[position])[:3]
            return tuple(evidence.targets[shown[row]] for row in mine.tolist())

        return Findings(judged, scores, because, examples, posterior=True)

    def _weigh(self, rows: Rows, rule: _Rule, slips: Sequence[float]) -> _Weighed:
        held = np.flatnonzero(rule.among[: rows.held])
        size = int(rows.source[: rows.held].max()) + 1
        seen = tally(rows.source[held], size, rule.did[held], rule.chance[held])
        asked = np.flatnonzero(seen.events >= self.least)
        nats = np.full(size, np.nan)
        if len(asked):
            nats = weighed(seen, asked, surplus=self.surplus, slips=slips)
        usual = (seen.did + seen.left) @ sigmoid(seen.odds)
        return _Weighed(rule.name, nats, seen.events, seen.did.sum(axis=1), usual)


@dataclass(frozen=True, slots=True)
class _Order:
    """By row: the time since the voice before at its target (µs, -1: none), and the first's answer.

    `leads` says which rows are their target's first.
    """

    behind: Ints
    said: Ints
    leads: Flags

    @classmethod
    def of(cls, evidence: Evidence) -> _Order:
        """Order the rows of each target by arrival."""
        frame = evidence.everything
        target = frame["target"].to_numpy().astype(np.int64)
        voice = evidence.cluster[frame["source"].to_numpy()]
        at = micros(frame["at"])
        order = np.lexsort((frame["index"].to_numpy(), at, target))
        starts = np.r_[True, np.diff(target[order]) != 0]
        begin = order[np.flatnonzero(starts)][np.cumsum(starts) - 1]
        fresh = ~starts & (voice[order] != voice[np.r_[order[:1], order[:-1]]])
        behind, said = np.full(len(order), -1, np.int64), np.empty(len(order), np.int64)
        behind[order] = np.where(fresh, np.diff(at[order], prepend=0), -1)
        said[order] = frame["answer"].to_numpy()[begin]
        leads = np.zeros(len(order), np.bool_)
        # Whose own word was the first repeats nobody.
        leads[order] = voice[order] == voice[begin]
        return cls(behind, said, leads)


def _places(rows: Rows, order: _Order) -> list[_Rule]:
    """Return the rules of place: close behind another voice, and first of several."""
    after = order.behind >= 0
    close = np.quantile(order.behind[after], _CLOSE) if after.any() else 0.0
    behind = after & (order.behind <= close)
    usual = np.full(len(after), (behind.sum() + 1.0) / (after.sum() + 2.0))
    voices = rows.others(np.ones(len(after))) + 1.0
    several = voices > 1.0
    return [
        _Rule("comes close behind another", after, behind, np.minimum(usual, _SUREST)),
        _Rule("is the first to speak", several, several & order.leads, 1.0 / np.maximum(voices, 2)),
    ]


def _ways(evidence: Evidence, rows: Rows, order: _Order) -> list[_Rule]:
    """Return the rules of answers: what the others say, and what the first one said."""
    later = ~order.leads
    repeats = later & (rows.answer == order.said)
    ways = [_Rule("says what the first one said", later, repeats, expected(rows, repeats, later))]
    if closed(evidence).any():  # on a scale near is not wrong, and nothing is known
        agreed = agreements(evidence, rows)
        crowd = _Rule("says what the others say", agreed.known, agreed.agreed, agreed.chance)
        ways.insert(0, crowd)
    return ways


DETECTOR: Detector = Tailing()
