"""Each scope and kind beside the first of it that was accepted: what its releases have moved to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pandas as pd

from approvals.releases import Left, releases, yanked
from quarantine.drift import COLUMNS, Drift, drifts
from quarantine.envelope import kind_named
from quarantine.model import Origin
from quarantine.ports import Store

WAITING: Final = "what is held"
JUDGES: Final = 50
"""So many machines, the loudest, are followed each by itself."""
_READ: Final = ("index", "scope", "kind", *COLUMNS)


@dataclass(frozen=True, slots=True)
class Compared:
    """Something that came after a baseline, its events, and every comparison, surest first."""

    name: str
    events: int
    drifts: tuple[Drift, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """One scope and kind: its first accepted release, and what came after.

    Without a baseline nothing can be compared, and `baseline` is empty.
    """

    scope: str
    kind: str
    events: int
    baseline: str = ""
    accepted: datetime | None = None
    rows: int = 0
    after: tuple[Compared, ...] = ()

    @property
    def alarms(self) -> int:
        """Count the comparisons that raise an alarm."""
        return sum(drift.alarm for each in self.after for drift in each.drifts)


def followed(store: Store, scope: str | None = None) -> list[Followed]:
    """Compare every scope and kind (of `scope`, where given) with its first accepted baseline.

    The baseline is the oldest release that was not taken back as a whole, whatever came later: a
    baseline that follows the drift forgets it. Compared are the newest release and what is held.
    """
    frame = store.frame(only=_READ).to_pandas()
    frame = frame.astype(dict.fromkeys(("scope", "kind", "producer", "source", "answer"), str))
    frame = frame[~frame["index"].isin(store.revoked())].set_index("index")
    left = _left(store)
    found = []
    for (name, kind), rows in frame.groupby(["scope", "kind"], sort=True):
        if scope in (None, name):
            rounds = [
                each for each in left if (each.record.scope, each.record.kind) == (name, kind)
            ]
            found.append(_follow(str(name), str(kind), rows, _rounds(store, rows, rounds)))
    return found


def _voices(kind: str) -> int:
    """Return how many sources are compared each with itself: machines are, people are not."""
    return 0 if kind_named(kind).origin is Origin.HUMAN else JUDGES


def _left(store: Store) -> list[Left]:
    back = yanked(store)
    return [each for each in releases(store) if each.record.manifest not in back]


def _rounds(
    store: Store, rows: pd.DataFrame, left: Iterable[Left]
) -> list[tuple[Left, pd.Index[int]]]:
    found = [(each, rows.index.intersection(pd.Index(each.rows(store)))) for each in left]
    return [(each, index) for each, index in found if len(index)]


def _follow(
    scope: str, kind: str, rows: pd.DataFrame, rounds: list[tuple[Left, pd.Index[int]]]
) -> Followed:
    if not rounds:
        return Followed(scope, kind, len(rows))
    (first, base), *later = rounds
    gone = base
    for _, index in later:
        gone = gone.union(index)
    sides = [(left.record.name, rows.loc[index]) for left, index in later[-1:]]
    sides.append((WAITING, rows[~rows.index.isin(gone)]))
    baseline = rows.loc[base]
    return Followed(
        scope=scope,
        kind=kind,
        events=len(rows),
        baseline=first.record.name,
        accepted=first.record.at,
        rows=len(base),
        after=tuple(
            Compared(name, len(side), tuple(drifts(baseline, side, voices=_voices(kind))))
            for name, side in sides
            if len(side)
        ),
    )
