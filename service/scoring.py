"""The scoring loop: what is held now, judged against what was released before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from approvals.answers import KnownAnswers
from approvals.attest import act_of
from approvals.desk import released_indexes
from approvals.erasures import Erased
from approvals.model import VerdictChanged
from approvals.ports import Signer
from approvals.retirements import EventsRetired
from approvals.roster import Roster
from approvals.rushed import Windows
from quarantine.drill import Drill, Setting
from quarantine.evidence import Evidence, evidence_from
from quarantine.known import Known
from quarantine.model import Dossier, SourceKey, Verdict, to_micros
from quarantine.passing import Passes
from quarantine.ports import Store
from quarantine.rushes import Rush
from quarantine.scoring import Scored, score
from service import logs
from service.drilling import Drills
from service.words import Words

_FORGETTING: Final = (Erased.act, EventsRetired.act)
"""Acts after which nothing that was read before may be kept in mind."""


class Judged(NamedTuple):
    """What one pass judged: all that is held or left, and what it thinks of the sources.

    `approved` and `revoked` are log indexes of rows that left and of rows taken back; `gold` are
    the known answers by target.
    """

    frame: pa.Table
    approved: Sequence[int]
    revoked: set[int]
    dossiers: Sequence[Dossier]
    gold: Mapping[str, str]


def _nobody(_: Judged) -> None:
    """Hear nothing."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pass judged; when it is the same again, there is nothing to do."""

    events: int
    released: int
    revoked: int
    standings: int
    gold: int


class Scorer:
    """Judges what is held, again and again; reads only what came since it looked last."""

    def __init__(
        self,
        store: Store,
        roster: Roster,
        signer: Signer,
        told: Callable[[Judged], None] = _nobody,
    ) -> None:
        """Judge what `store` holds under `roster`; `signer` signs the verdicts that change.

        `told` hears of every pass, when it is kept.
        """
        self.require: Callable[[], None] | None = None
        """Asked when a pass is kept, in its transaction: whether it is our turn still."""
        self._told = told
        self._store = store
        self._roster = roster
        self._signer = signer
        self._frame = store.frame()
        self._seen: Seen | None = None
        self._passes = Passes()
        self._windows = Windows()
        self._drills = Drills(store, signer)
        self._words = Words(store)
        self._gold = KnownAnswers()

    @property
    def settled(self) -> bool:
        """Say whether the newest pass heard every channel anew, so that nothing is left open."""
        return self._seen is not None and self._passes.thorough

    def once(self, at: datetime, *, quick: bool = False) -> Scored | None:
        """Judge once; absent when nothing moved since. Every verdict that changed is recorded.

        A `quick` pass hears the dear channels anew only where the window has grown enough; what it
        leaves open is said by the next one that is not.
        """
        size = self._store.size()
        frame, approved, revoked = self._look()
        seen = Seen(
            frame.num_rows,
            len(approved),
            len(revoked),
            hash(frozenset(self._roster.standings.items())),
            hash(frozenset(self._gold.answers.items())),
        )
        if seen == self._seen and (quick or self.settled):
            self._store.judge([], to_micros(at), size, self.require)
            return None
        scored = None
        if frame.num_rows:
            released, held = split(frame, approved, revoked)
            scored = self._judge(
                evidence_from(held, released, known=self._known(frame)), quick=quick
            )
        self._keep([] if scored is None else scored.dossiers, at, size)
        self._hold([] if scored is None else scored.rushes.found, at)
        dossiers = [] if scored is None else scored.dossiers
        self._told(Judged(frame, approved, revoked, dossiers, self._gold.answers))
        self._seen = seen
        return scored

    def drill(self, at: datetime) -> Drill | None:
        """Try the alarms on a copy of what is held, once a day; absent when it is not time."""
        if self._seen is None or not self._seen.released or not self._drills.due(at):
            return None
        frame, approved, revoked = self._look()
        if not frame.num_rows or not approved:
            return None
        released, held = split(frame, approved, revoked)
        setting = Setting(known=self._known(frame))
        return self._drills.once(held, released, at, self.require, setting=setting)

    def _judge(self, evidence: Evidence, *, quick: bool) -> Scored:
        if not quick:
            self._passes.forget()
        return score(evidence, self._roster.standings, ears=self._passes)

    def _known(self, frame: pa.Table) -> Known:
        """Return what is known beside the events: right answers, and what is said in words."""
        index = frame.column("index").to_numpy()
        return Known(gold=self._gold.answers, wording=self._words.of(index))

    def _look(self) -> tuple[pa.Table, Sequence[int], set[int]]:
        acts = list(self._store.acts(self._roster.size))
        self._roster.follow(acts)
        if any(logged.act.kind in _FORGETTING for logged in acts):
            self._forget()
        self._gold.follow(self._store.acts(self._gold.size))
        known = self._frame
        since = known.column("index")[-1].as_py() + 1 if known.num_rows else 0
        self._frame = pa.concat_tables([known, self._store.frame(since)]).unify_dictionaries()
        return self._frame, released_indexes(self._store), self._store.revoked()

    def _forget(self) -> None:
        """Let go of all that was read: some of it is gone."""
        self._frame, self._words = self._store.frame(), Words(self._store)
        self._passes.forget()

    def _hold(self, rushes: Sequence[Rush], at: datetime) -> None:
        """Hold whole windows that are not held yet; only people clear them."""
        self._windows.follow(self._store.acts(self._windows.size))
        found = self._windows.new(rushes, at)
        if found:
            self._store.record([act_of(each, self._signer) for each in found], self.require)

    def _keep(self, dossiers: Sequence[Dossier], at: datetime, size: int) -> None:
        """Write the ledger first: who dies in between leaves no change that nobody hears of."""
        known = {dossier.key: dossier for dossier in self._store.dossiers()}
        changes = [
            _change(dossier, known.get(dossier.key), at)
            for dossier in dossiers
            if _differs(dossier, known.get(dossier.key))
        ]
        if changes:
            acts = [act_of(change, self._signer) for change in changes]
            self._store.record(acts, self.require)
        self._store.judge(dossiers, to_micros(at), size, self.require)
        for change in changes:
            logs.verdict(change.producer, change.source, change.before, change.after)


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
