"""Passes over a window that grows: what is dear is done anew only when it has grown enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from quarantine.evidence import Evidence, Ints
from quarantine.hearing import Ears, Heard, detectors
from quarantine.model import SourceKey

PROMPT: Final = frozenset({"outsider", "tempo", "change"})
"""The channels that hear every pass: a few events can change what they think of a source.

All others compare sources in pairs, read texts or weigh the habits of a life, which is dear and
moves slowly.
"""
PATIENT: Final = frozenset({"tailing"})
"""Detectors of prompt channels that weigh the habits of a life all the same."""


def prompt(name: str) -> bool:
    """Say whether the detector of this name is heard anew in every pass."""
    return detectors()[name].channel in PROMPT and name not in PATIENT


@dataclass(frozen=True, slots=True)
class _Thorough:
    """The window of the last thorough pass: who spoke, and how much there was."""

    held: int
    released: int
    sources: Sequence[SourceKey]
    cluster: Ints


class Passes(Ears):
    """Hears prompt channels in every pass, and all others when the window grew by `growth`.

    Between thorough passes a source keeps its cluster and what the other channels thought of it;
    one that came since has no opinion of them yet. The work of all thorough passes together is
    then at most 1 + 1/growth times that of the last, however many passes there are.
    """

    def __init__(self, *, growth: float = 0.5) -> None:
        """Begin with nothing seen: the first pass is thorough."""
        self._growth = growth
        self._last: _Thorough | None = None
        self._heard: dict[str, Heard] = {}
        self._usual: dict[str, Heard] = {}
        self._old: Ints | None = None

    @property
    def thorough(self) -> bool:
        """Say whether the pass that is under way, or was last, heard everything anew."""
        return self._old is None

    def forget(self) -> None:
        """Make the next pass thorough, whether the window grew or not."""
        self._last = None

    def linked(self, evidence: Evidence) -> Evidence:
        """Begin a pass: link anew when the window has grown, shrunk, or learnt something else."""
        last = self._last
        if last is None or not self._spares(last, evidence):
            self._old = None
            found = super().linked(evidence)
            sizes = len(evidence.held), len(evidence.released)
            self._last = _Thorough(*sizes, evidence.sources, found.cluster)
            return found
        self._old, now = _places(last.sources, evidence.sources)
        cluster = np.arange(len(evidence.sources))
        known = self._old >= 0
        oldest = now[last.cluster[self._old[known]]]
        cluster[known] = np.where(oldest >= 0, oldest, cluster[known])
        return evidence.linked(cluster)

    def hear(self, name: str, evidence: Evidence) -> Heard:
        """Ask a detector, or remember what it said."""
        if prompt(name):
            return super().hear(name, evidence)
        if self._old is None:
            self._heard[name] = super().hear(name, evidence)
            return self._heard[name]
        return _moved(self._heard[name], self._old)

    def rehearse(self, one: Heard, evidence: Evidence) -> Heard:
        """Ask a detector what is usual for it, or remember what it said."""
        if prompt(one.name):
            return super().rehearse(one, evidence)
        if self._old is None or one.name not in self._usual:
            self._usual[one.name] = super().rehearse(one, evidence)
            return self._usual[one.name]
        return _moved(self._usual[one.name], self._old)

    def _spares(self, last: _Thorough, evidence: Evidence) -> bool:
        held = len(evidence.held)
        same = len(evidence.released) == last.released
        return same and last.held <= held < last.held * (1.0 + self._growth)


def _places(before: Sequence[SourceKey], sources: Sequence[SourceKey]) -> tuple[Ints, Ints]:
    """Return where each source stood before, and where those of before stand now; -1: nowhere."""
    if list(sources[: len(before)]) == list(before):
        now = np.arange(len(before))
        old = np.full(len(sources), -1, np.int64)
        old[: len(before)] = now
        return old, now
    named = {key: code for code, key in enumerate(before)}
    old = np.array([named.get(key, -1) for key in sources], np.int64)
    now = np.full(len(before), -1, np.int64)
    now[old[old >= 0]] = np.flatnonzero(old >= 0)
    return old, now


def _moved(one: Heard, old: Ints) -> Heard:
    """Return what was said, by the codes of today; nothing of whoever came since."""
    known = old >= 0
    scores, place = np.zeros(len(old)), np.full(len(old), -1, np.int64)
    scores[known], place[known] = one.scores[old[known]], one.place[old[known]]
    findings = replace(one.findings, events=np.empty(0))
    return replace(one, findings=findings, scores=scores, place=place)
