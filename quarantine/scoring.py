"""From evidence to dossiers: detectors asked, channels calibrated apart, their union decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from types import MappingProxyType
from typing import Final, TypeVar, cast

import numpy as np

from quarantine import calibration
from quarantine.calibration import ALARM, Alarms, Channel
from quarantine.clusters import clusters
from quarantine.evidence import Evidence, Findings, Floats, Ints
from quarantine.model import Dossier, Finding, SourceKey, Standing
from quarantine.plugins import offered
from quarantine.ports import Detector, Linker
from quarantine.verdicts import ruling, verdict

NOBODY_RULED: Final[Mapping[SourceKey, Standing]] = MappingProxyType({})
Done = TypeVar("Done")
_SHOWN: Final = 0.4
"""A finding weaker than this, without an alarm, is not worth a sentence."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What one pass of scoring thinks of everything that is held.

    `dossiers` are in order of first appearance; `event_scores` has a score 0..1 per row of
    `evidence.held` and `event_because` makes the words for a row. `thresholds` gives, by channel,
    the score (cold start) or the p-value (else) from which it rings; `seconds` the time by stage;
    `versions` each detector's settings, for the manifest; `notes` what a reader must know.
    """

    dossiers: list[Dossier]
    event_scores: Floats
    event_because: Callable[[int], str]
    cold_start: bool
    thresholds: dict[str, float]
    seconds: dict[str, float]
    versions: dict[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Opinion:
    """One detector's findings laid out over the held sources; `place` is -1 without an opinion."""

    name: str
    channel: str
    findings: Findings
    scores: Floats
    place: Ints


def detectors() -> Mapping[str, Detector]:
    """Return the detectors by name, in name order."""
    return cast("Mapping[str, Detector]", offered("quarantine.detectors", "DETECTOR"))


def linkers() -> Mapping[str, Linker]:
    """Return the linkers by name, in name order."""
    return cast("Mapping[str, Linker]", offered("quarantine.linkers", "LINKER"))


def score(
    evidence: Evidence,
    standings: Mapping[SourceKey, Standing] = NOBODY_RULED,
    *,
    false_share: float = 0.1,
) -> Scored:
    """Judge every source with held events; pure, so the same evidence gives the same dossiers.

    `standings` are people's rulings, which always win; `false_share` is the share of alarms that
    may be false, promised only where a reference has been released (`Scored.cold_start` is false).
    """
    seconds: dict[str, float] = {}
    evidence = _timed(seconds, "link", lambda: _linked(evidence))
    opinions = [
        _timed(seconds, name, lambda: _opinion(name, detector, evidence))  # noqa: B023  called at once
        for name, detector in detectors().items()
    ]
    alarms = _timed(seconds, "calibrate", lambda: _alarms(evidence, opinions, false_share))
    dossiers = _timed(seconds, "dossiers", lambda: _dossiers(evidence, opinions, alarms, standings))
    event_scores, event_because = _events(evidence, opinions, alarms)
    return Scored(
        dossiers=dossiers,
        event_scores=event_scores,
        event_because=event_because,
        cold_start=evidence.cold_start,
        thresholds=alarms.thresholds,
        seconds=seconds,
        versions={name: repr(detector) for name, detector in detectors().items()},
        notes=(*alarms.notes, *_silences(opinions)),
    )


def _timed(seconds: dict[str, float], stage: str, work: Callable[[], Done]) -> Done:
    """Note how long a stage took; nothing is judged by this clock."""
    started = perf_counter()
    done = work()
    seconds[stage] = perf_counter() - started
    return done


def _linked(evidence: Evidence) -> Evidence:
    """Count linked sources as one voice, before any detector counts voices."""
    links = {name: linker.link(evidence) for name, linker in linkers().items()}
    return evidence.linked(clusters(evidence, links))


def _opinion(name: str, detector: Detector, evidence: Evidence) -> _Opinion:
    findings = detector.examine(evidence)
    scores = np.zeros(len(evidence.sources))
    place = np.full(len(evidence.sources), -1, np.int64)
    scores[findings.sources] = findings.scores
    place[findings.sources] = np.arange(len(findings.sources))
    return _Opinion(name, detector.channel, findings, scores, place)


def _channels(opinions: Sequence[_Opinion], sources: Ints) -> list[Channel]:
    """Return each channel's opinion of `sources`: the worst of its detectors'."""
    names = sorted({opinion.channel for opinion in opinions})
    mine = {name: [one for one in opinions if one.channel == name] for name in names}
    return [
        Channel(
            name,
            np.max([one.scores[sources] for one in mine[name]], axis=0),
            np.any([one.place[sources] >= 0 for one in mine[name]], axis=0),
        )
        for name in names
    ]


def _alarms(evidence: Evidence, opinions: Sequence[_Opinion], false_share: float) -> Alarms:
    held = np.arange(evidence.held_sources)
    if evidence.cold_start:
        return calibration.cold(_channels(opinions, held))
    known = np.unique(evidence.released["source"].to_numpy()).astype(np.int64)
    rehearsed = [_rehearse(opinion, evidence) for opinion in opinions]
    sure = [
        _unheard(opinion) if usual.findings.silent else opinion
        for opinion, usual in zip(opinions, rehearsed, strict=True)
    ]
    return calibration.warm(
        _channels(sure, held), _channels(rehearsed, known), false_share=false_share
    )


def _rehearse(opinion: _Opinion, evidence: Evidence) -> _Opinion:
    """Score the released sources as if they were held, each half seen beside the other."""
    detector = detectors()[opinion.name]
    first, second = (_opinion(opinion.name, detector, fold) for fold in evidence.folds())
    return _Opinion(
        name=opinion.name,
        channel=opinion.channel,
        findings=Findings(silent=first.findings.silent or second.findings.silent),
        scores=np.maximum(first.scores, second.scores),
        place=np.maximum(first.place, second.place),
    )


def _unheard(opinion: _Opinion) -> _Opinion:
    """Drop an opinion that cannot be calibrated: nobody knows what is usual for it."""
    return replace(
        opinion, scores=np.zeros_like(opinion.scores), place=np.full_like(opinion.place, -1)
    )


def _silences(opinions: Sequence[_Opinion]) -> tuple[str, ...]:
    return tuple(
        f"{opinion.name} is silent: {opinion.findings.silent}"
        for opinion in opinions
        if opinion.findings.silent
    )


def _dossiers(
    evidence: Evidence,
    opinions: Sequence[_Opinion],
    alarms: Alarms,
    standings: Mapping[SourceKey, Standing],
) -> list[Dossier]:
    events = np.bincount(evidence.held["source"].to_numpy(), minlength=evidence.held_sources)
    channels = list(alarms.thresholds)
    shown = _shown(opinions, alarms)
    rang: dict[int, list[str]] = {}
    for channel, source in zip(*(axis.tolist() for axis in alarms.rings.nonzero()), strict=True):
        rang.setdefault(source, []).append(channels[channel])
    clusters_of = evidence.cluster.tolist()
    nobody = Standing()
    found = []
    for source, (count, score_, key) in enumerate(
        zip(events.tolist(), alarms.scores.tolist(), evidence.sources, strict=False)
    ):
        standing = standings.get(key, nobody)
        ruled = ruling(standing)
        findings = shown.get(source, ())
        found.append(
            Dossier(
                producer=key.producer,
                source=key.source,
                events=count,
                score=score_,
                p_value=float(alarms.p_values[source]) if len(alarms.p_values) else None,
                cluster=str(evidence.sources[clusters_of[source]]),
                verdict=verdict(rang.get(source, ()), standing),
                findings=findings if ruled is None else (ruled, *findings),
                cold_start=evidence.cold_start,
            )
        )
    return found


def _shown(opinions: Sequence[_Opinion], alarms: Alarms) -> dict[int, tuple[Finding, ...]]:
    """Put into words the findings worth one: those that ring, and those that nearly do."""
    channels = list(alarms.thresholds)
    found: dict[int, list[Finding]] = {}
    for opinion in opinions:
        rings = alarms.rings[channels.index(opinion.channel)]
        scores, place = opinion.scores[: len(rings)], opinion.place[: len(rings)]
        worth = (place >= 0) & (rings & (scores > 0) | (scores >= _SHOWN))
        for source in np.flatnonzero(worth).tolist():
            place = int(opinion.place[source])
            found.setdefault(source, []).append(
                Finding(
                    detector=opinion.name,
                    score=float(opinion.scores[source]),
                    because=opinion.findings.because(place),
                    examples=opinion.findings.examples(place),
                )
            )
    return {
        source: tuple(sorted(findings, key=lambda finding: -finding.score))
        for source, findings in found.items()
    }


def _events(
    evidence: Evidence, opinions: Sequence[_Opinion], alarms: Alarms
) -> tuple[Floats, Callable[[int], str]]:
    """Score events: an event is as bad as its source, more so where a detector points at it."""
    source = evidence.held["source"].to_numpy()
    from_source = alarms.scores[source]
    pointing = [opinion for opinion in opinions if len(opinion.findings.events)]
    pointed = np.array([opinion.findings.events for opinion in pointing])
    pointed = pointed.reshape(len(pointing), len(source))
    itself = pointed.max(axis=0, initial=0.0)
    speaker = pointed.argmax(axis=0) if len(pointing) else np.zeros(len(source), np.int64)
    worst = np.array([opinion.scores for opinion in opinions]).argmax(axis=0)

    def because(row: int) -> str:
        if itself[row] > ALARM and len(pointing) > 0:
            return pointing[int(speaker[row])].findings.event_because(row)
        opinion = opinions[int(worst[source[row]])]
        place = int(opinion.place[source[row]])
        if place < 0 or opinion.scores[source[row]] <= 0:
            return "nothing was found against it or its source"
        return f"its source: {opinion.findings.because(place)}"

    return 1.0 - (1.0 - from_source) * (1.0 - 0.5 * itself), because
