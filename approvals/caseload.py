"""What is looked at today: no more than a day holds, a part kept for the known, each voice in turn.

A flood of cases must cost the honest no more than a day, and must never get anything released:
what overflows waits, and what waited for too long is rejected by time.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from approvals.appeals import Appeal
from approvals.attest import record_of
from approvals.electorate import Probing, Workload, probed
from approvals.model import SourceRuled, VerdictChanged
from approvals.roster import Roster
from quarantine.model import Dossier, Logged, SourceKey, Standing, Tier, Verdict

USUAL: Final = Workload.model_validate_json(
    '{"cases": 800, "reserved": 0.5, "patience": "30d"}', strict=True
)
"""Where the policy says nothing: four hours at 200 cases an hour, half of it for the known."""
_DOUBTED: Final = frozenset({Verdict.HOLD, Verdict.WATCH})
_UNRULED: Final = Standing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A case that waits: since when, whether its source is known (vetted or tenured), its voice.

    `voice` is whom it counts to, widest first (producer, cluster): the voices of one width take
    turns. `harm` is what it could do, for the order inside the day.
    """

    name: str
    since: datetime
    is_known: bool
    voice: tuple[str, ...]
    harm: float = 0.0


@dataclass(frozen=True, slots=True)
class Caseload:
    """The day's cases, worst first; how many wait behind them; what was rejected by time."""

    shown: tuple[Waiting, ...]
    waiting: int
    lapsed: tuple[Waiting, ...]


def queue(cases: Iterable[Waiting], workload: Workload, at: datetime, *, done: int = 0) -> Caseload:
    """Choose the cases of a day of which `done` are done already; the same cases, the same day.

    The reserved part goes to known sources, oldest first; what is left, to everybody. In both,
    producers take turns and so do clusters inside a producer, each with its oldest case: a flood
    by a few voices takes few places, however many cases it has. What waited for `patience` or
    longer is rejected by time and not shown.
    """
    fresh: list[Waiting] = []
    lapsed: list[Waiting] = []
    for case in cases:
        (lapsed if at - case.since >= workload.patience else fresh).append(case)
    places = max(0, workload.cases - done)
    known = in_turn([case for case in fresh if case.is_known])
    shown = known[: math.ceil(places * workload.reserved)]
    taken = {case.name for case in shown}
    others = in_turn([case for case in fresh if case.name not in taken])
    shown += others[: places - len(shown)]
    worst_first = sorted(shown, key=lambda case: (-case.harm, case.since, case.name))
    return Caseload(tuple(worst_first), len(fresh) - len(shown), tuple(_by_age(lapsed)))


def in_turn(cases: Sequence[Waiting]) -> list[Waiting]:
    """Order cases so that voices take turns, the widest first; inside a voice the oldest first."""
    return _turns(_by_age(cases), 0)


def of_sources(
    dossiers: Sequence[Dossier], roster: Roster, since: Mapping[SourceKey, datetime], at: datetime
) -> list[Waiting]:
    """Return the sources that scoring doubts and no person ruled on, as cases that wait.

    `since` is when each came into doubt (see `doubted_since`); of one that is not there, `at`.
    """
    found = []
    for each in dossiers:
        standing = roster.standings.get(each.key, _UNRULED)
        if each.verdict in _DOUBTED and not standing.ruling:
            found.append(
                Waiting(
                    name=str(each.key),
                    since=since.get(each.key, at),
                    is_known=standing.tier is not Tier.UNVETTED,
                    voice=(each.producer, each.cluster),
                    harm=each.score * each.events,
                )
            )
    return found


def of_appeals(cases: Sequence[Waiting], appeals: Iterable[Appeal]) -> list[Waiting]:
    """Return the cases, whoever is spoken for among the known; those that a person held too."""
    spoken = {str(each.source): each for each in appeals}
    found = [replace(c, is_known=True) if c.name in spoken else c for c in cases]
    missing = spoken.keys() - {case.name for case in cases}
    return found + [
        Waiting(
            name=name,
            since=spoken[name].at,
            is_known=True,
            voice=(spoken[name].source.producer, name),
            harm=math.inf,
        )
        for name in sorted(missing)
    ]


def of_probes(dossiers: Sequence[Dossier], at: datetime, probing: Probing | None) -> list[Waiting]:
    """Return probes as cases of today, no more than the policy's share of a day."""
    share = probed(probing)
    return [
        Waiting(
            name=str(each.key),
            since=at - timedelta(minutes=n),
            is_known=True,
            voice=(each.producer, each.cluster),
            harm=each.score * each.events,
        )
        for n, each in enumerate(dossiers[: max(1, round(share * USUAL.cases))])
    ]


def doubted_since(acts: Iterable[Logged]) -> dict[SourceKey, datetime]:
    """Return since when scoring doubts each source that it doubts now, from the log's acts."""
    found: dict[SourceKey, datetime] = {}
    for logged in acts:
        if logged.act.kind != VerdictChanged.act:
            continue
        record = record_of(logged.act)
        if isinstance(record, VerdictChanged):
            key = SourceKey(record.producer, record.source)
            if record.after in _DOUBTED:
                found.setdefault(key, record.at)
            else:
                found.pop(key, None)
    return found


def done_on(acts: Iterable[Logged], at: datetime) -> int:
    """Return how many sources people ruled on, on the day (UTC) of `at`."""
    day = at - timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)
    start = day.replace(microsecond=0)
    kinds = Counter(
        logged.act.kind
        for logged in acts
        if logged.act.kind == SourceRuled.act and record_of(logged.act).at >= start
    )
    return kinds[SourceRuled.act]


def _by_age(cases: Iterable[Waiting]) -> list[Waiting]:
    return sorted(cases, key=lambda case: (case.since, case.name))


def _turns(cases: list[Waiting], width: int) -> list[Waiting]:
    """Order cases, oldest first, so that the voices at `width` take turns, and so on inside."""
    by_voice: defaultdict[str, list[Waiting]] = defaultdict(list)
    for case in cases:
        by_voice[case.voice[width] if width < len(case.voice) else case.name].append(case)
    if all(width + 1 >= len(case.voice) for case in cases):
        ranked = [list(own) for own in by_voice.values()]
    else:
        ranked = [_turns(own, width + 1) for own in by_voice.values()]
    placed = [(turn, case) for own in ranked for turn, case in enumerate(own)]
    placed.sort(key=lambda pair: (pair[0], pair[1].since, pair[1].name))
    return [case for _, case in placed]
