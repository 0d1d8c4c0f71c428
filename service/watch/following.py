"""What the log and the dead letters tell in figures: read once, then only what came since.

So a restart of the process that answers changes no figure: each is a function of what is kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import singledispatchmethod
from typing import Final

from approvals.attest import record_of
from approvals.guards import Refused
from approvals.model import (
    ActRecord,
    Decision,
    Released,
    ReleaseYanked,
    Request,
    Revoked,
    SourceRuled,
    VerdictChanged,
    Vote,
)
from quarantine.model import Logged, SourceKey, Verdict
from quarantine.ports import Store
from service.watch.catalogue import AGES, ROWS
from service.watch.words import Figures, Labels, Spread, Value, plain, spread

SIGNATURES: Final = ("bad_signature", "unknown_key", "key_not_valid")
"""Reasons of dead letters that say whose signature did not count."""
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
OTHER: Final = "other"
MOST: Final = 40
"""Values that one label has; what comes beyond is counted together, as `OTHER`."""

_PAGE: Final = 200
_DOUBTED: Final = frozenset({Verdict.HOLD, Verdict.WATCH})
_FOLLOWED: Final = frozenset(
    each.act
    for each in (
        Refused,
        Released,
        ReleaseYanked,
        Request,
        Revoked,
        SourceRuled,
        VerdictChanged,
        Vote,
    )
)


@dataclass(slots=True)
class Followed:
    """Counts acts and dead letters up to where it read; `follow` goes on from there."""

    size: int = 0
    letters: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    votes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    releases: Counter[str] = field(default_factory=Counter)
    revocations: int = 0
    rows: Spread = field(default_factory=lambda: Spread(ROWS))
    decided: dict[str, Spread] = field(default_factory=dict)
    doubted: dict[SourceKey, datetime] = field(default_factory=dict)
    ruled: set[SourceKey] = field(default_factory=set)
    _asked: dict[str, datetime] = field(default_factory=dict)
    _paces: defaultdict[str, deque[datetime]] = field(default_factory=lambda: defaultdict(deque))

    def follow(self, store: Store) -> None:
        """Read what came since the last time."""
        self.hear(store.acts(self.size))
        while letters := store.dead(self.letters, _PAGE):
            self.letters = letters[-1][0]
            self.reasons.update(letter.reason for _, letter in letters)

    def hear(self, acts: Iterable[Logged]) -> None:
        """Count `acts`, which follow on what was heard before."""
        for logged in acts:
            if logged.act.kind in _FOLLOWED:
                self._take(record_of(logged.act))
            self.size = logged.index + 1

    def figures(self, at: datetime) -> Figures:
        """Return what was counted, and how long sources in doubt wait at `at`."""
        waiting = [since for key, since in self.doubted.items() if key not in self.ruled]
        ages = [(at - since).total_seconds() for since in waiting]
        return {
            "fq_events_dead_lettered_total": _by(self.reasons),
            "fq_signature_failures_total": _by({r: self.reasons[r] for r in SIGNATURES}),
            "fq_approvals_total": _by({each.value: self.votes[each.value] for each in Decision}),
            "fq_policy_denials_total": _by(self.refused),
            "fq_releases_total": _by({o: self.releases[o] for o in ("released", "yanked")}),
            "fq_release_records": {(): self.rows.copy()},
            "fq_review_age_seconds": {(): spread(AGES, ages)},
            "fq_review_decision_seconds": {
                (what,): found.copy() for what, found in self.decided.items()
            },
            **plain(
                {
                    "fq_revocations_total": self.revocations,
                    "fq_review_queue_depth": len(waiting),
                    "fq_reviewer_pace_per_minute": self._pace(at),
                }
            ),
        }

    @singledispatchmethod
    def _take(self, record: ActRecord) -> None:
        raise AssertionError(record.act)

    @_take.register
    def _(self, record: Refused) -> None:
        self.refused[record.what] += 1

    @_take.register
    def _(self, record: Released) -> None:
        self.releases["released"] += 1
        self.rows.see(record.rows)

    @_take.register
    def _(self, _: ReleaseYanked) -> None:
        self.releases["yanked"] += 1
        self.revocations += 1

    @_take.register
    def _(self, _: Revoked) -> None:
        self.revocations += 1

    @_take.register
    def _(self, record: Request) -> None:
        self._asked[record.digest] = record.at

    @_take.register
    def _(self, record: Vote) -> None:
        self.votes[record.decision.value] += 1
        self._decided("request", self._asked.get(record.request), record.at)
        if record.decision in {Decision.APPROVE, Decision.BREAK_GLASS}:
            self._paced(record.by, record.at)

    @_take.register
    def _(self, record: SourceRuled) -> None:
        key = SourceKey(record.producer, record.source)
        if key not in self.ruled:
            self._decided("source", self.doubted.get(key), record.at)
        self.ruled.add(key)
        if record.ruling == "clear":
            self._paced(record.by, record.at)

    @_take.register
    def _(self, record: VerdictChanged) -> None:
        key = SourceKey(record.producer, record.source)
        if record.after in _DOUBTED:
            self.doubted.setdefault(key, record.at)
        else:
            self.doubted.pop(key, None)

    def _decided(self, what: str, since: datetime | None, at: datetime) -> None:
        if since is not None:
            found = self.decided.setdefault(what, Spread(AGES))
            found.see(max(0.0, (at - since).total_seconds()))

    def _paced(self, by: str, at: datetime) -> None:
        times = self._paces[by]
        times.append(at)
        while times[0] < at - HOUR:
            times.popleft()

    def _pace(self, at: datetime) -> int:
        """Return the most that one reviewer let pass within a minute of the last hour."""
        return max(
            (_densest([t for t in own if t >= at - HOUR]) for own in self._paces.values()),
            default=0,
        )


def _densest(times: Iterable[datetime]) -> int:
    """Return how many of rising `times` lie within one minute, at most."""
    window: deque[datetime] = deque()
    most = 0
    for each in times:
        window.append(each)
        while window[0] <= each - MINUTE:
            window.popleft()
        most = max(most, len(window))
    return most


def _by(counts: Mapping[str, int]) -> dict[Labels, Value]:
    """Return counts by one label, whose values stay few whatever is counted."""
    found: Counter[str] = Counter()
    for rank, (name, count) in enumerate(sorted(counts.items(), key=lambda each: -each[1])):
        found[name if rank < MOST else OTHER] += count
    return {(name,): count for name, count in found.items()}
