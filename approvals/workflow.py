"""The decision: a pure function of policy, request, votes, roster, time; re-run, never stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from approvals.model import ANY, Decision, Request, State, Vote
from approvals.policy import Policy
from approvals.roster import Reviewer

SHOWN: Final = 12
"""Hex digits of a request's digest that people see and type."""


def request_id(request: Request) -> str:
    """Return what people call a request: the first 12 hex digits of its digest."""
    return request.digest[:SHOWN]


class Cast(NamedTuple):
    """A vote whose signature was checked: `key` made it, `place` is its index in the log.

    `logged` is the newest time that the log held when the vote came (absent: the vote's own), so
    that a vote dated back is no older than the log; `tied` says why this person has an interest.
    """

    vote: Vote
    key: str
    place: int
    logged: datetime | None = None
    tied: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a request stands, why in sentences, and the approvals that count, one a person."""

    state: State
    reasons: tuple[str, ...]
    counted: tuple[Cast, ...] = ()


@dataclass(frozen=True, slots=True)
class _Table:
    """What every vote is held against."""

    policy: Policy
    request: Request
    names: Mapping[str, Reviewer]
    shared: frozenset[str]
    requesters: frozenset[str]
    now: datetime


def decide(
    policy: Policy,
    request: Request,
    votes: Sequence[Cast],
    reviewers: Sequence[Reviewer],
    at: datetime,
) -> Outcome:
    """Say where `request` stands at `at` (UTC) under `policy`, whatever order `votes` come in.

    The log's order decides which vote of a person is the last, never a clock; time runs out by
    the newest time known, so that a clock set back brings no vote to life again. RELEASED is not
    said here: it is an act, see `desk.outcome`. Raises nothing; in doubt the answer is no.
    """
    now = max([at, request.at, *(each.vote.at for each in votes)])
    if policy.digest != request.policy:
        return Outcome(State.STALE, ("the policy in force is not the one it was made under",))
    expires = min(request.expires, request.at + policy.quorum.request_ttl)
    if now >= expires:
        return Outcome(State.EXPIRED, (f"its time ran out at {expires:%Y-%m-%d %H:%M} UTC",))
    table = _table(policy, request, reviewers, now)
    standing, notes = _standing(table, votes)
    rejected = _rejections(table, standing)
    if rejected:
        return Outcome(State.REJECTED, (*rejected, *notes))
    approving = tuple(each for each in standing if each.vote.decision is Decision.APPROVE)
    missing = _missing(table, approving)
    state = State.PENDING if missing else State.APPROVED
    return Outcome(state, (*missing, *notes), approving)


def _table(
    policy: Policy, request: Request, reviewers: Sequence[Reviewer], now: datetime
) -> _Table:
    people: dict[str, set[str]] = {}
    for reviewer in reviewers:
        people.setdefault(reviewer.key, set()).add(reviewer.person)
    return _Table(
        policy=policy,
        request=request,
        names={reviewer.name: reviewer for reviewer in reviewers},
        shared=frozenset(key for key, persons in people.items() if len(persons) > 1),
        requesters=frozenset(
            reviewer.person
            for reviewer in reviewers
            if reviewer.name == request.by or reviewer.key == request.key
        ),
        now=now,
    )


def _standing(table: _Table, votes: Sequence[Cast]) -> tuple[list[Cast], list[str]]:
    """Return the last vote of each person that counts, and a sentence for each that does not."""
    last: dict[str, Cast] = {}
    notes: list[str] = []
    nonces: set[str] = set()
    for each in sorted(votes, key=lambda cast: cast.place):
        fault = _forged(table, each, nonces)
        nonces.add(each.vote.nonce)
        if fault:
            notes.append(f"a vote by {each.vote.by} does not count: {fault}")
        else:
            last[table.names[each.vote.by].person] = each
    counted = []
    for person, each in last.items():
        fault = _lapsed(table, person, each)
        if fault:
            notes.append(f"the vote by {each.vote.by} does not count: {fault}")
        else:
            counted.append(each)
    return counted, notes


def _forged(table: _Table, each: Cast, nonces: set[str]) -> str:
    """Say why this was never a vote on this request by that person; it then replaces no other."""
    vote, request = each.vote, table.request
    if vote.request != request.digest:
        return "it is for other bytes"
    if (vote.policy, vote.scope, vote.purpose) != (request.policy, request.scope, request.purpose):
        return "it is for another policy, scope or purpose"
    if vote.nonce in nonces:
        return "its nonce was used before"
    if vote.at < request.at:
        return "it is older than the request"
    return _unknown(table, each)


def _unknown(table: _Table, each: Cast) -> str:
    """Say why this key could not speak for that name when the vote was cast and logged."""
    reviewer = table.names.get(each.vote.by)
    if reviewer is None:
        return "the roster has no such name"
    if each.key != reviewer.key or each.vote.key != each.key:
        return "the key that signed it is not the one registered for that name"
    if each.key in table.shared:
        return "its key is registered for several people"
    times = (each.vote.at, each.logged or each.vote.at)
    if not all(reviewer.tenure.covers(time) for time in times):
        return "it was cast before that name had these roles, or after it lost them"
    return ""


def _lapsed(table: _Table, person: str, each: Cast) -> str:
    """Say why a person's last vote gives nothing now; an older one is not taken up instead."""
    expires = min(each.vote.expires, each.vote.at + table.policy.quorum.vote_ttl)
    if table.now >= expires:
        return f"it expired at {expires:%Y-%m-%d %H:%M} UTC"
    if each.vote.decision is not Decision.APPROVE:
        return ""
    if person in table.requesters:
        return "whoever made a request cannot approve it"
    return each.tied


def _rejections(table: _Table, standing: Sequence[Cast]) -> list[str]:
    """Say who rejects with a role that stops a request; their reasons are theirs to read."""
    veto = set(table.policy.quorum.veto)
    return [
        f"rejected by {each.vote.by}"
        for each in standing
        if each.vote.decision is Decision.REJECT
        and (ANY in veto or veto.intersection(table.names[each.vote.by].roles))
    ]


def _missing(table: _Table, approving: Sequence[Cast]) -> list[str]:
    """Say what the quorum still lacks; nothing when it is met."""
    quorum = table.policy.quorum
    if not table.requesters:
        return ["who made it is not in the roster, so nobody can be known to be another"]
    found = []
    if len(approving) < quorum.people:
        found.append(f"{len(approving)} of {quorum.people} people approve")
    roles = [table.names[each.vote.by].roles for each in approving]
    unfilled = unfilled_roles(quorum.roles, roles)
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
