"""Whether a request may leave: decided again from the log, with its draw and what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals.attest import record_of
from approvals.drawing import Drawn, is_drawn, require_drawn
from approvals.guards import ReviewersDrawn
from approvals.model import Request, State
from approvals.policy import Policy
from approvals.roster import Roster
from approvals.sampling import needed, to_read
from approvals.workflow import Cast, Outcome, decide, request_id
from quarantine.errors import StaleError, UnmetError
from quarantine.model import Member
from quarantine.ports import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the decision on a request is made again from.

    `roles` are the roles' public keys (PEM), `size` the log that counts, `at` when it is decided.
    """

    store: Store
    roles: Mapping[str, str]
    policy: Policy
    request: Request
    votes: Sequence[Cast]
    size: int
    at: datetime

    @property
    def roster(self) -> Roster:
        """Who may speak and decide, as the whole log has it; the operator's word is checked."""
        roster = Roster(operator=self.roles.get("operator", ""))
        roster.follow(self.store.acts())
        return roster


@dataclass(frozen=True, slots=True)
class Permission:
    """Why a request may leave: the decision, and the draw where the policy asks for one."""

    outcome: Outcome
    drawn: Drawn | None

    @property
    def places(self) -> set[int]:
        """Return the log rows that prove it, beside the request's and the votes'."""
        return {self.drawn.place} if self.drawn else set()


def permitted(ground: Ground) -> Permission:
    """Decide again; raises `UnmetError` or `StaleError` where the request is not approved.

    Raises `TamperedError` for a draw that the releasing role did not make.
    """
    drawn = _drawn(ground)
    people = drawn.record.people if drawn else None
    reviewers = list(ground.roster.reviewers.values())
    outcome = decide(
        ground.policy, ground.request, ground.votes, reviewers, ground.at, drawn=people
    )
    if outcome.state is not State.APPROVED:
        name = request_id(ground.request)
        sentence = f"request {name} is {outcome.state}: {'; '.join(outcome.reasons)}"
        raise (StaleError if outcome.state is State.STALE else UnmetError)(sentence)
    return Permission(outcome, drawn)


def require_read(policy: Policy, members: Sequence[Member], given: Permission) -> None:
    """Refuse (`UnmetError`) an approval by somebody who was not shown the rows that were drawn."""
    if policy.reading is None or given.outcome.broken is not None:
        return
    indexes = [member.index for member in members]
    seed = given.drawn.record.proof if given.drawn else ""
    wanted = set(to_read(indexes, seed, needed(len(indexes), policy.reading)))
    for each in given.outcome.counted:
        if given.drawn is None or wanted - set(each.vote.read or ()):
            raise UnmetError(f"{each.vote.by} approved without reading the rows that were drawn")


def _drawn(ground: Ground) -> Drawn | None:
    """Return the first draw for the request, with its place in the log, its proof checked."""
    if not is_drawn(ground.policy, ground.request):
        return None
    for logged in ground.store.acts():
        if logged.act.kind == ReviewersDrawn.act and logged.index < ground.size:
            record = record_of(logged.act)
            if isinstance(record, ReviewersDrawn) and record.request == ground.request.digest:
                reviewers = list(ground.roster.reviewers.values())
                public = ground.roles.get("releasing", "")
                require_drawn(
                    record, ground.request, reviewers, public=public, policy=ground.policy
                )
                return Drawn(logged.index, record)
    return None
