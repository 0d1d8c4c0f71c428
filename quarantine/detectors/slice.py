"""Who is another on one topic or word than elsewhere: the sleeper in the place that counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quarantine.calibration import ALARM
from quarantine.contrasts import Misses, met, suspected, together, turned, weighed
from quarantine.evidence import Evidence, Findings, Flags, Floats, Ints
from quarantine.facets import Facets, facets
from quarantine.others import Rows, agreements, rows_of
from quarantine.ports import Detector
from quarantine.tilts import scored

_CLASSES: Final = 3
"""So many of what stands at targets are told apart, the rarer of them together."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """The known events (`row`) cut into facets, with the worst facet of each source."""

    rows: Rows
    row: Ints
    missed: Flags
    facets: Facets
    worst: Ints

    def inside(self, source: int) -> Ints:
        """Return the places in `row` of a source's events in its worst facet."""
        if not len(self.facets):
            return np.empty(0, np.int64)
        here = self.facets.of(int(self.worst[source]))
        mine: Ints = here[self.rows.source[self.row[here]] == source]
        return mine


@dataclass(frozen=True, slots=True)
class Slice:
    """Misses inside a slice against the same source's outside it, and others' in it.

    A slice is a topic, or a word of what is judged. What stands at a target is its known right
    answer, else what most other voices say. How often the source misses outside, given what is
    usual there and which answers it leans to, foretells what it misses inside; "turns most answers
    there" is weighed against that, over every slice; where several suspects share a slice, that one
    counts, and hardly any other (contextual sleepers, threats A10). *Cannot see*: who lies
    everywhere or in a slice that it alone answers.
    """

    channel: str = "slice"
    least: int = 3
    few: float = 0.3
    sure: float = 100.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source; near 0 where no slice is unlike the rest of what it says."""
        if not len(evidence.texts) and not (evidence.topic >= 0).any():
            return Findings(silent="no topic and no text of what was judged is known")
        rows = rows_of(evidence)
        agreed = agreements(evidence, rows)
        row = np.flatnonzero(agreed.known[: rows.held])
        if not len(row):
            return Findings(silent="no closed answer stands beside others to the same target")
        missed = ~agreed.agreed[row]
        seen = Misses(
            rows.source[row],
            missed.astype(np.float64),
            1.0 - agreed.chance[row],
            evidence.held_sources,
        ).leaning(_classes(agreed.standard[row]), _CLASSES)
        about = facets(evidence, rows, row)
        pairs = met(seen, about, self.least)
        nats = turned(pairs, seen)
        attacked = suspected(pairs, nats, about, self.few)
        weight = weighed(pairs, attacked, about, seen, self.least)
        told, worst = together(pairs, nats, weight, seen.size)
        judged = np.flatnonzero(np.isfinite(told))
        if not len(judged):
            return Findings(silent=f"nobody speaks {self.least} times of one topic or word")
        scores = scored(told[judged], len(judged), sure=self.sure)
        return _found(evidence, _Cut(rows, row, missed, about, worst), judged, scores)


def _found(evidence: Evidence, cut: _Cut, judged: Ints, scores: Floats) -> Findings:
    def because(position: int) -> str:
        source = int(judged[position])
        here = cut.inside(source)
        mine = cut.missed[cut.rows.source[cut.row] == source]
        if not len(here):
            return f"differs in {mine.sum()} of {len(mine)} events, alike in every slice"
        inside = cut.missed[here]
        return (
            f"differs in {inside.sum()} of {len(here)} events "
            f"{cut.facets.name(int(cut.worst[source]))}, elsewhere in "
            f"{mine.sum() - inside.sum()} of {len(mine) - len(here)}"
        )

    def examples(position: int) -> tuple[str, ...]:
        here = cut.inside(int(judged[position]))
        rows = cut.row[here[cut.missed[here]]][:3]
        return tuple(evidence.targets[cut.rows.target[row]] for row in rows.tolist())

    events = np.zeros(cut.rows.held)
    for source, score in zip(judged.tolist(), scores.tolist(), strict=True):
        if score >= ALARM:
            here = cut.inside(source)
            events[cut.row[here[cut.missed[here]]]] = score
    return Findings(
        judged,
        scores,
        because,
        examples,
        events=events,
        event_because=lambda row: (
            f"its source differs from the others where {evidence.targets[cut.rows.target[row]]} is"
        ),
        posterior=True,
    )


def _classes(standard: Ints) -> Ints:
    """Return what stands at each event: the most usual answers apart, all others as one."""
    often = np.bincount(standard)
    rank = np.empty(len(often), np.int64)
    rank[np.argsort(-often, kind="stable")] = np.arange(len(often))
    return np.minimum(rank[standard], _CLASSES - 1)


DETECTOR: Detector = Slice()
