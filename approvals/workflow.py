"""The decision: a pure function of policy, request, votes, roster, time; re-run, never stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from approvals.electorate import Demand
from approvals.guards import CHANGE
from approvals.model import ANY, Decision, State
from approvals.policy import Policy
from approvals.roster import Reviewer
from approvals.standing import FOR, Cast, Question, Table, standing

__all__ = ["Cast", "Outcome", "Question", "decide", "request_id", "requesters", "unfilled_roles"]

SHOWN: Final = 12
"""Hex digits of a request's digest that people see and type."""


def request_id(request: Question) -> str:
    """Return what people call a request: the first 12 hex digits of its digest."""
    return request.digest[:SHOWN]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a request stands, why in sentences, and the approvals that count, one a person.

    `broken` is the vote that broke the glass, where without it the quorum would not be met.
    """

    state: State
    reasons: tuple[str, ...]
    counted: tuple[Cast, ...] = ()
    broken: Cast | None = None


def decide(  # noqa: PLR0913  a decision follows from these six and from nothing else
    policy: Policy,
    request: Question,
    votes: Sequence[Cast],
    reviewers: Sequence[Reviewer],
    at: datetime,
    *,
    drawn: Collection[str] | None = None,
) -> Outcome:
    """Say where `request` stands at `at` (UTC) under `policy`, whatever order `votes` come in.

    The log's order decides which vote of a person is the last, never a clock; time runs out by
    the newest time known, so that a clock set back brings no vote to life again. `drawn` are the
    people whom a draw named: where the policy draws and nobody was drawn, nobody can approve.
    RELEASED is not said here: it is an act, see `desk.outcome`. Raises nothing; in doubt the
    answer is no.
    """
    now = max([at, request.at, *(each.vote.at for each in votes)])
    if policy.digest != request.policy:
        return Outcome(State.STALE, ("the policy in force is not the one it was made under",))
    expires = min(request.expires, request.at + policy.quorum.request_ttl)
    if now >= expires:
        return Outcome(State.EXPIRED, (f"its time ran out at {expires:%Y-%m-%d %H:%M} UTC",))
    table = replace(_table(policy, request, reviewers, now), drawn=drawn)
    counted, notes = standing(table, votes)
    rejected = _rejections(table, counted)
    if rejected:
        return Outcome(State.REJECTED, (*rejected, *notes))
    return _tallied(table, [each for each in counted if each.vote.decision in FOR], notes)


def requesters(request: Question, reviewers: Sequence[Reviewer]) -> frozenset[str]:
    """Return the persons who made `request`, by the name or by the key that made it."""
    return frozenset(
        reviewer.person
        for reviewer in reviewers
        if reviewer.name == request.by or reviewer.key == request.key
    )


def _table(
    policy: Policy, request: Question, reviewers: Sequence[Reviewer], now: datetime
) -> Table:
    people: dict[str, set[str]] = {}
    for reviewer in reviewers:
        people.setdefault(reviewer.key, set()).add(reviewer.person)
    return Table(
        policy=policy,
        request=request,
        demand=_demand(policy, request),
        names={reviewer.name: reviewer for reviewer in reviewers},
        shared=frozenset(key for key, persons in people.items() if len(persons) > 1),
        requesters=requesters(request, reviewers),
        drawn=None,
        now=now,
    )


def _demand(policy: Policy, request: Question) -> Demand:
    if request.purpose == CHANGE:
        return policy.demand_of_change()
    return policy.demand(request.scope, request.kind, request.rows)


def _tallied(table: Table, approving: Sequence[Cast], notes: Sequence[str]) -> Outcome:
    """Say whether the quorum is met, or the glass was broken instead."""
    missing = _missing(
        table, [each for each in approving if each.vote.decision is Decision.APPROVE]
    )
    if not missing:
        return Outcome(State.APPROVED, tuple(notes), tuple(approving))
    glass = table.policy.glass
    broken = [each for each in approving if each.vote.decision is Decision.BREAK_GLASS]
    if glass is None or not broken or not table.requesters:
        return Outcome(State.PENDING, (*missing, *notes), tuple(approving))
    vote = broken[0].vote
    due = vote.at + glass.review_within
    said = f"the glass was broken by {vote.by}: a second person must look by {due:%m-%d %H:%M} UTC"
    return Outcome(State.APPROVED, (said, *missing, *notes), tuple(approving), broken[0])


def _rejections(table: Table, standing: Sequence[Cast]) -> list[str]:
    """Say who rejects with a role that stops a request; their reasons are theirs to read."""
    veto = set(table.policy.quorum.veto)
    return [
        f"rejected by {each.vote.by}"
        for each in standing
        if each.vote.decision is Decision.REJECT
        and (ANY in veto or veto.intersection(table.names[each.vote.by].roles))
    ]


def _missing(table: Table, approving: Sequence[Cast]) -> list[str]:
    """Say what the quorum still lacks; nothing when it is met."""
    demand = table.demand
    if not table.requesters:
        return ["who made it is not in the roster, so nobody can be known to be another"]
    found = []
    if demand.draw is not None and table.drawn is None:
        found.append("nobody was drawn yet to look at it")
    if len(approving) < demand.people:
        found.append(f"{len(approving)} of {demand.people} people approve")
    roles = [table.names[each.vote.by].roles for each in approving]
    unfilled = unfilled_roles(demand.roles, roles)
    if unfilled:
        found.append(f"nobody fills {', '.join(unfilled)}: one person fills one role")
    return found


def unfilled_roles(needed: Sequence[str], people: Sequence[Sequence[str]]) -> list[str]:
    """Return the `needed` roles left over when each of `people` (their roles) fills at most one.

    A maximum bipartite matching by augmenting paths: carol, who alone holds both of two roles,
    fills one of them.
    """
    filled: dict[int, int] = {}

    def seat(role: int, tried: set[int]) -> bool:
        for person, roles in enumerate(people):
            if person in tried or needed[role] not in roles:
                continue
            tried.add(person)
            if person not in filled or seat(filled[person], tried):
                filled[person] = role
                return True
        return False

    seated = [seat(role, set()) for role in range(len(needed))]
    left = Counter(role for role, is_seated in zip(needed, seated, strict=True) if not is_seated)
    return sorted(left.elements())
