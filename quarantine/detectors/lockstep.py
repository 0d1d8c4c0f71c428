"""Who says the same of the same targets as a few others do, and when they do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quarantine.calibration import deviations, score_of
from quarantine.echoes import Echoes, echoed
from quarantine.evidence import Evidence, Findings, Flags, Floats, Ints
from quarantine.overlap import (
    Answers,
    Overlap,
    alike,
    answers,
    beyond_chance,
    closest,
    number,
    overlap,
    slices,
)
from quarantine.ports import Detector


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to look at it: the strength by source (1 rings), the words, and pairs of sources.

    Each pair stands twice; `near` says how close it is, `shared` how many cells it shares.
    """

    strength: Floats
    words: str
    source: Ints
    partner: Ints
    near: Floats
    shared: Ints


@dataclass(frozen=True, slots=True)
class Lockstep:
    """Overlap with the closest three partners in rare cells, read in three ways.

    A cell is a target with an answer, within a slice of time where times are known (CopyCatch,
    Beutel et al. 2013; SynchroTrap, Cao et al. 2014; rare targets weigh more, as in FRAUDAR).
    Relative to all that the smaller of both said, it rings only where the overlap is large in
    itself, far from what is usual here, and agreement exceeds chance: sharing work in a batch is no
    ring. Besides, a group rings, however much else its members say, whose common answers are too
    improbable: `nats` for each member, `nats_together` for all, for a few may think alike.
    """

    channel: str = "ring"
    partners: int = 3
    most_of: float = 0.5
    faint: float = 0.75
    unusual: float = 8.0
    unusual_together: float = 5.0
    grain: float = 0.05
    agreeing: float = 2.0
    copying: float = 8.5
    identical: float = 0.8
    together: int = 4
    nats: float = 5.0
    nats_together: float = 40.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source; 0 unless it has partners in more than chance."""
        said = answers(evidence)
        if not len(said.source):
            return Findings(silent="nothing is held")
        readings = evidence.whole.once(repr(self), lambda: self._readings(evidence.whole, said))
        strengths = np.array([reading.strength for reading in readings])
        strength = strengths.max(axis=0)
        best = strengths.argmax(axis=0)
        judged = _held(evidence)
        sources = np.flatnonzero(judged)
        marked = strength[sources] > self.faint

        def because(position: int) -> str:
            source = int(sources[position])
            reading = readings[int(best[source])]
            mine = np.flatnonzero(reading.source == source)
            nearest = mine[np.argsort(-reading.near[mine], kind="stable")[: self.partners]]
            names = ", ".join(str(evidence.sources[one]) for one in reading.partner[nearest])
            shared = reading.shared[nearest].max(initial=0)
            return f"{reading.words} as {names} ({shared} in common)"

        scores = np.where(marked, score_of(strength[sources]), 0.0)
        return Findings(sources, scores, because)

    def _readings(self, evidence: Evidence, said: Answers) -> list[_Reading]:
        readings = [self._alike(said, alike(evidence)), self._echoing(echoed(evidence))]
        return [*readings, self._together(evidence)] if evidence.timed else readings

    def _alike(self, said: Answers, near: Overlap) -> _Reading:
        """Read answers alone: copying, whenever it happened."""
        agreed = beyond_chance(said)
        share = self._closest(near.source, near.relative, said.sources)
        excess = self._closest(agreed.source, agreed.excess, said.sources)
        most = np.minimum(share / self.most_of, deviations(share, self.grain) / self.unusual)
        copied = np.minimum(agreed.excess / self.copying, agreed.filled / self.identical)
        strength = np.maximum(
            np.minimum(most, excess / self.agreeing),
            np.minimum(
                self._closest(agreed.source, copied, said.sources),
                deviations(excess, 0.5) / self.copying,
            ),
        )
        return _reading(strength, near, "gives the same answers to the same targets")

    def _echoing(self, found: Echoes) -> _Reading:
        """Read what groups have in common: copying a part, beside what anybody says."""
        strength = np.minimum(
            found.nats / self.nats, found.nats * found.members / self.nats_together
        )
        return _Reading(
            strength=strength,
            words="gives answers that others rarely give to the same targets",
            source=found.source,
            partner=found.partner,
            near=found.shared + np.maximum(found.nats[found.partner], 0.0) / 1e3,
            shared=found.shared,
        )

    def _together(self, evidence: Evidence) -> _Reading:
        """Read answers within slices of time: acting as one."""
        frame = evidence.everything
        cell = number(frame["target"].to_numpy(), frame["answer"].to_numpy())
        early, late, _ = slices(evidence)
        source = frame["source"].to_numpy().astype(np.int64)
        first, second = number(cell, early), number(cell, late)
        near = overlap(
            np.concatenate([source, source]),
            np.concatenate([first, second + int(first.max(initial=0)) + 1]),
            sources=len(evidence.sources),
        )
        share = self._closest(near.source, near.relative, len(evidence.sources))
        # Every act stands in two overlapping slices.
        often = self._closest(near.source, near.shared / 2, len(evidence.sources))
        strength = np.minimum(
            np.minimum(share / self.most_of, deviations(share, self.grain) / self.unusual_together),
            often / self.together,
        )
        return _reading(strength, near, "answers the same targets alike within moments")

    def _closest(self, source: Ints, value: Floats, sources: int) -> Floats:
        return closest(source, value, sources=sources, most=self.partners)


def _reading(strength: Floats, pairs: Overlap, words: str) -> _Reading:
    return _Reading(strength, words, pairs.source, pairs.partner, pairs.relative, pairs.shared)


def _held(evidence: Evidence) -> Flags:
    judged = np.zeros(len(evidence.sources), np.bool_)
    judged[evidence.held["source"].to_numpy()] = True
    return judged


DETECTOR: Detector = Lockstep()
