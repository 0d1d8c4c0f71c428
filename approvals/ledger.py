"""The acts of deciding, read once from the log: requests, votes, releases; signatures checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from approvals.attest import record_of, signed_by, unseal
from approvals.keys import key_id
from approvals.model import ActRecord, Released, Request, ReviewerAdded, Vote
from quarantine.errors import TamperedError, UsageError
from quarantine.model import Logged, from_micros

FEWEST: Final = 8
"""Hex digits that name a request; fewer could be meant for another."""

_HEX: Final = frozenset("0123456789abcdef")
_Act = TypeVar("_Act", bound=ActRecord)


class Noted(NamedTuple):
    """A vote as the log has it, with the newest time the log held when it came."""

    logged: Logged
    by_then: datetime


@dataclass(slots=True)
class Ledger:
    """What the log says of requests and their votes; signatures are checked where one is opened."""

    requests: list[tuple[int, Request]] = field(default_factory=list)
    released: dict[str, Released] = field(default_factory=dict)
    votes: list[Noted] = field(default_factory=list)
    publics: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, acts: Iterable[Logged]) -> Ledger:
        """Read all `acts`, in log order.

        Raises `TamperedError` for a request whose signature does not hold, or was made with a
        key that no reviewer had.
        """
        ledger, newest = cls(), 0
        for logged in acts:
            newest = max(newest, logged.act.at)
            if logged.act.kind == Vote.act:
                ledger.votes.append(Noted(logged, from_micros(newest)))
            elif logged.act.kind == Request.act:
                request = ledger._opened(logged, Request)
                ledger.requests.append((logged.index, request))
            elif logged.act.kind in (ReviewerAdded.act, Released.act):
                ledger._follow(record_of(logged.act))
        return ledger

    def find(self, ref: str) -> tuple[int, Request]:
        """Return what `ref` names: 8 or more hex digits of a request's digest, or its log index.

        Raises `UsageError` when there is none, or more than one.
        """
        if len(ref) < FEWEST and ref.isdecimal():
            found = [each for each in self.requests if each[0] == int(ref)]
        elif len(ref) >= FEWEST and _HEX.issuperset(ref):
            found = [each for each in self.requests if each[1].digest.startswith(ref)]
        else:
            raise UsageError(f"name a request by {FEWEST} or more hex digits of its id")
        if len(found) != 1:
            raise UsageError(f"{len(found) or 'no'} requests are called {ref}")
        return found[0]

    def votes_on(self, request: Request) -> list[tuple[Vote, Noted]]:
        """Return the votes on `request`, in log order; `TamperedError` for a bad signature."""
        wanted = request.digest
        votes = [(self._opened(noted.logged, Vote), noted) for noted in self.votes]
        return [(vote, noted) for vote, noted in votes if vote.request == wanted]

    def _follow(self, record: ActRecord) -> None:
        if isinstance(record, Released):
            self.released[record.request] = record
        elif isinstance(record, ReviewerAdded):
            # The id of a key is its digest: another key under the same id would be a forgery.
            if key_id(record.public) != record.key:
                raise TamperedError(f"the key registered for {record.name} is not the one it names")
            self.publics[record.key] = record.public

    def _opened(self, logged: Logged, kind: type[_Act]) -> _Act:
        record = record_of(logged.act)
        assert isinstance(record, kind)  # noqa: S101  record_of goes by the act's kind
        key = str(getattr(record, "key", ""))
        held: Sequence[str] = signed_by(unseal(logged.act.body), self.publics)
        if key not in held:
            where = f"{logged.act.kind} at log row {logged.index}"
            raise TamperedError(f"{where} is not signed with the key it names")
        return record
