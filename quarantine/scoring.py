"""From evidence to dossiers: detectors heard, channels calibrated apart, their union decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np

from quarantine.evidence import Evidence, Flags, Floats
from quarantine.hearing import Ears, Heard, alarms, detectors
from quarantine.model import Dossier, Finding, SourceKey, Standing
from quarantine.opinions import Alarms
from quarantine.pointing import SHOWN, Pointed
from quarantine.rushes import Rushes, rushes
from quarantine.verdicts import called, ruling, uncalibrated, verdict

NOBODY_RULED: Final[Mapping[SourceKey, Standing]] = MappingProxyType({})
_UNRULED: Final = Standing()
FALSE_SHARE: Final = 0.1
"""The share of alarms that may be false, where nobody asks for another."""

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Scored:
    """What one pass of scoring thinks of everything that is held.

    `dossiers` are in order of first appearance; `pointed` tells of single events when asked.
    `thresholds` gives, by detector, the score (cold start) or the joined p-value (else) from which
    it rings; `seconds` the time by stage; `versions` each detector's settings, for the manifest;
    `notes` what a reader must know; `rushes` the windows that are held whole.
    """

    dossiers: list[Dossier]
    pointed: Pointed
    cold_start: bool
    thresholds: dict[str, float]
    seconds: dict[str, float]
    versions: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def event_scores(self) -> Floats:
        """Return a score 0..1 per row of `evidence.held`."""
        return self.pointed.scores

    @property
    def event_because(self) -> Callable[[int], str]:
        """Return what makes the words for a row."""
        return self.pointed.because

    @property
    def rushes(self) -> Rushes:
        """Return the windows that are held whole."""
        return self.pointed.windows


@dataclass(frozen=True, slots=True)
class Weighed:
    """One pass before it is put into words: sources counted as voices, detectors heard, alarms.

    Whoever needs only figures stops here: `rang.scores` and `rang.rings` by source code.
    """

    linked: Evidence
    heard: Sequence[Heard]
    rang: Alarms
    seconds: dict[str, float]

    @property
    def alarmed(self) -> Flags:
        """Say of each held source whether any detector rings for it."""
        rings: Flags = np.logical_or.reduce(self.rang.rings, axis=0)
        return rings


def weigh(
    evidence: Evidence,
    *,
    false_share: float = FALSE_SHARE,
    ears: Ears | None = None,
    clock: Callable[[], float] = perf_counter,
) -> Weighed:
    """Link sources, hear every detector and say who rings; `ears` is how a pass listens.

    `clock` (seconds) tells what each stage takes; nothing is judged by it.
    """
    ears = Ears() if ears is None else ears
    laps = _Laps(clock)
    linked = laps.timed("link", lambda: ears.linked(evidence))
    heard = [
        laps.timed(name, lambda: ears.hear(name, linked))  # noqa: B023  called at once
        for name in detectors()
    ]
    rang = laps.timed("calibrate", lambda: alarms(linked, heard, false_share, ears))
    return Weighed(linked, heard, rang, laps.seconds)


def score(
    evidence: Evidence,
    standings: Mapping[SourceKey, Standing] = NOBODY_RULED,
    *,
    false_share: float = FALSE_SHARE,
    ears: Ears | None = None,
    clock: Callable[[], float] = perf_counter,
) -> Scored:
    """Judge every source with held events; the same evidence always gives the same dossiers.

    `standings` are people's rulings, which always win; `false_share` is the share of alarms that
    may be false, promised only where a reference has been released (`cold_start` is false).
    `clock` tells what each stage takes, as in `weigh`.
    """
    weighed = weigh(evidence, false_share=false_share, ears=ears, clock=clock)
    linked, heard, rang = weighed.linked, weighed.heard, weighed.rang
    laps = _Laps(clock, weighed.seconds)
    dossiers = laps.timed("dossiers", lambda: _dossiers(weighed, standings, false_share))
    windows = laps.timed("rushes", lambda: rushes(linked))
    return Scored(
        dossiers=dossiers,
        pointed=Pointed(linked, heard, rang, windows),
        cold_start=linked.cold_start,
        thresholds=rang.thresholds,
        seconds=laps.seconds,
        versions={name: repr(detector) for name, detector in detectors().items()},
        notes=(
            *rang.notes,
            *(f"{one.name} is silent: {one.findings.silent}" for one in heard if _silent(one)),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Laps:
    """What each stage took, by a clock in seconds."""

    clock: Callable[[], float]
    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, stage: str, work: Callable[[], Done]) -> Done:
        """Do the work, and note how long it took."""
        started = self.clock()
        done = work()
        self.seconds[stage] = self.clock() - started
        return done


def _silent(one: Heard) -> bool:
    return bool(one.findings.silent)


def _dossiers(
    weighed: Weighed, standings: Mapping[SourceKey, Standing], false_share: float
) -> list[Dossier]:
    evidence, heard, rang = weighed.linked, weighed.heard, weighed.rang
    size = evidence.held_sources
    events = np.bincount(evidence.held["source"].to_numpy(), minlength=size)
    p_values = rang.p_values.tolist() if len(rang.p_values) else [None] * size
    channels = _ringing(heard, rang)
    shown = _shown(heard, rang)
    meant = _meant(evidence, rang, false_share)
    facts = zip(
        evidence.sources[:size], events.tolist(), rang.scores.tolist(), p_values, strict=True
    )
    found = []
    for source, (key, count, worst, p_value) in enumerate(facts):
        standing = standings.get(key, _UNRULED)
        ruled = ruling(standing)
        findings = (*shown.get(source, ()), *meant.get(source, ()))
        found.append(
            Dossier(
                producer=key.producer,
                source=key.source,
                events=count,
                score=worst,
                p_value=p_value,
                cluster=str(evidence.sources[evidence.cluster[source]]),
                verdict=verdict(channels.get(source, ()), standing),
                findings=findings if ruled is None else (ruled, *findings),
                cold_start=evidence.cold_start,
            )
        )
    return found


def _meant(evidence: Evidence, rang: Alarms, false_share: float) -> dict[int, tuple[Finding]]:
    """Say of each alarmed source what its alarm is worth, where a reference tells."""
    if evidence.cold_start:
        return {}
    known = len(np.unique(evidence.released["source"].to_numpy()))
    return {
        source: (
            called(float(rang.p_values[source]), known, false_share)
            if rang.called[source]
            else uncalibrated(float(rang.p_values[source]), known),
        )
        for source in np.flatnonzero(np.logical_or.reduce(rang.rings, axis=0)).tolist()
    }


def _ringing(heard: Sequence[Heard], rang: Alarms) -> dict[int, set[str]]:
    """Return the channels that ring, by source."""
    found: dict[int, set[str]] = {}
    for one, rings in zip(heard, rang.rings, strict=True):
        for source in np.flatnonzero(rings).tolist():
            found.setdefault(source, set()).add(one.channel)
    return found


def _shown(heard: Sequence[Heard], rang: Alarms) -> dict[int, tuple[Finding, ...]]:
    """Put into words the findings worth one: those that ring, and those that nearly do."""
    found: dict[int, list[Finding]] = {}
    for one, rings in zip(heard, rang.rings, strict=True):
        scores, place = one.scores[: len(rings)], one.place[: len(rings)]
        for source in np.flatnonzero((place >= 0) & (rings | (scores >= SHOWN))).tolist():
            finding = Finding(
                detector=one.name,
                score=float(scores[source]),
                because=one.findings.because(int(place[source])),
                examples=one.findings.examples(int(place[source])),
            )
            found.setdefault(source, []).append(finding)
    return {
        source: tuple(sorted(findings, key=lambda finding: -finding.score))
        for source, findings in found.items()
    }
