"""Self-training that feeds on itself: its labels against others, its generations, its drift."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from quarantine.evidence import Evidence, Findings, Flags, Floats
from quarantine.others import Rows, agreements, rows_of
from quarantine.overlap import number
from quarantine.ports import Detector
from quarantine.tilts import beyond, scored

_KIND: Final = "pseudo_label"
_FIRST: Final = 200
"""So many of the first released answers of a scope are its first accepted baseline."""


@dataclass(frozen=True, slots=True)
class _Loops:
    """By source: what it said as a loop, and three readings of it with what each saw."""

    events: Floats
    apart: Floats
    compared: Floats
    depth: Floats
    drift: Floats
    nats: Floats


@dataclass(frozen=True, slots=True)
class Loop:
    """Three readings of a model's own labels (model collapse: Shumailov et al. 2024; 2404.01413).

    *Apart*: it differs from what other models and people say of the same targets in more than
    `differs` of its events, where all sources of one model count as one voice. *Depth*: more than
    a few of its labels are of a generation beyond `deepest`. *Drift*: its shares of answers lie
    further from the first released ones of their scope than `tolerated` nats an event allow.
    """

    channel: str = "loop"
    differs: float = 0.35
    deepest: int = 3
    deep: float = 0.05
    tolerated: float = 0.05
    sure: float = 100.0

    def examine(self, evidence: Evidence) -> Findings:
        """Score every held source of pseudo-labels; silent where there is none."""
        own = (evidence.held["kind"] == _KIND).to_numpy()
        if not own.any():
            return Findings(silent="no held event is a model's own label")
        loops = self._read(evidence, own)
        judged = np.flatnonzero(loops.events > 0)
        best = loops.nats.argmax(axis=0)
        nats = loops.nats.max(axis=0) - np.log(len(loops.nats))
        scores = scored(nats[judged], len(judged), sure=self.sure)

        def because(position: int) -> str:
            source = int(judged[position])
            return self._words(loops, source, int(best[source]))

        return Findings(judged, scores, because, posterior=True)

    def _read(self, evidence: Evidence, own: Flags) -> _Loops:
        size = evidence.held_sources
        source = evidence.held["source"].to_numpy().astype(np.int64)
        events = np.bincount(source, own, size).astype(np.float64)
        apart, compared = _apart(evidence, own, size)
        generation = evidence.held["generation"].to_numpy()
        depth = np.bincount(source, own & (generation > self.deepest), size).astype(np.float64)
        drift = _drift(evidence, own, size)
        nats = np.array(
            [
                beyond(apart, compared, self.differs),
                beyond(depth, events, self.deep),
                np.maximum(drift - self.tolerated * events, 0.0),
            ]
        )
        return _Loops(events, apart, compared, depth, drift, nats)

    def _words(self, loops: _Loops, source: int, reading: int) -> str:
        events = loops.events[source]
        if reading == 0:
            return (
                f"differs in {loops.apart[source]:.0f} of {loops.compared[source]:.0f} of its "
                f"model's labels from other models and people, {self.differs:.0%} is tolerated"
            )
        if reading == 1:
            return (
                f"{loops.depth[source]:.0f} of {events:.0f} labels come from beyond generation "
                f"{self.deepest} of a model taught by its own labels, {self.deep:.0%} is tolerated"
            )
        return (
            f"its shares of answers lie {loops.drift[source] / events:.2f} nats an event from the "
            f"first released ones, {self.tolerated:.2f} is tolerated ({events:.0f} labels)"
        )


def _apart(evidence: Evidence, own: Flags, size: int) -> tuple[Floats, Floats]:
    """Count by source the labels that differ from the others', all of one model one voice."""
    frame = evidence.everything
    model, source = frame["model"].to_numpy(), frame["source"].to_numpy().astype(np.int64)
    voice = evidence.cluster.copy()
    named = np.flatnonzero((frame["kind"] == _KIND).to_numpy() & (model >= 0))
    _, first, which = np.unique(model[named], return_index=True, return_inverse=True)
    voice[source[named]] = source[named[first[which]]]
    alone = replace(evidence, cluster=voice)
    rows = _together(alone)
    agreed = agreements(replace(alone, gold=np.empty(0, np.int64)), rows)
    some = own & agreed.known[: rows.held]
    who = rows.source[: rows.held]
    return (
        np.bincount(who, some & ~agreed.agreed[: rows.held], size).astype(np.float64),
        np.bincount(who, some, size).astype(np.float64),
    )


def _together(evidence: Evidence) -> Rows:
    """Return rows in which a model and a person who judge one target answer one question."""
    rows = rows_of(evidence)
    names, _ = pd.factorize(np.array(evidence.targets, dtype=object))
    scope = evidence.everything["scope"].cat.codes.to_numpy().astype(np.int64)
    target = number(scope, names.astype(np.int64)[rows.target])
    voice = number(target, evidence.cluster[rows.source])
    return replace(
        rows, target=target, group=scope, voice=voice, share=1.0 / np.bincount(voice)[voice]
    )


def _drift(evidence: Evidence, own: Flags, size: int) -> Floats:
    """Return by source how far its answers are from the first released ones, in nats over all.

    The G statistic's half, less what as many answers give by luck; 0 without a baseline.
    """
    found = np.zeros(size)
    if not len(evidence.released):
        return found
    scope = evidence.held["scope"].to_numpy()
    answers = len(evidence.answers)
    source = evidence.held["source"].to_numpy().astype(np.int64)
    answer = evidence.held["answer"].to_numpy().astype(np.int64)
    for name in np.unique(scope[own].astype(str)):
        taught = evidence.released[(evidence.released["scope"] == name).to_numpy()][:_FIRST]
        if len(taught) < _FIRST // 4:
            continue
        base = np.bincount(taught["answer"].to_numpy(), minlength=answers) + 0.5
        mine = own & (scope == name)
        told = np.bincount(source[mine] * answers + answer[mine], minlength=size * answers)
        found += _divergence(told.reshape(size, answers).astype(np.float64), base / base.sum())
    return found


def _divergence(told: Floats, base: Floats) -> Floats:
    count = told.sum(axis=1, keepdims=True)
    share = told / np.maximum(count, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(told > 0, told * np.log(share / base), 0.0)
    free = np.maximum((told > 0).sum(axis=1) - 1, 0) / 2.0
    nats = each.sum(axis=1) - free * np.log(np.maximum(count[:, 0], 1.0))
    return np.asarray(np.maximum(nats, 0.0), np.float64)


DETECTOR: Detector = Loop()
