"""Who is no longer who they were: a source against its own frozen past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quarantine.calibration import score_of
from quarantine.evidence import Evidence, Findings
from quarantine.ports import Detector
from quarantine.turns import PAST, SINCE, Turns, turns


@dataclass(frozen=True, slots=True)
class Change:
    """CUSUM of how a source departs from others, against what was released of it.

    It sees a trusted rater taken over, and a sleeper that wakes (`quarantine.turns`). It rings
    where the evidence exceeds, by `sure` nats, what the best of all judged sources shows by chance,
    and the departure has grown by `moved` (of answers, of the scale): people do change a little.
    """

    channel: str = "change"
    sure: float = 6.0
    moved: float = 0.2
    faint: float = 0.75

    def examine(self, evidence: Evidence) -> Findings:
        """Score held sources with a past; 0 unless they turned away from the others."""
        if not len(evidence.held):
            return Findings(silent="nothing is held")
        found = turns(evidence)
        held = np.zeros(len(evidence.sources), np.bool_)
        held[evidence.held["source"].to_numpy()] = True
        sources = np.flatnonzero(found.judged & held)
        if not len(sources):
            return Findings(silent=f"nobody has a past of {PAST} events and {SINCE} since")
        strength = np.minimum(
            np.maximum(found.nats[sources], 0.0) / (np.log(len(sources)) + self.sure),
            (abs(found.after) - found.before * np.sign(found.after))[sources] / self.moved,
        )
        marked = strength > self.faint
        scores = np.where(marked, score_of(strength), 0.0)
        by_source = np.zeros(len(evidence.sources))
        by_source[sources] = scores
        return Findings(
            sources=sources,
            scores=scores,
            because=lambda position: _words(evidence, found, int(sources[position])),
            events=_since(evidence, found, by_source),
            event_because=lambda row: _words(
                evidence, found, int(evidence.held["source"].iloc[row])
            ),
        )


def _since(evidence: Evidence, found: Turns, scores: np.ndarray) -> np.ndarray:
    """Point at what each marked source said since it turned."""
    source = evidence.held["source"].to_numpy()
    index = evidence.held["index"].to_numpy()
    turned = np.full(len(evidence.sources), np.iinfo(np.int64).max)
    known = found.since >= 0
    turned[known] = evidence.everything["index"].to_numpy()[found.since[known]]
    return np.where(index >= turned[source], scores[source], 0.0)


def _words(evidence: Evidence, found: Turns, source: int) -> str:
    at = evidence.everything["at"].iloc[int(found.since[source])]
    name = found.names[int(found.stream[source])]
    when = f"since {at:%Y-%m-%d %H:%M}" if evidence.timed else "of late"
    before, after, count = found.before[source], found.after[source], found.count[source]
    if name == "value":
        return (
            f"{when}, over {count} events, its values lie {after:+.2f} of the scale from others', "
            f"{before:+.2f} before"
        )
    if name == "distance":
        return (
            f"{when}, over {count} events, it lies {after:.2f} of the scale from others, "
            f"{before:.2f} before"
        )
    if name == "discord":
        return (
            f"{when}, over {count} events, it agrees with others {after:.0%} less than they do "
            f"among themselves, {before:.0%} less before"
        )
    return (
        f"{when}, over {count} events, it gives the {name!r} {after:+.0%} as often as others do "
        f"at the same targets, {before:+.0%} before"
    )


DETECTOR: Detector = Change()
