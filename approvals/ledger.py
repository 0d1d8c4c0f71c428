"""The acts of deciding, read once from the log: requests, votes, releases; signatures checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from approvals.attest import holds, record_of
from approvals.erasures import ERASURES
from approvals.guards import (
    Appealed,
    GlassReviewed,
    PolicyProposed,
    ProbeAppealed,
    ProbeStruck,
    ReviewersDrawn,
)
from approvals.keys import key_id
from approvals.model import (
    ActRecord,
    PolicyAdopted,
    Released,
    ReleaseYanked,
    Request,
    ReviewerAdded,
    Revoked,
    SourceRuled,
    SourceTiered,
    Vote,
)
from approvals.roster import Roster
from approvals.workflow import Question
from quarantine.errors import RefusedError, TamperedError, UsageError
from quarantine.model import EPOCH, Logged, from_micros

FEWEST: Final = 8
"""Hex digits that name a request; fewer could be meant for another."""

SKEW: Final = timedelta(minutes=5)
"""Clocks of machines that run one house differ by no more."""
_HEX: Final = frozenset("0123456789abcdef")
_FOLLOWED: Final = frozenset(
    each.act for each in (Released, ReviewersDrawn, GlassReviewed, ReviewerAdded)
)
_BY_PEOPLE: Final = frozenset(
    each.act
    for each in (
        Request,
        Vote,
        SourceRuled,
        SourceTiered,
        Revoked,
        ReleaseYanked,
        PolicyProposed,
        GlassReviewed,
        Appealed,
        ProbeAppealed,
        ProbeStruck,
        *ERASURES,
    )
)
_Asked = TypeVar("_Asked", Request, PolicyProposed)
_Act = TypeVar("_Act", bound=ActRecord)


class Noted(NamedTuple):
    """An act as the log has it, with the newest time the log held when it came."""

    logged: Logged
    by_then: datetime


class Adopted(NamedTuple):
    """A policy that came into force, and when by the newest time that the log held."""

    place: int
    record: PolicyAdopted
    by_then: datetime


@dataclass(slots=True)
class Ledger:
    """What the log says of requests and their votes; signatures are checked where one is opened.

    `votes` are by the digest of what they name; `newest` is the newest time that any act says, and
    `clock` the newest that one of the service's own roles wrote.
    """

    requests: list[tuple[int, Request]] = field(default_factory=list)
    proposals: list[tuple[int, PolicyProposed]] = field(default_factory=list)
    adopted: list[Adopted] = field(default_factory=list)
    released: dict[str, Released] = field(default_factory=dict)
    drawn: dict[str, ReviewersDrawn] = field(default_factory=dict)
    reviewed: list[GlassReviewed] = field(default_factory=list)
    votes: dict[str, list[tuple[Vote, Noted]]] = field(default_factory=dict)
    publics: dict[str, str] = field(default_factory=dict)
    roster: Roster = field(default_factory=Roster)
    newest: datetime = EPOCH
    clock: datetime = EPOCH

    @classmethod
    def read(cls, acts: Iterable[Logged], operator: str = "") -> Ledger:
        """Read all `acts`, in log order; `operator` is as in `Roster`.

        Raises `TamperedError` for a request whose signature does not hold, or was made with a
        key that no reviewer had.
        """
        ledger = cls(roster=Roster(operator=operator))
        for logged in acts:
            ledger.newest = max(ledger.newest, from_micros(logged.act.at))
            if logged.act.kind not in _BY_PEOPLE:
                ledger.clock = max(ledger.clock, from_micros(logged.act.at))
            ledger.roster.follow([logged])
            ledger._take(logged)
        return ledger

    def require_clock(self, at: datetime) -> None:
        """Refuse (`RefusedError`) to go by a clock that says less than the service wrote before.

        A clock set back would bring to life what ran out. What people date is not asked: one of
        them with a wrong clock would stop everybody.
        """
        if at < self.clock - SKEW:
            raise RefusedError(
                f"the clock says {at:%Y-%m-%d %H:%M} UTC, the log was written until"
                f" {self.clock:%Y-%m-%d %H:%M}: set it right"
            )

    def find(self, ref: str) -> tuple[int, Request]:
        """Return what `ref` names: 8 or more hex digits of a request's digest, or its log index.

        Raises `UsageError` when there is none, or more than one.
        """
        return _found(self.requests, ref, "requests")

    def find_proposal(self, ref: str) -> tuple[int, PolicyProposed]:
        """Return the proposal of a policy that `ref` names, as `find` does."""
        return _found(self.proposals, ref, "proposals of a policy")

    def votes_on(self, request: Question) -> list[tuple[Vote, Noted]]:
        """Return the votes on `request`, in log order; `TamperedError` for a bad signature."""
        found = self.votes.get(request.digest, [])
        for vote, noted in found:
            self._require_signature(noted.logged, vote.key)
        return found

    def _take(self, logged: Logged) -> None:
        kind = logged.act.kind
        if kind == Vote.act:
            vote = _opened(logged, Vote)
            self.votes.setdefault(vote.request, []).append((vote, Noted(logged, self.newest)))
        elif kind == Request.act:
            self.requests.append((logged.index, self._asked(logged, Request)))
        elif kind == PolicyProposed.act:
            self.proposals.append((logged.index, self._asked(logged, PolicyProposed)))
        elif kind == PolicyAdopted.act:
            self.adopted.append(Adopted(logged.index, _opened(logged, PolicyAdopted), self.newest))
        elif kind in _FOLLOWED:
            self._follow(record_of(logged.act))

    def _follow(self, record: ActRecord) -> None:
        match record:
            case Released():
                self.released[record.request] = record
            case ReviewersDrawn():
                self.drawn.setdefault(record.request, record)  # nobody draws again
            case GlassReviewed():
                self.reviewed.append(record)
            case ReviewerAdded():
                # The id of a key is its digest: another key under the same id is a forgery.
                if key_id(record.public) != record.key:
                    raise TamperedError(
                        f"the key registered for {record.name} is not the one it names"
                    )
                self.publics[record.key] = record.public
            case _:
                raise AssertionError(record.act)

    def _asked(self, logged: Logged, kind: type[_Asked]) -> _Asked:
        record = _opened(logged, kind)
        self._require_signature(logged, record.key)
        return record

    def _require_signature(self, logged: Logged, key: str) -> None:
        public = self.publics.get(key)
        if public is None or not holds(logged.act.body, key, public):
            where = f"{logged.act.kind} at log row {logged.index}"
            raise TamperedError(f"{where} is not signed with the key it names")


def _opened(logged: Logged, kind: type[_Act]) -> _Act:
    record = record_of(logged.act)
    assert isinstance(record, kind)  # noqa: S101  record_of goes by the act's kind
    return record


def _found(asked: list[tuple[int, _Asked]], ref: str, what: str) -> tuple[int, _Asked]:
    if len(ref) < FEWEST and ref.isdecimal():
        found = [each for each in asked if each[0] == int(ref)]
    elif len(ref) >= FEWEST and _HEX.issuperset(ref):
        found = [each for each in asked if each[1].digest.startswith(ref)]
    else:
        raise UsageError(f"name one of the {what} by {FEWEST} or more hex digits of its id")
    if len(found) != 1:
        raise UsageError(f"{len(found) or 'no'} {what} are called {ref}")
    return found[0]
