"""The reviewers' desk: asking for a release, voting on it, ruling on sources; acts in, acts out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, NotRequired, TypedDict, Unpack

from approvals.attest import act_of
from approvals.frozen import recheck_members, released_indexes
from approvals.ledger import Ledger
from approvals.model import Decision, Request, SourceRuled, SourceTiered, State, Vote
from approvals.policy import Policy
from approvals.ports import Signer
from approvals.roster import Reviewer, Roster
from approvals.workflow import Cast, Outcome, decide, request_id
from quarantine.errors import (
    NotAuthorisedError,
    RefusedError,
    StaleError,
    UnmetError,
    UsageError,
)
from quarantine.model import Member, SourceKey, Tier
from quarantine.ports import Store

if TYPE_CHECKING:
    from approvals.budget import Choice

__all__ = [
    "Asked",
    "Hand",
    "Terms",
    "cast",
    "find_request",
    "make_request",
    "outcome",
    "recheck_members",
    "released_indexes",
    "requests",
    "require_seat",
    "rule_source",
    "tier_sources",
    "votes_on",
]

_CLOSED: Final = (State.EXPIRED, State.RELEASED)


class Hand(TypedDict):
    """Who acts, with which key, when (UTC)."""

    by: Reviewer
    signer: Signer
    at: datetime


class Terms(Hand):
    """Under which policy and roster somebody acts; `nonce` is 128 bits that nobody could know."""

    policy: Policy
    roster: Roster
    nonce: str


class Asked(Terms):
    """What a request asks for: one scope, one kind, what arrived up to `until`."""

    scope: str
    kind: str
    until: datetime
    purpose: NotRequired[str]


def make_request(store: Store, **asked: Unpack[Asked]) -> tuple[Request, int, Choice]:
    """Freeze the events that policy and budgets let leave; return request, log index and choice.

    Raises `NotAuthorisedError` for a name, key or time that is not the roster's, `UsageError` for
    a kind that does not exist, `UnmetError` when nothing is left, with each reason's count.
    """
    from approvals import requesting  # noqa: PLC0415  voting needs no data frames

    require_seat(asked["roster"], asked["by"], asked["signer"], asked["at"])
    return requesting.make(store, asked)


def require_seat(roster: Roster, by: Reviewer, signer: Signer, at: datetime) -> None:
    """Refuse (`NotAuthorisedError`) who is not in the roster with this key and at this time."""
    if roster.reviewers.get(by.name) != by:
        raise NotAuthorisedError(f"{by.name} is not in the roster as this reviewer")
    if signer.key_id != by.key:
        raise NotAuthorisedError(f"key {signer.key_id} is not the one registered for {by.name}")
    if not by.tenure.covers(at):
        raise NotAuthorisedError(f"{by.name} does not decide at {at:%Y-%m-%d %H:%M} UTC")


def requests(store: Store) -> list[tuple[int, Request]]:
    """Return every request with its log index, oldest first."""
    return Ledger.read(store.acts()).requests


def find_request(store: Store, ref: str) -> tuple[int, Request]:
    """Return the log index and the request that `ref` names; see `Ledger.find`."""
    return Ledger.read(store.acts()).find(ref)


def votes_on(store: Store, request: Request) -> list[Cast]:
    """Return all votes on `request`, in log order, each with its checked key and its ties.

    Raises `TamperedError` for a vote whose signature does not hold.
    """
    ledger = Ledger.read(store.acts())
    return _casts(store, ledger, request, _roster(store))


def outcome(store: Store, ref: str, policy: Policy, roster: Roster, at: datetime) -> Outcome:
    """Return where the request that `ref` names stands at `at`."""
    ledger = Ledger.read(store.acts())
    _, request = ledger.find(ref)
    released = ledger.released.get(request.digest)
    if released is not None:
        return Outcome(State.RELEASED, (f"released as {released.name}",))
    votes = _casts(store, ledger, request, roster)
    return decide(policy, request, votes, list(roster.reviewers.values()), at)


def cast(
    store: Store, request: Request, decision: Decision, *, because: str, **terms: Unpack[Terms]
) -> Vote:
    """Record one person's signed vote on exactly this request.

    Raises `NotAuthorisedError` for a name, key or time that is not the roster's, for approving
    one's own request or feedback one has an interest in; `StaleError` when the policy or the
    frozen rows changed; `UnmetError` when the request is closed.
    """
    by, roster, policy, at = terms["by"], terms["roster"], terms["policy"], terms["at"]
    require_seat(roster, by, terms["signer"], at)
    _require_reason(because)
    ledger = Ledger.read(store.acts())
    index = _index(ledger, request)
    if decision is Decision.APPROVE:
        _require_independence(store.members(index), roster, by, request)
    now = outcome(store, request.digest, policy, roster, at)
    _require_open(request, now, decision, at)
    if decision is Decision.APPROVE:
        recheck_members(store, index, request, policy)
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
    )
    store.record([act_of(vote, terms["signer"])])
    return vote


def rule_source(
    store: Store,
    key: SourceKey,
    ruling: Literal["hold", "clear"],
    *,
    because: str,
    **hand: Unpack[Hand],
) -> SourceRuled:
    """Record that a person holds or clears a source; no machine overrules it."""
    _require_sources(store, [key], because)
    require_seat(_roster(store), hand["by"], hand["signer"], hand["at"])
    act = SourceRuled(
        at=hand["at"],
        producer=key.producer,
        source=key.source,
        ruling=ruling,
        because=because,
        by=hand["by"].name,
    )
    store.record([act_of(act, hand["signer"])])
    return act


def tier_sources(
    store: Store, keys: Sequence[SourceKey], tier: Tier, *, because: str, **hand: Unpack[Hand]
) -> list[SourceTiered]:
    """Record how well each of `keys` is known, all of it or none; it buys speed, never weight."""
    _require_sources(store, keys, because)
    require_seat(_roster(store), hand["by"], hand["signer"], hand["at"])
    acts = [
        SourceTiered(
            at=hand["at"],
            producer=key.producer,
            source=key.source,
            tier=tier,
            because=because,
            by=hand["by"].name,
        )
        for key in keys
    ]
    store.record([act_of(act, hand["signer"]) for act in acts])
    return acts


def _roster(store: Store) -> Roster:
    roster = Roster()
    roster.follow(store.acts())
    return roster


def _casts(store: Store, ledger: Ledger, request: Request, roster: Roster) -> list[Cast]:
    votes = ledger.votes_on(request)
    if not votes:
        return []
    members = store.members(_index(ledger, request))
    people = roster.reviewers
    return [
        Cast(
            vote=vote,
            key=vote.key,
            place=noted.logged.index,
            logged=noted.by_then,
            tied=_tie(members, roster, people[vote.by]) if vote.by in people else "",
        )
        for vote, noted in votes
    ]


def _index(ledger: Ledger, request: Request) -> int:
    for index, each in ledger.requests:
        if each.digest == request.digest:
            return index
    raise StaleError(f"request {request_id(request)} is not in the log as it stands here")


def _tie(members: Sequence[Member], roster: Roster, by: Reviewer) -> str:
    """Say what interest a person has in these rows: they own a producer, or are a source."""
    owners = {by.person, by.name} - {""}
    for name in sorted({member.producer for member in members}):
        producer = roster.producers.get(name)
        if producer is not None and producer.owner in owners:
            return f"{by.name} owns the producer {name}"
    for source in sorted({member.source for member in members}):
        if source in owners or source.rpartition("/")[2] in owners:
            return f"{by.name} is the source {source}"
    return ""


def _require_independence(
    members: Sequence[Member], roster: Roster, by: Reviewer, request: Request
) -> None:
    made_it = {
        reviewer.person
        for reviewer in roster.reviewers.values()
        if reviewer.name == request.by or reviewer.key == request.key
    }
    if by.person in made_it or by.key == request.key:
        raise NotAuthorisedError(
            f"{by.name} is who made request {request_id(request)} and cannot approve it"
        )
    tie = _tie(members, roster, by)
    if tie:
        raise NotAuthorisedError(f"{tie} and cannot approve request {request_id(request)}")


def _require_open(request: Request, now: Outcome, decision: Decision, at: datetime) -> None:
    name = request_id(request)
    if now.state is State.STALE:
        raise StaleError(f"request {name}: {'; '.join(now.reasons)}")
    if now.state in _CLOSED:
        raise UnmetError(f"request {name} is {now.state}: {'; '.join(now.reasons)}")
    if now.state is State.REJECTED and decision is Decision.APPROVE:
        raise UnmetError(f"request {name} is {'; '.join(now.reasons)}; they can withdraw that")
    if at < request.at:
        raise RefusedError(f"the clock says {at:%H:%M:%S}, before request {name} was made")


def _require_reason(because: str) -> None:
    if not because.strip():
        raise UsageError("say why: --because needs words")


def _require_sources(store: Store, keys: Sequence[SourceKey], because: str) -> None:
    _require_reason(because)
    known = store.sources()
    for key in keys:
        if key not in known:
            raise UsageError(f"no source {key} has said anything")
