"""The scoring loop: what is held now, judged against what was released before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from approvals.attest import act_of
from approvals.desk import released_indexes
from approvals.model import VerdictChanged
from approvals.ports import Signer
from approvals.roster import Roster
from quarantine.evidence import evidence_from
from quarantine.model import Dossier, SourceKey, Verdict, to_micros
from quarantine.ports import Store
from quarantine.scoring import Scored, score


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pass judged; when it is the same again, there is nothing to do."""

    events: int
    released: int
    revoked: int
    standings: int


class Scorer:
    """Judges what is held, again and again; reads only what came since it looked last."""

    def __init__(self, store: Store, roster: Roster, signer: Signer) -> None:
        """Judge what `store` holds under `roster`; `signer` signs the verdicts that change."""
        self._store = store
        self._roster = roster
        self._signer = signer
        self._frame = store.frame()
        self._seen: Seen | None = None

    def once(self, at: datetime) -> Scored | None:
        """Judge once; absent when nothing moved since. Every verdict that changed is recorded."""
        size = self._store.size()
        frame, approved, revoked = self._look()
        seen = Seen(
            frame.num_rows,
            len(approved),
            len(revoked),
            hash(frozenset(self._roster.standings.items())),
        )
        if seen == self._seen:
            self._store.judge([], to_micros(at), size)
            return None
        scored = None
        if frame.num_rows:
            released, held = split(frame, approved, revoked)
            scored = score(evidence_from(held, released), self._roster.standings)
        self._keep([] if scored is None else scored.dossiers, at, size)
        self._seen = seen
        return scored

    def _look(self) -> tuple[pa.Table, Sequence[int], set[int]]:
        self._roster.follow(self._store.acts(self._roster.size))
        known = self._frame
        since = known.column("index")[-1].as_py() + 1 if known.num_rows else 0
        self._frame = pa.concat_tables([known, self._store.frame(since)]).unify_dictionaries()
        return self._frame, released_indexes(self._store), self._store.revoked()

    def _keep(self, dossiers: Sequence[Dossier], at: datetime, size: int) -> None:
        known = {dossier.key: dossier for dossier in self._store.dossiers()}
        self._store.judge(dossiers, to_micros(at), size)
        changes = [
            act_of(_change(dossier, known.get(dossier.key), at), self._signer)
            for dossier in dossiers
            if _differs(dossier, known.get(dossier.key))
        ]
        if changes:
            self._store.record(changes)


def split(
    frame: pa.Table, approved: Sequence[int], revoked: set[int]
) -> tuple[pa.Table | None, pa.Table]:
    """Split a frame into what was released (the reference) and what is held; revoked is neither."""
    index = frame.column("index")
    out = pc.is_in(index, value_set=pa.array(approved, type=pa.int64()))
    back = pc.is_in(index, value_set=pa.array(sorted(revoked), type=pa.int64()))
    released = frame.filter(pc.and_not(out, back))
    held = frame.filter(pc.invert(pc.or_(out, back)))
    return (released if released.num_rows else None), held


def _differs(dossier: Dossier, known: Dossier | None) -> bool:
    before = known.verdict if known is not None else Verdict.CLEAR
    return dossier.verdict is not before


def _change(dossier: Dossier, known: Dossier | None, at: datetime) -> VerdictChanged:
    key: SourceKey = dossier.key
    return VerdictChanged(
        at=at,
        producer=key.producer,
        source=key.source,
        before=known.verdict if known is not None else None,
        after=dossier.verdict,
        because=tuple(finding.because for finding in dossier.findings),
    )
