"""What one pass of scoring knows of all that is held, in figures: states, ages, risk, budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from approvals.attest import record_of
from approvals.frozen import released_indexes
from approvals.model import ANY, PolicyAdopted, Released, Request
from approvals.policy import Budget
from approvals.roster import Roster
from approvals.rules import load
from quarantine.known import right_answer
from quarantine.model import Dossier, Logged, SourceKey, Verdict, to_micros
from quarantine.ports import Store
from service.scoring import Judged
from service.watch.catalogue import AGES
from service.watch.following import OTHER
from service.watch.words import Figures, Labels, Spread, Value, plain

if TYPE_CHECKING:
    import numpy.typing as npt

TENTHS: Final = tuple(f"{tenth / 10:.1f}" for tenth in range(1, 11))
AGED: Final = timedelta(minutes=1)
"""How old the spread of ages may be: to count a million of them anew takes a while."""

_MICROS: Final = 1_000_000
_FOLLOWED: Final = frozenset(each.act for each in (PolicyAdopted, Released, Request))


@dataclass(slots=True)
class Overview:
    """Hears of each pass what it judged; another thread asks for the figures meanwhile.

    `roster` is who is registered, kept up to date by whoever scores.
    """

    store: Store
    roster: Roster
    clock: Callable[[], datetime]
    _figures: Figures = field(default_factory=dict)
    _arrived: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    _ages: tuple[datetime, Spread] | None = None
    _acts: int = 0
    _scopes: set[str] = field(default_factory=set)
    _budget: Budget | None = None
    _releases: int = 0
    _left: tuple[int, Sequence[int]] = (0, ())

    def judged(self, what: Judged) -> None:
        """Take in what a pass judged."""
        self._follow(self.store.acts(self._acts))
        held, released, back = _states(what)
        self._figures = {
            "fq_quarantine_records": dict(
                self._records(what.frame, {"held": held, "released": released, "revoked": back})
            ),
            "fq_source_risk": _risk(what.dossiers),
            "fq_budget_used_ratio": self._used(what),
            **plain(_sums(what)),
        }
        arrived = what.frame.column("arrived").filter(held).to_numpy()
        self._arrived, self._ages = np.sort(arrived), None

    def forget(self) -> None:
        """Say nothing until the next pass: another process scores, and knows better."""
        self._figures = {}

    def figures(self) -> Figures:
        """Return what the newest pass knew, and the ages of what is held by now."""
        at = self.clock()
        if not self._figures:
            return {}
        if self._ages is None or at - self._ages[0] > AGED:
            self._ages = at, _ages(self._arrived, to_micros(at))
        return {**self._figures, "fq_quarantine_age_seconds": {(): self._ages[1]}}

    def _follow(self, acts: Iterable[Logged]) -> None:
        for logged in acts:
            self._acts = logged.index + 1
            if logged.act.kind in _FOLLOWED:
                match record_of(logged.act):
                    case Request(scope=scope):
                        self._scopes.add(scope)
                    case PolicyAdopted(toml=text):
                        self._budget = load(text).budget
                    case _:
                        self._releases += 1

    def _records(
        self, frame: pa.Table, states: Mapping[str, pa.Array]
    ) -> Iterator[tuple[Labels, Value]]:
        """Yield events by state and scope; a scope that strangers made up is one of the others."""
        registered = {scope for each in self.roster.producers.values() for scope in each.scopes}
        known = (registered | self._scopes) - {ANY}
        for state, mask in states.items():
            counts: Counter[str] = Counter()
            scopes = frame.column("scope").filter(mask).cast(pa.string())
            for found in pc.value_counts(scopes).to_pylist():
                counts[found["values"] if found["values"] in known else OTHER] += found["counts"]
            yield from (((state, scope), count) for scope, count in counts.items())

    def _used(self, what: Judged) -> dict[Labels, Value]:
        """Return the largest share of a lifetime that one source, and one cluster, has used."""
        if self._budget is None:
            return {}
        if self._left[0] != self._releases:
            self._left = self._releases, released_indexes(self.store, revoked=True)
        sources, clusters = _voices(what, self._left[1])
        return {
            ("source",): max(sources.values(), default=0) / self._budget.source.lifetime,
            ("cluster",): max(clusters.values(), default=0) / self._budget.cluster.lifetime,
        }


def _states(what: Judged) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Say of each row whether it is held, released, or taken back."""
    index = what.frame.column("index")
    back = pc.is_in(index, value_set=pa.array(sorted(what.revoked), type=pa.int64()))
    left = pc.is_in(index, value_set=pa.array(what.approved, type=pa.int64()))
    released = pc.and_not(left, back)
    return pc.invert(pc.or_(left, back)), released, back


def _voices(what: Judged, left: Sequence[int]) -> tuple[Counter[SourceKey], Counter[str]]:
    """Count the rows that ever left, by source and by cluster as linked today."""
    mask = pc.is_in(what.frame.column("index"), value_set=pa.array(left, type=pa.int64()))
    rows = what.frame.select(["producer", "source"]).filter(mask)
    names = [pc.cast(rows.column(name), pa.string()) for name in ("producer", "source")]
    plain_rows = pa.table(names, names=["producer", "source"])
    counted = plain_rows.group_by(["producer", "source"]).aggregate([([], "count_all")])
    linked = {each.key: each.cluster for each in what.dossiers}
    sources: Counter[SourceKey] = Counter()
    clusters: Counter[str] = Counter()
    for row in counted.to_pylist():
        key = SourceKey(row["producer"], row["source"])
        sources[key] += row["count_all"]
        clusters[linked.get(key, str(key))] += row["count_all"]
    return sources, clusters


def _risk(dossiers: Sequence[Dossier]) -> dict[Labels, Value]:
    tenths = Counter(TENTHS[min(9, int(each.score * 10))] for each in dossiers)
    return {(tenth,): tenths[tenth] for tenth in TENTHS}


def _sums(what: Judged) -> dict[str, float]:
    clusters = Counter(each.cluster for each in what.dossiers)
    found: dict[str, float] = {
        "fq_sources_flagged": sum(each.verdict is not Verdict.CLEAR for each in what.dossiers),
        "fq_collusion_components": sum(size > 1 for size in clusters.values()),
    }
    right, of = _right(what)
    return {**found, "fq_gold_accuracy": right / of} if of else found


def _right(what: Judged) -> tuple[int, int]:
    """Return how many events on known answers are right, and how many there are."""
    if not what.gold:
        return 0, 0
    asked = pc.is_in(
        pc.cast(what.frame.column("target"), pa.string()),
        value_set=pa.array(sorted(what.gold), type=pa.string()),
    )
    rows = what.frame.select(["target", "answer"]).filter(asked)
    names = [pc.cast(rows.column(name), pa.string()) for name in ("target", "answer")]
    counted = pa.table(names, names=["target", "answer"])
    right = of = 0
    for row in counted.group_by(["target", "answer"]).aggregate([([], "count_all")]).to_pylist():
        of += row["count_all"]
        if right_answer(what.gold[row["target"]], {row["answer"]: 0}) == 0:
            right += row["count_all"]
    return right, of


def _ages(arrived: npt.NDArray[np.int64], now: int) -> Spread:
    """Return how long events that arrived at these rising times (µs) have been held."""
    edges = [now - int(bound * _MICROS) for bound in AGES]
    beyond = np.searchsorted(arrived, edges)  # how many are older than each bound
    counts = -np.diff(beyond, prepend=len(arrived), append=0)
    total = (len(arrived) * now - int(arrived.sum(dtype=object) if len(arrived) else 0)) / _MICROS
    return Spread(AGES, counts.tolist(), total)
