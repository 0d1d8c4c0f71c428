"""Every detector heard, on what is held and, to learn what is usual, on what was released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd

from quarantine import calling, opinions
from quarantine.clusters import clusters
from quarantine.evidence import Evidence, Findings, Floats, Ints
from quarantine.opinions import Alarms, Opinion
from quarantine.plugins import offered
from quarantine.ports import Detector, Linker
from quarantine.verdicts import CONSENSUS


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
        return Opinion(
            name=self.name,
            scores=self.scores[sources],
            judged=self.place[sources] >= 0,
            holds=self.channel != CONSENSUS,
            by_agreement=self.findings.by_agreement,
            posterior=self.findings.posterior,
            exact=self.findings.exact,
        )


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


def linkers() -> Mapping[str, Linker]:
    """Return the linkers by name, in name order."""
    return cast("Mapping[str, Linker]", offered("quarantine.linkers", "LINKER"))


class Ears:
    """How a pass listens: everybody is heard anew. Who remembers may spare what is dear."""

    def linked(self, evidence: Evidence) -> Evidence:
        """Count linked sources as one voice, before any detector counts voices."""
        links = {name: linker.link(evidence) for name, linker in linkers().items()}
        return evidence.linked(clusters(evidence, links))

    def hear(self, name: str, evidence: Evidence) -> Heard:
        """Ask one detector about what is held."""
        return hear(name, evidence)

    def rehearse(self, one: Heard, evidence: Evidence) -> Heard:
        """Ask a detector about the released sources, to learn what is usual for it."""
        return _rehearse(one, evidence)


def alarms(
    evidence: Evidence, heard: Sequence[Heard], false_share: float, ears: Ears | None = None
) -> Alarms:
    """Say who rings for whom: robustly on a cold start, else calibrated on the released."""
    rehearse = _rehearse if ears is None else ears.rehearse
    held = np.arange(evidence.held_sources)
    if evidence.cold_start:
        return opinions.cold([one.of(held) for one in heard])
    known = np.unique(evidence.released["source"].to_numpy()).astype(np.int64)
    usual = [rehearse(one, evidence) for one in heard]
    sure = [
        _unheard(one) if rehearsed.findings.silent else one
        for one, rehearsed in zip(heard, usual, strict=True)
    ]
    return calling.warm(
        [one.of(held) for one in sure],
        [rehearsed.of(known) for rehearsed in usual],
        false_share=false_share,
        few=calling.too_few(
            _said(evidence.held, held) + _said(evidence.released, held),
            _said(evidence.released, known),
        ),
    )


def _said(events: pd.DataFrame, sources: Ints) -> Ints:
    """Return how many events each of these sources has among `events`."""
    counted = np.bincount(events["source"].to_numpy(), minlength=int(sources.max(initial=-1)) + 1)
    return np.asarray(counted[sources], np.int64)


def _rehearse(one: Heard, evidence: Evidence) -> Heard:
    """Score the released sources as if they were held, each half seen beside the other."""
    if one.findings.silent:
        return one
    first, second = (hear(one.name, fold) for fold in evidence.folds())
    return Heard(
        name=one.name,
        channel=one.channel,
        findings=Findings(
            silent=first.findings.silent or second.findings.silent,
            posterior=first.findings.posterior or second.findings.posterior,
        ),
        scores=np.maximum(first.scores, second.scores),
        place=np.maximum(first.place, second.place),
    )


def _unheard(one: Heard) -> Heard:
    """Drop an opinion that cannot be calibrated: nobody knows what is usual for it."""
    return replace(one, scores=np.zeros_like(one.scores), place=np.full_like(one.place, -1))
