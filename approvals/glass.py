"""Breaking the glass: one person, with a reason, at once; a second person must look afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from approvals.attest import act_of
from approvals.guards import GlassReviewed
from approvals.ledger import Ledger
from approvals.model import Decision, Released, Request, Vote
from approvals.policy import Policy
from approvals.ports import Signer
from approvals.roster import Reviewer
from approvals.workflow import request_id
from quarantine.errors import NotAuthorisedError, UnmetError
from quarantine.ports import Store


@dataclass(frozen=True, slots=True)
class Broken:
    """A request for which the glass was broken: by whom, until when a second person must look.

    `review` is what they said; `released` is absent where it has not left.
    """

    request: Request
    vote: Vote
    due: datetime
    released: Released | None
    review: GlassReviewed | None

    def is_overdue(self, at: datetime) -> bool:
        """Say whether nobody looked in time."""
        return self.review is None and at >= self.due


def broken(ledger: Ledger, policy: Policy) -> Iterator[Broken]:
    """Yield each request for which the glass was broken, oldest first; the last vote counts."""
    for _, request in ledger.requests:
        votes = [vote for vote, _ in ledger.votes_on(request)]
        hasty = [vote for vote in votes if vote.decision is Decision.BREAK_GLASS]
        if not hasty or policy.glass is None:
            continue
        yield Broken(
            request=request,
            vote=hasty[0],
            due=hasty[0].at + policy.glass.review_within,
            released=ledger.released.get(request.digest),
            review=_review(ledger, request, hasty[0]),
        )


def require_glass(ledger: Ledger, policy: Policy, by: Reviewer, at: datetime) -> None:
    """Refuse whom the policy lets break no glass, and everybody while a review is overdue."""
    if policy.glass is None:
        raise NotAuthorisedError("the policy lets nobody break the glass")
    if not set(by.roles).intersection(policy.glass.roles):
        needed = ", ".join(policy.glass.roles)
        raise NotAuthorisedError(f"{by.name} may not break the glass: it takes {needed}")
    for each in broken(ledger, policy):
        if each.is_overdue(at):
            raise UnmetError(
                f"nobody looked at {request_id(each.request)}, for which the glass was broken,"
                f" by {each.due:%Y-%m-%d %H:%M} UTC: quarantine glass review"
            )


def review(  # noqa: PLR0913  the words of one act
    store: Store,
    request: Request,
    *,
    sound: bool,
    because: str,
    by: Reviewer,
    signer: Signer,
    at: datetime,
) -> GlassReviewed:
    """Record what a second person thinks of what left alone; the first cannot be the second."""
    ledger = Ledger.read(store.acts())
    hasty = [v for v, _ in ledger.votes_on(request) if v.decision is Decision.BREAK_GLASS]
    if not hasty:
        raise UnmetError(f"the glass was not broken for request {request_id(request)}")
    if by.person in _persons(ledger, hasty[0], request):
        raise NotAuthorisedError(f"{by.name} asked for it or broke the glass; another must look")
    record = GlassReviewed(
        at=at, request=request.digest, by=by.name, key=by.key, sound=sound, because=because
    )
    store.record([act_of(record, signer)])
    return record


def _review(ledger: Ledger, request: Request, vote: Vote) -> GlassReviewed | None:
    out = _persons(ledger, vote, request)
    for each in ledger.reviewed:
        by = ledger.roster.reviewers.get(each.by)
        if each.request == request.digest and by is not None and by.person not in out:
            return each
    return None


def _persons(ledger: Ledger, vote: Vote, request: Request) -> set[str]:
    names = (vote.by, request.by)
    return {each.person for each in ledger.roster.reviewers.values() if each.name in names}
