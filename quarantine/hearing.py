"""Every detector heard, on what is held and, to learn what is usual, on what was released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from quarantine import calibration
from quarantine.calibration import Alarms, Opinion
from quarantine.evidence import Evidence, Findings, Floats, Ints
from quarantine.plugins import offered
from quarantine.ports import Detector


@dataclass(frozen=True, slots=True)
class Heard:
    """One detector's findings by source code; `place` is the position there, -1: no opinion."""

    name: str
    channel: str
    findings: Findings
    scores: Floats
    place: Ints

    def of(self, sources: Ints) -> Opinion:
        """Return the opinion of these sources."""
        return Opinion(self.name, self.scores[sources], self.place[sources] >= 0)


def detectors() -> Mapping[str, Detector]:
    """Return the detectors by name, in name order."""
    return cast("Mapping[str, Detector]", offered("quarantine.detectors", "DETECTOR"))


def hear(name: str, evidence: Evidence) -> Heard:
    """Ask one detector about what is held."""
    detector = detectors()[name]
    findings = detector.examine(evidence)
    scores = np.zeros(len(evidence.sources))
    place = np.full(len(evidence.sources), -1, np.int64)
    scores[findings.sources] = findings.scores
    place[findings.sources] = np.arange(len(findings.sources))
    return Heard(name, detector.channel, findings, scores, place)


def alarms(evidence: Evidence, heard: Sequence[Heard], false_share: float) -> Alarms:
    """Say who rings for whom: robustly on a cold start, else calibrated on the released."""
    held = np.arange(evidence.held_sources)
    if evidence.cold_start:
        return calibration.cold([one.of(held) for one in heard])
    known = np.unique(evidence.released["source"].to_numpy()).astype(np.int64)
    usual = [_rehearse(one, evidence) for one in heard]
    sure = [
        _unheard(one) if rehearsed.findings.silent else one
        for one, rehearsed in zip(heard, usual, strict=True)
    ]
    return calibration.warm(
        [one.of(held) for one in sure],
        [rehearsed.of(known) for rehearsed in usual],
        false_share=false_share,
    )


def _rehearse(one: Heard, evidence: Evidence) -> Heard:
    """Score the released sources as if they were held, each half seen beside the other."""
    if one.findings.silent:
        return one
    first, second = (hear(one.name, fold) for fold in evidence.folds())
    return Heard(
        name=one.name,
        channel=one.channel,
        findings=Findings(silent=first.findings.silent or second.findings.silent),
        scores=np.maximum(first.scores, second.scores),
        place=np.maximum(first.place, second.place),
    )


def _unheard(one: Heard) -> Heard:
    """Drop an opinion that cannot be calibrated: nobody knows what is usual for it."""
    return replace(one, scores=np.zeros_like(one.scores), place=np.full_like(one.place, -1))
