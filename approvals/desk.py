"""The reviewers' desk: asking for a release, voting on it, ruling on sources; acts in, acts out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Unpack

from approvals.attest import act_of
from approvals.frozen import Frozen, recheck_members, recheck_rows, released_indexes
from approvals.glass import require_glass
from approvals.hands import Asked, Hand, Terms, require_reason, require_seat
from approvals.interest import own_clusters, require_independence, tie
from approvals.ledger import Ledger
from approvals.model import Decision, Request, State, Vote
from approvals.policy import Policy
from approvals.roster import Reviewer, Roster
from approvals.rulings import appeal, require_ruler, rule_source, tier_sources
from approvals.sampling import needed, to_read
from approvals.speakers import Speaker
from approvals.standing import FOR
from approvals.workflow import Cast, Outcome, decide, request_id
from quarantine.errors import (
    RefusedError,
    StaleError,
    UnmetError,
)
from quarantine.ports import Store
from quarantine.unswept import unswept

if TYPE_CHECKING:
    from approvals.budget import Choice

__all__ = [
    "Asked",
    "Hand",
    "Terms",
    "appeal",
    "cast",
    "find_request",
    "make_request",
    "outcome",
    "outcomes",
    "recheck_members",
    "released_indexes",
    "requests",
    "require_reason",
    "require_ruler",
    "require_seat",
    "require_voter",
    "rows_to_read",
    "rule_source",
    "tier_sources",
    "votes_on",
]

_CLOSED: Final = (State.EXPIRED, State.RELEASED)


def make_request(store: Store, **asked: Unpack[Asked]) -> tuple[Request, int, Choice]:
    """Freeze the events that policy and budgets let leave; return request, log index and choice.

    Raises `NotAuthorisedError` for a name, key or time that is not the roster's, `UsageError` for
    a kind that does not exist, `UnmetError` when nothing is left, with each reason's count.
    """
    from approvals import requesting  # noqa: PLC0415  voting needs no data frames

    require_seat(asked["roster"], asked["by"], asked["signer"], asked["at"])
    return requesting.make(store, asked)


def requests(store: Store) -> list[tuple[int, Request]]:
    """Return every request with its log index, oldest first."""
    return Ledger.read(store.acts()).requests


def find_request(store: Store, ref: str) -> tuple[int, Request]:
    """Return the log index and the request that `ref` names; see `Ledger.find`."""
    return Ledger.read(store.acts()).find(ref)


def votes_on(store: Store, request: Request, frozen: Frozen | None = None) -> list[Cast]:
    """Return all votes on `request`, in log order, each with its checked key and its ties.

    `frozen` remembers members, where they were read already. Raises `TamperedError` for a vote
    whose signature does not hold.
    """
    ledger = Ledger.read(store.acts())
    return _casts(store, ledger, request, ledger.roster, frozen or Frozen(store))


def outcome(store: Store, ref: str, policy: Policy, roster: Roster, at: datetime) -> Outcome:
    """Return where the request that `ref` names stands at `at`."""
    ledger = Ledger.read(store.acts(), roster.operator)
    _, request = ledger.find(ref)
    return _stands(store, ledger, request, policy=policy, roster=roster, at=at)


def outcomes(
    store: Store, policy: Policy, roster: Roster, at: datetime
) -> list[tuple[int, Request, Outcome]]:
    """Return every request, oldest first, with its log index and where it stands; one reading."""
    ledger = Ledger.read(store.acts(), roster.operator)
    return [
        (index, request, _stands(store, ledger, request, policy=policy, roster=roster, at=at))
        for index, request in ledger.requests
    ]


def _stands(  # noqa: PLR0913  where it stands follows from these
    store: Store,
    ledger: Ledger,
    request: Request,
    *,
    policy: Policy,
    roster: Roster,
    at: datetime,
    frozen: Frozen | None = None,
) -> Outcome:
    released = ledger.released.get(request.digest)
    if released is not None:
        return Outcome(State.RELEASED, (f"released as {released.name}",))
    votes = _casts(store, ledger, request, roster, frozen or Frozen(store))
    people = list(roster.reviewers.values())
    drawn = ledger.drawn.get(request.digest)
    return decide(policy, request, votes, people, at, drawn=drawn.people if drawn else None)


def rows_to_read(store: Store, request: Request, policy: Policy) -> list[int]:
    """Return the log rows that every approver of `request` must have been shown; often none.

    Which ones follows from the draw, so that nobody could hide a bad row from it. Raises
    `UnmetError` while nothing was drawn.
    """
    if policy.reading is None:
        return []
    ledger = Ledger.read(store.acts())
    drawn = ledger.drawn.get(request.digest)
    if drawn is None:
        raise UnmetError(f"nothing was drawn yet to read of request {request_id(request)}")
    indexes = [member.index for member in store.members(_index(ledger, request))]
    return to_read(indexes, drawn.proof, needed(len(indexes), policy.reading))


@unswept()
def cast(
    store: Store, request: Request, decision: Decision, *, because: str, **terms: Unpack[Terms]
) -> Vote:
    """Record one person's signed vote on exactly this request.

    Raises `NotAuthorisedError` for a name, key or time that is not the roster's, for approving
    one's own request or feedback one has an interest in; `StaleError` when the policy or the
    frozen rows changed; `UnmetError` when the request is closed.
    """
    by, policy, at = terms["by"], terms["policy"], terms["at"]
    require_reason(because)
    frozen = Frozen(store)
    index = _require_voter(store, request, decision, frozen, terms)
    if decision in FOR:
        recheck_rows(store, frozen, index, request, policy)
    if decision is Decision.APPROVE:
        _require_read(store, request, policy, terms.get("read", ()))
    vote = Vote(
        at=at,
        request=request.digest,
        policy=request.policy,
        scope=request.scope,
        purpose=request.purpose,
        decision=decision,
        by=by.name,
        key=by.key,
        because=because,
        expires=min(at + policy.quorum.vote_ttl, request.expires),
        nonce=terms["nonce"],
        read=terms.get("read"),
    )
    # Asked again where nobody else can write: it may have been released or rejected meanwhile.
    store.record(
        [act_of(vote, terms["signer"])],
        require=lambda: _none(_require_voter(store, request, decision, frozen, terms)),
    )
    return vote


def require_voter(
    store: Store, request: Request, decision: Decision, **terms: Unpack[Terms]
) -> int:
    """Refuse who may not vote so on `request` now, as `cast` does; return the request's log index.

    Reads no rows: whether they are still the frozen ones is asked when the vote is cast.
    """
    return _require_voter(store, request, decision, Frozen(store), terms)


def _require_voter(
    store: Store, request: Request, decision: Decision, frozen: Frozen, terms: Terms
) -> int:
    """Ask what `require_voter` asks, of the members in `frozen`."""
    by, roster, policy, at = terms["by"], terms["roster"], terms["policy"], terms["at"]
    require_seat(roster, by, terms["signer"], at)
    ledger = Ledger.read(store.acts(), roster.operator)
    ledger.require_clock(at)
    index = _index(ledger, request)
    if decision in FOR:
        require_independence(store, frozen.speakers(index), request, roster, by)
    if decision is Decision.BREAK_GLASS:
        require_glass(ledger, policy, by, at)
    now = _stands(store, ledger, request, policy=policy, roster=roster, at=at, frozen=frozen)
    _require_open(request, now, decision, at)
    return index


def _casts(
    store: Store, ledger: Ledger, request: Request, roster: Roster, frozen: Frozen
) -> list[Cast]:
    votes = ledger.votes_on(request)
    if not votes:
        return []
    people, said = roster.reviewers, frozen.speakers(_index(ledger, request))
    return [
        Cast(
            vote=vote,
            key=vote.key,
            place=noted.logged.index,
            logged=noted.by_then,
            tied=_tied(store, said, roster, people.get(vote.by)),
        )
        for vote, noted in votes
    ]


def _index(ledger: Ledger, request: Request) -> int:
    for index, each in ledger.requests:
        if each.digest == request.digest:
            return index
    raise StaleError(f"request {request_id(request)} is not in the log as it stands here")


def _tied(store: Store, said: Collection[Speaker], roster: Roster, by: Reviewer | None) -> str:
    return "" if by is None else tie(said, roster, by, own_clusters(store, by))


def _none(_: object) -> None:
    """Ask for what is refused and not for what is answered."""


def _require_read(store: Store, request: Request, policy: Policy, read: Sequence[int]) -> None:
    unread = set(rows_to_read(store, request, policy)) - set(read)
    if unread:
        raise UnmetError(
            f"{len(unread)} rows of request {request_id(request)} must be read first:"
            " quarantine request sample"
        )


def _require_open(request: Request, now: Outcome, decision: Decision, at: datetime) -> None:
    name = request_id(request)
    if now.state is State.STALE:
        raise StaleError(f"request {name}: {'; '.join(now.reasons)}")
    if now.state in _CLOSED:
        raise UnmetError(f"request {name} is {now.state}: {'; '.join(now.reasons)}")
    if now.state is State.REJECTED and decision in FOR:
        raise UnmetError(f"request {name} is {'; '.join(now.reasons)}; they can withdraw that")
    if at < request.at:
        raise RefusedError(f"the clock says {at:%H:%M:%S}, before request {name} was made")
