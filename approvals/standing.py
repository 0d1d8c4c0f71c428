"""Which votes count: each held against the request, the roster and the newest time known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from approvals.electorate import Demand
from approvals.guards import CHANGE
from approvals.model import Decision, Vote
from approvals.policy import Policy
from approvals.roster import Reviewer
from approvals.sampling import needed

FOR: Final = frozenset({Decision.APPROVE, Decision.BREAK_GLASS})
"""What a vote says that lets something through."""


class Question(Protocol):
    """What people vote on: a request for events to leave, or a looser policy."""

    @property
    def digest(self) -> str:
        """Return the SHA-256 of its canonical bytes."""

    @property
    def at(self) -> datetime:
        """Return when it was asked."""

    @property
    def expires(self) -> datetime:
        """Return until when it can be decided."""

    @property
    def by(self) -> str:
        """Return the name of who asked."""

    @property
    def key(self) -> str:
        """Return the id of the key that asked."""

    @property
    def policy(self) -> str:
        """Return the digest of the policy under which it is decided."""

    @property
    def scope(self) -> str:
        """Return the dataset it would change."""

    @property
    def kind(self) -> str:
        """Return the kind of feedback."""

    @property
    def purpose(self) -> str:
        """Return what it is for."""

    @property
    def rows(self) -> int:
        """Return how many rows it asks for."""


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
class Table:
    """What every vote is held against; `drawn` are the people whom the draw named, if any."""

    policy: Policy
    request: Question
    demand: Demand
    names: Mapping[str, Reviewer]
    shared: frozenset[str]
    requesters: frozenset[str]
    drawn: Collection[str] | None
    now: datetime


def standing(table: Table, votes: Sequence[Cast]) -> tuple[list[Cast], list[str]]:
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


def _forged(table: Table, each: Cast, nonces: set[str]) -> str:
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


def _unknown(table: Table, each: Cast) -> str:
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


def _lapsed(table: Table, person: str, each: Cast) -> str:
    """Say why a person's last vote gives nothing now; an older one is not taken up instead."""
    expires = min(each.vote.expires, each.vote.at + table.policy.quorum.vote_ttl)
    if table.now >= expires:
        return f"it expired at {expires:%Y-%m-%d %H:%M} UTC"
    if each.vote.decision not in FOR:
        return ""
    if person in table.requesters:
        return "whoever made a request cannot approve it"
    return each.tied or _unfit(table, person, each.vote)


def _unfit(table: Table, person: str, vote: Vote) -> str:
    """Say why this person's yes is not the one that the policy asks for."""
    policy, request = table.policy, table.request
    if vote.decision is Decision.BREAK_GLASS:
        roles = set(table.names[vote.by].roles)
        able = policy.glass is not None and roles.intersection(policy.glass.roles)
        return "" if able else "the policy lets nobody of their roles break the glass"
    if table.demand.draw is not None and person not in (table.drawn or ()):
        return "they were not drawn for it"
    if policy.reading is not None and request.purpose != CHANGE:
        least = needed(request.rows, policy.reading)
        if len(set(vote.read or ())) < least:
            return f"they read fewer than {least} of its rows"
    return ""
