"""Who rates one topic, or one model's answers, otherwise than it rates the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quarantine.calibration import ALARM
from quarantine.contrasts import Misses, Pairs, suspected, together, weighed
from quarantine.departures import Departures, contrasted, departures
from quarantine.evidence import Evidence, Findings, Floats, Ints
from quarantine.facets import Facets, named
from quarantine.levels import closed
from quarantine.others import rows_of
from quarantine.ports import Detector
from quarantine.tilts import scored


@dataclass(frozen=True, slots=True)
class _Cut:
    """The events asked (`row`), cut by name into facets; the worst facet of each source."""

    row: Ints
    seen: Departures
    facets: Facets
    worst: Ints

    def inside(self, source: int) -> Ints:
        """Return the places in `row` of a source's events in its worst facet."""
        here = self.facets.of(int(self.worst[source]))
        mine: Ints = here[self.seen.source[here] == source]
        return mine


@dataclass(frozen=True, slots=True)
class Partial:
    """Departures in value inside a topic, or for a model, against the same source's elsewhere.

    A judge who lifts one model's answers, or lies on one topic only, is an honest one on the
    average. What counts is how it departs from the other voices there, beside how it does in the
    rest: by so much higher or lower, or turned round (self-preference of judges, Panickssery et al.
    2404.13076; contextual sleepers, threats A10, for values). Weighed over all topics and models
    like a slice of closed answers (`quarantine.contrasts`). *Cannot see*: who lies everywhere, or
    on a part that has no name; a part that most of those who speak of it lift.
    """

    channel: str = "slice"
    least: int = 3
    few: float = 0.3
    sure: float = 100.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source that rates something named, and something else."""
        graded = ~closed(evidence)
        if not graded[: len(evidence.held)].any():
            return Findings(silent="nothing held lies on a scale")
        rows = rows_of(evidence)
        beside = rows.others(graded.astype(np.float64)) > 0
        row = np.flatnonzero((graded & beside)[: rows.held])
        about = named(evidence, rows, row)
        if not len(about.row):
            return Findings(silent="no topic and no model of what is rated beside others is known")
        value = evidence.everything["value"].to_numpy()
        seen = departures(rows, np.where(graded, value, 0.0), row, graded)
        pairs, nats = contrasted(seen, about, self.least)
        told, worst = self._together(pairs, nats, about, seen)
        judged = np.flatnonzero(np.isfinite(told))
        if not len(judged):
            return Findings(silent=f"nobody rates {self.least} of one topic or model, and others")
        scores = scored(told[judged], len(judged), sure=self.sure)
        return _found(evidence, _Cut(row, seen, about, worst), judged, scores)

    def _together(
        self, pairs: Pairs, nats: Floats, about: Facets, seen: Departures
    ) -> tuple[Floats, Ints]:
        attacked = suspected(pairs, nats, about, self.few)
        events = Misses(seen.source, seen.away, seen.away, seen.size)
        weight = weighed(pairs, attacked, about, events, self.least)
        return together(pairs, nats, weight, seen.size)


def _found(evidence: Evidence, cut: _Cut, judged: Ints, scores: Floats) -> Findings:
    target = evidence.held["target"].to_numpy()

    def because(position: int) -> str:
        source = int(judged[position])
        here = cut.inside(source)
        mine = np.flatnonzero(cut.seen.source == source)
        rest = np.setdiff1d(mine, here)
        return (
            f"departs from the others by {cut.seen.away[here].mean():+.0%} of the scale in "
            f"{len(here)} events {cut.facets.name(int(cut.worst[source]))}, elsewhere by "
            f"{cut.seen.away[rest].mean():+.0%} in {len(rest)}"
        )

    def examples(position: int) -> tuple[str, ...]:
        here = cut.inside(int(judged[position]))
        far = here[np.argsort(-np.abs(cut.seen.away[here]), kind="stable")[:3]]
        return tuple(evidence.targets[target[row]] for row in cut.row[far].tolist())

    events = np.zeros(len(target))
    for source, score in zip(judged.tolist(), scores.tolist(), strict=True):
        if score >= ALARM:
            events[cut.row[cut.inside(source)]] = score
    return Findings(
        judged,
        scores,
        because,
        examples,
        events=events,
        event_because=lambda row: (
            f"its source departs otherwise where {evidence.targets[target[row]]} belongs"
        ),
        posterior=True,
    )


DETECTOR: Detector = Partial()
