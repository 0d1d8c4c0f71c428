"""A hold is no verdict of guilt: somebody speaks for a source, and another person rules anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Literal, NamedTuple

from approvals.attest import record_of
from approvals.frozen import held_sources
from approvals.guards import Appealed
from approvals.model import SourceRuled
from approvals.roster import Roster
from quarantine.errors import NotAuthorisedError, UsageError
from quarantine.model import Logged, SourceKey
from quarantine.ports import Store


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal: who spoke for whom, why, who had held it, and what came of it, when."""

    source: SourceKey
    by: str
    because: str
    at: datetime
    held_by: str
    outcome: Literal["open", "cleared", "held"] = "open"
    decided_by: str = ""
    decided_at: datetime | None = None

    @property
    def took(self) -> timedelta | None:
        """Return how long it took, absent while it is open."""
        return None if self.decided_at is None else self.decided_at - self.at


class Measured(NamedTuple):
    """What came of appeals: how many, how many are open, the share cleared, the median time."""

    appeals: int
    open: int
    cleared: int
    median_hours: float | None


def require_appealable(store: Store, key: SourceKey) -> None:
    """Refuse (`UsageError`) an appeal for a source that is not held, or has one open already."""
    if key not in held_sources(store):
        raise UsageError(f"{key} is not held: there is nothing to appeal")
    if any(each.source == key for each in open_appeals(store.acts())):
        raise UsageError(f"an appeal for {key} is open already")


def appeals(acts: Iterable[Logged]) -> list[Appeal]:
    """Return every appeal, oldest first, with what came of it: the next ruling on its source."""
    held_by: dict[SourceKey, str] = {}
    found: dict[int, Appeal] = {}
    for logged in acts:
        if logged.act.kind not in (Appealed.act, SourceRuled.act):
            continue
        record = record_of(logged.act)
        if isinstance(record, Appealed):
            key = SourceKey(record.producer, record.source)
            by = held_by.get(key, "")
            found[logged.index] = Appeal(key, record.by, record.because, record.at, by)
        elif isinstance(record, SourceRuled):
            key = SourceKey(record.producer, record.source)
            held_by[key] = record.by if record.ruling == "hold" else ""
            found.update(
                (index, _decided(each, record))
                for index, each in found.items()
                if each.source == key and each.outcome == "open"
            )
    return list(found.values())


def open_appeals(acts: Iterable[Logged]) -> list[Appeal]:
    """Return the appeals that nobody ruled on yet."""
    return [each for each in appeals(acts) if each.outcome == "open"]


def measured(found: Iterable[Appeal]) -> Measured:
    """Measure what came of appeals."""
    every = list(found)
    hours = [each.took.total_seconds() / 3600 for each in every if each.took is not None]
    return Measured(
        appeals=len(every),
        open=sum(each.outcome == "open" for each in every),
        cleared=sum(each.outcome == "cleared" for each in every),
        median_hours=median(hours) if hours else None,
    )


def require_other(acts: Iterable[Logged], roster: Roster, key: SourceKey, name: str) -> None:
    """Refuse (`NotAuthorisedError`) a ruling on an appeal by who held the source, or who appealed.

    By person, under whatever name.
    """
    person = roster.reviewers[name].person
    for each in open_appeals(acts):
        if each.source != key:
            continue
        out = {roster.reviewers[who].person for who in (each.by, each.held_by) if who}
        if person in out:
            raise NotAuthorisedError(f"{name} held {key} or appealed for it: another must rule")


def _decided(found: Appeal, ruled: SourceRuled) -> Appeal:
    return replace(
        found,
        outcome="cleared" if ruled.ruling == "clear" else "held",
        decided_by=ruled.by,
        decided_at=ruled.at,
    )
