"""Who speaks of the same targets as a few others do, time and again, and agrees with them there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quarantine.calibration import ALARM, score_of
from quarantine.circles import Circles, circles
from quarantine.evidence import Evidence, Findings, Flags, Floats, Ints
from quarantine.ports import Detector


@dataclass(frozen=True, slots=True)
class Circle:
    """See the ring that is all that is heard at its targets: closed, and of one mind.

    A ring that fills its targets' slots makes their majority, so that all who measure agreement
    call its members the best there are. What remains is that the same few meet each other nearly
    everywhere, more than sources with as many events do or nearly (`shut`), and that they agree
    there more than other circles do, or than those without one where most have none. Work that is
    handed out together makes circles too, and then they are usual.
    """

    channel: str = "ring"
    far: float = 4.0
    usual: float = 0.5
    least: int = 20
    shut: float = 0.8

    def examine(self, evidence: Evidence) -> Findings:
        """Score held sources that have a circle; silent where hardly anybody has one."""
        if not len(evidence.held):
            return Findings(silent="nothing is held")
        found = circles(evidence)
        if found.compared < self.least or not found.partners.any():
            return Findings(silent=f"fewer than {self.least} sources meet others again and again")
        count = np.bincount(evidence.everything["source"].to_numpy(), minlength=len(found.closed))
        closed = _above_peers(found.closed, count) | (found.closed >= self.shut)
        strength = (found.agreed - self.usual) / (self.far - self.usual)
        held = np.bincount(evidence.held["source"].to_numpy(), minlength=len(closed)) > 0
        sources = np.flatnonzero(held & (found.partners > 0))
        strong = np.where(closed, strength, 0.0)[sources].clip(0.0)

        def because(position: int) -> str:
            return _words(evidence, found, int(sources[position]))

        scores = np.where(strong < 1.0, ALARM * strong, score_of(strong))
        return Findings(sources, scores, because)


def _above_peers(value: Floats, count: Ints) -> Flags:
    """Say who has more than the middle of the sources with about as many events."""
    octave = np.log2(np.maximum(count, 1)).astype(np.int64)
    found = np.zeros(len(value), np.bool_)
    for step in np.unique(octave[count > 0]).tolist():
        peers = np.flatnonzero((octave == step) & (count > 0))
        found[peers] = value[peers] > np.median(value[peers])
    return found


def _words(evidence: Evidence, found: Circles, source: int) -> str:
    partners = found.partner[found.source == source]
    names = ", ".join(str(evidence.sources[one]) for one in partners.tolist())
    return (
        f"{found.closed[source]:.0%} of its targets ({found.inside[source]}) are those of {names}, "
        f"and they agree there {found.agreed[source]:+.1f} deviations from other circles"
    )


DETECTOR: Detector = Circle()
