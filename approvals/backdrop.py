"""What a request is measured against: its rows, and those that left before and still stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from approvals.model import Request
from approvals.passing import accepted_before
from approvals.rehearsal import Flags
from approvals.releases import Left
from approvals.rows import Voices, rows_of, schema_of
from approvals.workflow import request_id
from quarantine.envelope import kind_named
from quarantine.errors import StaleError
from quarantine.model import Kind, Member, SourceKey
from quarantine.ports import Store

_AT_ONCE: Final = 10_000


class Drawn(NamedTuple):
    """Rows of both sides, accepted ones first, and whether there were more than were read."""

    rows: pd.DataFrame
    candidate: Flags
    is_sampled: bool


@dataclass(frozen=True, slots=True)
class Backdrop:
    """The rows of a request and the accepted rows before it, as members; read when asked for.

    `accepted` are the releases of this scope and kind that were not taken back as a whole, oldest
    first, `before` their rows but for what was taken back, erased, or is asked for again.
    """

    store: Store
    request: Request
    candidate: Sequence[Member]
    accepted: Sequence[Left]
    before: Sequence[Member]
    newest: Sequence[Member]

    @classmethod
    def of(cls, store: Store, index: int, request: Request) -> Backdrop:
        """Look up what was frozen with the request at log row `index`, and what left before."""
        candidate = store.members(index)
        gone = store.revoked() | set(store.erased()) | {member.index for member in candidate}
        linked = store.linked()
        accepted = accepted_before(store, request)
        rounds = [
            [_today(member, linked) for member in store.members(left.request)] for left in accepted
        ]
        rounds = [[each for each in members if each.index not in gone] for members in rounds]
        once = {member.index: member for members in rounds for member in members}
        newest = rounds[-1] if rounds else []
        return cls(store, request, candidate, accepted, [once[n] for n in sorted(once)], newest)

    @property
    def kind(self) -> Kind:
        """Return the kind that is asked for."""
        return kind_named(self.request.kind)

    def batches(self, members: Sequence[Member]) -> Iterator[pa.RecordBatch]:
        """Read rows as a release would hold them; `StaleError` where one was erased meanwhile."""
        for start in range(0, len(members), _AT_ONCE):
            some = members[start : start + _AT_ONCE]
            events = list(self.store.held([member.index for member in some]))
            if len(events) < len(some) or any(event.is_erased for event in events):
                name = request_id(self.request)
                raise StaleError(f"rows were erased while request {name} was measured: try again")
            voices = Voices([each.cluster for each in some], [each.origin for each in some])
            yield rows_of(events, voices, self.kind)

    def nothing(self) -> pa.RecordBatch:
        """Return no rows, in the same columns."""
        return pa.RecordBatch.from_pylist([], schema=schema_of(self.kind))

    def about(self, side: str) -> Mapping[str, str]:
        """Return what an export says of its rows."""
        request = self.request
        return {
            "release": f"{request.scope}-{side}",
            "manifest": "",
            "scope": request.scope,
            "kind": request.kind,
            "policy": request.policy,
        }


def rows_for(backdrop: Backdrop, *, most: int, chance: np.random.Generator) -> Drawn:
    """Read at most `most` rows of each side, drawn by `chance` before anything is read."""
    sides = [_drawn(side, most, chance) for side in (backdrop.before, backdrop.candidate)]
    tables = [
        pa.Table.from_batches(backdrop.batches(side), schema_of(backdrop.kind)) for side in sides
    ]
    rows = pa.concat_tables(tables).to_pandas()
    candidate = np.repeat([False, True], [len(side) for side in sides])
    all_of = len(backdrop.before) + len(backdrop.candidate)
    return Drawn(rows, candidate, all_of > len(rows))


def _drawn(members: Sequence[Member], most: int, chance: np.random.Generator) -> Sequence[Member]:
    if len(members) <= most:
        return members
    kept = np.sort(chance.choice(len(members), most, replace=False))
    return [members[int(place)] for place in kept]


def _today(member: Member, linked: Mapping[SourceKey, str]) -> Member:
    """Return a row as the voice that it counts to today."""
    cluster = linked.get(SourceKey(member.producer, member.source), member.cluster)
    return member._replace(cluster=cluster)
