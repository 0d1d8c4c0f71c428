"""Passes as in the service: after every so many events, all that had arrived is scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
import pyarrow as pa

from quarantine.calibration import ALARM
from quarantine.evidence import evidence_from
from quarantine.model import Dossier, Verdict
from quarantine.scoring import Scored, score
from service.backtest.known import coded
from service.backtest.model import Feedback, Flags, Floats, Ints
from service.scoring import split

_SPOKEN: Final = 20
"""How often at most passes are spoken of."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The last pass over all feedback, spread over its events in order of arrival.

    `dossiers` has a line for every source in order of first appearance; `event_scores` is 0 for
    what counts as released, `because` is empty where nothing was found.
    """

    scored: Scored
    dossiers: list[Dossier]
    event_scores: Floats
    released: Flags
    because: Callable[[int], str]
    alarm: float = ALARM


def scored_at(feedback: Feedback, released: Flags, size: int) -> Scored:
    """Score the first `size` events, those `released` as the reference, as the service does."""
    known = np.flatnonzero(released[:size]).tolist()
    reference, held = split(feedback.events.slice(0, size), known, set())
    return score(evidence_from(held, reference, timed=feedback.timed), {})


def in_force(
    feedback: Feedback, released: Flags, every: int, progress: Callable[[str], None]
) -> Floats:
    """Return for each event its source's score in the last pass before it; a pass comes `every`.

    A source that no pass has seen has the middle score of that pass: to be unknown is neither good
    nor bad. Before the first pass nothing is known of anyone, and the score is 0.
    """
    source, names = coded(feedback.events, "source")
    place = {name: code for code, name in enumerate(names)}
    total = feedback.events.num_rows
    scores = np.zeros(total)
    for size in range(every, total, every):
        dossiers = scored_at(feedback, released, size).dossiers
        now = np.full(len(names), median(each.score for each in dossiers) if dossiers else 0.0)
        now[source[:size][released[:size]]] = 0.0
        for each in dossiers:
            now[place[each.source]] = each.score
        scores[size : size + every] = now[source[size : size + every]]
        if size * _SPOKEN // total > (size - every) * _SPOKEN // total:
            progress(f"scored the first {size:,} of {total:,} events")
    return scores


def judged(feedback: Feedback, released: Flags) -> Judged:
    """Score all feedback, and say of every event what was found."""
    total = feedback.events.num_rows
    scored = scored_at(feedback, released, total)
    position = np.flatnonzero(~released)
    event_scores = np.zeros(total)
    event_scores[position] = scored.event_scores
    row = np.full(total, -1)
    row[position] = np.arange(len(position))
    return Judged(
        scored=scored,
        dossiers=_every(feedback, scored),
        event_scores=event_scores,
        released=released,
        because=lambda at: scored.event_because(int(row[at])) if row[at] >= 0 else "",
    )


def _every(feedback: Feedback, scored: Scored) -> list[Dossier]:
    """Return a dossier for every source: what is wholly released has nothing held to judge."""
    found = {dossier.source: dossier for dossier in scored.dossiers}
    source, names = coded(feedback.events, "source")
    events = np.bincount(source, minlength=len(names))
    _, first = np.unique(source, return_index=True)
    return [
        found.get(names[code])
        or Dossier(
            producer="",
            source=names[code],
            events=int(events[code]),
            score=0.0,
            p_value=None if scored.cold_start else 1.0,
            cluster=names[code],
            verdict=Verdict.CLEAR,
        )
        for code in source[np.sort(first)].tolist()
    ]


def kth_events(events: pa.Table, k: int) -> tuple[Ints, list[str]]:
    """Return where each source's `k`-th event stands (k from 1), and the sources, that have one."""
    source, names = coded(events, "source")
    order = np.argsort(source, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(source[order]) != 0])
    sizes = np.diff(np.r_[starts, len(order)])
    at = order[starts[sizes >= k] + k - 1]
    return np.sort(at), [names[code] for code in source[np.sort(at)].tolist()]
