"""From evidence to dossiers: detectors heard, channels calibrated apart, their union decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from types import MappingProxyType
from typing import Final, TypeVar, cast

import numpy as np

from quarantine.calibration import ALARM, Alarms
from quarantine.clusters import clusters
from quarantine.evidence import Evidence, Floats
from quarantine.hearing import Heard, alarms, detectors, hear
from quarantine.model import Dossier, Finding, SourceKey, Standing
from quarantine.plugins import offered
from quarantine.ports import Linker
from quarantine.verdicts import ruling, verdict

NOBODY_RULED: Final[Mapping[SourceKey, Standing]] = MappingProxyType({})
_UNRULED: Final = Standing()
_SHOWN: Final = 0.4
"""A finding weaker than this, without an alarm, is not worth a sentence."""
_OWN: Final = 0.5
"""How much of an event's own oddness counts beside what is thought of its source."""

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Scored:
    """What one pass of scoring thinks of everything that is held.

    `dossiers` are in order of first appearance; `event_scores` has a score 0..1 per row of
    `evidence.held` and `event_because` makes the words for a row. `thresholds` gives, by detector,
    the score (cold start) or the joined p-value (else) from which it rings; `seconds` the time by
    stage; `versions` each detector's settings, for the manifest; `notes` what a reader must know.
    """

    dossiers: list[Dossier]
    event_scores: Floats
    event_because: Callable[[int], str]
    cold_start: bool
    thresholds: dict[str, float]
    seconds: dict[str, float]
    versions: dict[str, str]
    notes: tuple[str, ...] = ()


def linkers() -> Mapping[str, Linker]:
    """Return the linkers by name, in name order."""
    return cast("Mapping[str, Linker]", offered("quarantine.linkers", "LINKER"))


def score(
    evidence: Evidence,
    standings: Mapping[SourceKey, Standing] = NOBODY_RULED,
    *,
    false_share: float = 0.1,
) -> Scored:
    """Judge every source with held events; the same evidence always gives the same dossiers.

    `standings` are people's rulings, which always win; `false_share` is the share of alarms that
    may be false, promised only where a reference has been released (`cold_start` is false).
    """
    seconds: dict[str, float] = {}
    linked = _timed(seconds, "link", lambda: _linked(evidence))
    heard = [
        _timed(seconds, name, lambda: hear(name, linked))  # noqa: B023  called at once
        for name in detectors()
    ]
    rang = _timed(seconds, "calibrate", lambda: alarms(linked, heard, false_share))
    dossiers = _timed(seconds, "dossiers", lambda: _dossiers(linked, heard, rang, standings))
    event_scores, event_because = _events(linked, heard, rang)
    return Scored(
        dossiers=dossiers,
        event_scores=event_scores,
        event_because=event_because,
        cold_start=linked.cold_start,
        thresholds=rang.thresholds,
        seconds=seconds,
        versions={name: repr(detector) for name, detector in detectors().items()},
        notes=(
            *rang.notes,
            *(f"{one.name} is silent: {one.findings.silent}" for one in heard if _silent(one)),
        ),
    )


def _timed(seconds: dict[str, float], stage: str, work: Callable[[], Done]) -> Done:
    """Note how long a stage took; nothing is judged by this clock."""
    started = perf_counter()
    done = work()
    seconds[stage] = perf_counter() - started
    return done


def _silent(one: Heard) -> bool:
    return bool(one.findings.silent)


def _linked(evidence: Evidence) -> Evidence:
    """Count linked sources as one voice, before any detector counts voices."""
    links = {name: linker.link(evidence) for name, linker in linkers().items()}
    return evidence.linked(clusters(evidence, links))


def _dossiers(
    evidence: Evidence,
    heard: Sequence[Heard],
    rang: Alarms,
    standings: Mapping[SourceKey, Standing],
) -> list[Dossier]:
    size = evidence.held_sources
    events = np.bincount(evidence.held["source"].to_numpy(), minlength=size)
    p_values = rang.p_values.tolist() if len(rang.p_values) else [None] * size
    channels = _ringing(heard, rang)
    shown = _shown(heard, rang)
    facts = zip(
        evidence.sources[:size], events.tolist(), rang.scores.tolist(), p_values, strict=True
    )
    found = []
    for source, (key, count, worst, p_value) in enumerate(facts):
        standing = standings.get(key, _UNRULED)
        ruled = ruling(standing)
        findings = shown.get(source, ())
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
        for source in np.flatnonzero((place >= 0) & (rings | (scores >= _SHOWN))).tolist():
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


def _events(
    evidence: Evidence, heard: Sequence[Heard], rang: Alarms
) -> tuple[Floats, Callable[[int], str]]:
    """Score events: an event is as bad as its source, worse where a detector points at it."""
    source = evidence.held["source"].to_numpy()
    pointing = [one for one in heard if len(one.findings.events)]
    pointed = np.zeros((len(pointing) + 1, len(source)))
    for row, one in enumerate(pointing, start=1):
        pointed[row] = one.findings.events
    itself, speaker = pointed.max(axis=0), pointed.argmax(axis=0) - 1
    worst = np.array([one.scores for one in heard]).argmax(axis=0)

    def because(row: int) -> str:
        if itself[row] > ALARM:
            return pointing[int(speaker[row])].findings.event_because(row)
        one = heard[int(worst[source[row]])]
        if one.scores[source[row]] < _SHOWN:
            return "nothing was found against it or its source"
        return f"its source: {one.findings.because(int(one.place[source[row]]))}"

    return 1.0 - (1.0 - rang.scores[source]) * (1.0 - _OWN * itself), because
