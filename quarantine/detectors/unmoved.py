"""Whose answers to a yes or no do not go with what the others say of the same target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.calibration import ALARM
from quarantine.evidence import Evidence, Findings, Flags, Floats, Ints
from quarantine.levels import levelled
from quarantine.others import Rows, expected, rows_of
from quarantine.ports import Detector
from quarantine.tilts import Tally, honest, scored, spread_of, spreads, tally, tilted

_HALF: Final = 0.5
_TEACHERS: Final = 50
"""So many released sources can say how far honest sources lean; else everybody is asked."""
_MOVED: Final = (1.0, 2.0)
_DEAF: Final = (0.0, -1.0)
"""How far the log-odds of the others move one who guesses, or turns answers round."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """All rows: which are `among` those asked, who says yes there, and who else would."""

    rows: Rows
    among: Flags
    yes: Flags
    chance: Floats

    def tally(self, sources: int) -> Tally:
        """Count yes and no by source."""
        some = self.among
        return tally(self.rows.source[some], sources, self.yes[some], self.chance[some])


@dataclass(frozen=True, slots=True)
class Unmoved:
    """A likelihood ratio for "its answers do not go with the others'" against an honest judge.

    For values at two levels (clicks, thumbs, what a guard reports). The log-odds that the other
    voices give a yes move an honest source, as sharply as it may be, shifted by a lean of its own
    (Rasch 1960; the leans' spread is fitted); who guesses is moved by nothing, whatever its lean,
    and who lies is moved the other way. So who always leans one way is no guesser, and where the
    others foretell nothing nobody is accused. *Cannot see*: a lie about a few targets; a source of
    few events, or among targets on which all agree.
    """

    channel: str = "outsider"
    least: int = 4
    sure: float = 100.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source by how little the others' answers foretell its own."""
        among = levelled(evidence)
        if not among[: len(evidence.held)].any():
            return Findings(silent="nothing held lies at one of two levels")
        asked = _asked(evidence, among)
        seen = asked.tally(len(evidence.sources))
        known = np.flatnonzero(seen.events >= self.least)
        nats = np.zeros(len(seen.did))
        if len(known):
            some = seen.of(known)
            likely = tilted(some, _MOVED)
            prior = spread_of(likely[_teachers(evidence, known)])
            nats[known] = _deaf(some, prior) - honest(likely, prior)
        held = np.unique(asked.rows.source[: len(evidence.held)][among[: len(evidence.held)]])
        # To say what the others say is cheap, and clears nobody.
        scores = scored(np.maximum(nats[held], 0.0), len(held), sure=self.sure)
        return _found(evidence, asked, held, scores)


def _deaf(seen: Tally, prior: Floats) -> Floats:
    """Return the log-likelihood of not being moved, leaning as honest sources do or as one may."""
    likely = tilted(seen, _DEAF)
    both = np.logaddexp(honest(likely, prior), honest(likely, spreads()[-1]))
    return np.asarray(both - np.log(2.0), np.float64)


def _asked(evidence: Evidence, among: Flags) -> _Asked:
    """Ask of every row on two levels how probably an honest other says the higher one there."""
    rows = rows_of(evidence)
    value = evidence.everything["value"].to_numpy()
    top = np.full(int(rows.group.max()) + 1, -np.inf)
    np.maximum.at(top, rows.group[among], value[among])
    yes = among & (value == top[rows.group])
    return _Asked(rows, among, yes, expected(rows, yes, among))


def _teachers(evidence: Evidence, known: Ints) -> Ints:
    """Return the places in `known` of whoever teaches how far honest sources lean.

    The released, where they are enough; else everybody.
    """
    released = np.flatnonzero(np.isin(known, evidence.released["source"].to_numpy()))
    return released if len(released) >= _TEACHERS else np.arange(len(known))


def _found(evidence: Evidence, asked: _Asked, judged: Ints, scores: Floats) -> Findings:
    size = len(evidence.held)
    apart = asked.among & (asked.yes != (asked.chance > _HALF))
    source = asked.rows.source[:size]
    loud = np.zeros(len(evidence.sources))
    loud[judged] = np.where(scores >= ALARM, scores, 0.0)

    def mine(position: int) -> Ints:
        return np.flatnonzero((source == judged[position]) & asked.among[:size])

    def because(position: int) -> str:
        row = mine(position)
        yes, chance = asked.yes[row], asked.chance[row]
        more, less = chance > np.median(chance), chance <= np.median(chance)
        if not more.any():
            return f"answers {len(row)} targets of which the others say the same"
        return (
            f"says yes to {yes[more].mean():.0%} of what the others favour and to "
            f"{yes[less].mean():.0%} of the rest, over {len(row)} events"
        )

    def examples(position: int) -> tuple[str, ...]:
        row = mine(position)
        return tuple(evidence.targets[asked.rows.target[one]] for one in row[apart[row]][:3])

    return Findings(
        judged,
        scores,
        because,
        examples,
        events=np.where(apart[:size], loud[source], 0.0),
        event_because=lambda row: (
            f"says otherwise than most others do of {evidence.targets[asked.rows.target[row]]}"
        ),
        by_agreement=True,
        posterior=True,
    )


DETECTOR: Detector = Unmoved()
