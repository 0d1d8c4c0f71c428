"""Passes as in the service: after every so many events, all that had arrived is scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from quarantine.calibration import ALARM
from quarantine.evidence import Evidence, evidence_from
from quarantine.model import Dossier, Verdict
from quarantine.occurrences import arriving
from quarantine.passing import Passes
from quarantine.ranks import bounds, lifted, ranked_then
from quarantine.scoring import Scored, score, weigh
from service.backtest.known import coded
from service.backtest.model import Feedback, Flags, Floats, Ints
from service.scoring import split

_SPOKEN: Final = 20
"""How often at most passes are spoken of."""
_STRANGER: Final = 0.75


@dataclass(frozen=True, slots=True)
class Judged:
    """The last pass over all feedback, spread over its events in order of arrival.

    `dossiers` has a line for every source in order of first appearance; `event_scores` is 0 for
    what counts as released, `because` is empty where nothing was found, `rushed` says which events
    lie in a window that is held whole.
    """

    scored: Scored
    dossiers: list[Dossier]
    event_scores: Floats
    released: Flags
    because: Callable[[int], str]
    rushed: Flags
    alarm: float = ALARM


def evidence_at(feedback: Feedback, released: Flags, size: int) -> Evidence:
    """Return the first `size` events as detectors see them, those `released` as the reference."""
    known = np.flatnonzero(released[:size]).tolist()
    reference, held = split(feedback.events.slice(0, size), known, set())
    return evidence_from(held, reference, timed=feedback.timed, known=feedback.known)


def scored_at(feedback: Feedback, released: Flags, size: int) -> Scored:
    """Score the first `size` events, those `released` as the reference, as the service does."""
    return score(evidence_at(feedback, released, size), {})


@dataclass(frozen=True, slots=True)
class InForce:
    """By event: its source's score in the last pass before it, and whether it was alarmed then.

    `seen` says whether that pass had seen the source at all.
    """

    scores: Floats
    alarmed: Flags
    seen: Flags


def in_force(
    feedback: Feedback, released: Flags, every: int, progress: Callable[[str], None]
) -> InForce:
    """Return for each event its source's score in the last pass before it; a pass comes `every`.

    A source that no pass has seen stands where three in four known ones are better: names are cheap
    (Friedman and Resnick 2001), and whom no pass has seen is quick. Before the first pass nothing
    is known of anyone, and the score is 0. As in the service, what is dear is heard anew only when
    the window has grown enough.
    """
    source, names = coded(feedback.events, "source")
    total = feedback.events.num_rows
    scores, alarmed, seen = np.zeros(total), np.zeros(total, np.bool_), np.zeros(total, np.bool_)
    ears = Passes()
    for size in range(every, total, every):
        weighed = weigh(evidence_at(feedback, released, size), ears=ears)
        past, rows = source[:size], slice(size, size + every)
        known = weighed.rang.scores
        now = np.full(len(names), np.quantile(known, _STRANGER) if len(known) else 0.0)
        rings = np.zeros(len(names), np.bool_)
        now[past[released[:size]]] = 0.0
        held = weighed.linked.held["source"].to_numpy()
        now[past[~released[:size]]] = weighed.rang.scores[held]
        rings[past[~released[:size]]] = weighed.alarmed[held]
        scores[rows], alarmed[rows] = now[source[rows]], rings[source[rows]]
        seen[rows] = np.isin(source[rows], past)
        if size * _SPOKEN // total > (size - every) * _SPOKEN // total:
            progress(f"scored the first {size:,} of {total:,} events")
    return InForce(scores, alarmed, seen)


def at_arrival(feedback: Feedback, then: InForce, every: int) -> Floats:
    """Score each event by what was known when it came: itself, what came before, the last pass."""
    evidence = evidence_from(feedback.events, timed=feedback.timed)
    marks = bounds(len(then.scores), every)
    suspicion = np.where(then.seen, then.scores, np.nan)
    odd = ranked_then(arriving(evidence.held, timed=feedback.timed), suspicion, marks)
    return lifted(odd, np.where(then.alarmed, then.scores, 0.0))


def judged(feedback: Feedback, released: Flags) -> Judged:
    """Score all feedback, and say of every event what was found."""
    total = feedback.events.num_rows
    scored = scored_at(feedback, released, total)
    position = np.flatnonzero(~released)
    event_scores = np.zeros(total)
    event_scores[position] = scored.event_scores
    rushed = np.zeros(total, np.bool_)
    rushed[position] = scored.rushes.held
    row = np.full(total, -1)
    row[position] = np.arange(len(position))
    return Judged(
        scored=scored,
        dossiers=_every(feedback, scored),
        event_scores=event_scores,
        released=released,
        because=lambda at: scored.event_because(int(row[at])) if row[at] >= 0 else "",
        rushed=rushed,
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
