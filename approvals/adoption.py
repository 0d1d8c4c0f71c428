"""Which policy is in force: a tighter one at once, a looser one by its own quorum and a wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Unpack

from approvals.attest import act_of
from approvals.desk import Terms, require_reason, require_seat
from approvals.guards import PolicyProposed
from approvals.ledger import Adopted, Ledger
from approvals.loosening import delay_of, loosened
from approvals.model import Decision, State, Vote
from approvals.policy import Policy
from approvals.rules import load
from approvals.workflow import Cast, Outcome, decide, request_id, requesters
from quarantine.errors import NotAuthorisedError, StaleError, UnmetError, UsageError
from quarantine.ports import Store


class Step(NamedTuple):
    """The policy in force, whether it is to be recorded first, and why a newer text waits."""

    policy: Policy
    is_new: bool
    waiting: str = ""


def step(ledger: Ledger, text: str, at: datetime) -> Step:
    """Say which policy is in force when the policy file says `text` at `at`.

    The first policy and a tighter one are in force at once. A looser one is when a proposal of it
    was approved under the policy before it, and has waited; until then the one before stays.
    """
    present, policy = in_force(ledger), load(text)
    if present is None or policy.digest == present.digest:
        return Step(policy, is_new=present is None)
    ways = loosened(present, policy)
    if not ways:
        return Step(policy, is_new=True)
    since = effective(ledger, present, policy)
    if since is not None and since <= max(at, ledger.newest):
        return Step(policy, is_new=True)
    when = f"from {since:%Y-%m-%d %H:%M} UTC on" if since else "when people approve it"
    more = f" and {len(ways) - 1} more" if len(ways) > 1 else ""
    return Step(present, is_new=False, waiting=f"it is looser ({ways[0]}{more}): in force {when}")


def in_force(ledger: Ledger) -> Policy | None:
    """Return the newest policy that was lawfully adopted, absent before the first."""
    present = None
    for policy, fault in _history(ledger):
        present = present if fault else policy
    return present


def unlawful(ledger: Ledger) -> list[str]:
    """Return a sentence for each policy that was put in force past the people who should agree."""
    return [fault for _, fault in _history(ledger) if fault]


def effective(ledger: Ledger, present: Policy, policy: Policy) -> datetime | None:
    """Return from when on `policy` may replace `present`; absent while nobody agreed to it."""
    found = [
        since
        for _, proposal in ledger.proposals
        if (proposal.policy, proposal.proposed) == (present.digest, policy.digest)
        and (since := _met(ledger, proposal, present)) is not None
    ]
    return min(found) + delay_of(present) if found else None


def propose(store: Store, text: str, *, because: str, **terms: Unpack[Terms]) -> PolicyProposed:
    """Ask for a looser policy than the one in force (`terms["policy"]`), under whose quorum it is.

    Raises `UsageError` where it is no looser: such a policy needs nobody and is put in place.
    """
    by, present, at = terms["by"], terms["policy"], terms["at"]
    require_seat(terms["roster"], by, terms["signer"], at)
    require_reason(because)
    policy = load(text)
    ways = loosened(present, policy)
    if not ways:
        raise UsageError("it is no looser than the policy in force: put it in its place")
    record = PolicyProposed(
        at=at,
        by=by.name,
        key=by.key,
        policy=present.digest,
        proposed=policy.digest,
        toml=text,
        loosens=ways,
        because=because,
        expires=at + present.quorum.request_ttl,
        nonce=terms["nonce"],
    )
    store.record([act_of(record, terms["signer"])])
    return record


def cast_on(
    store: Store,
    proposal: PolicyProposed,
    decision: Decision,
    *,
    because: str,
    **terms: Unpack[Terms],
) -> Vote:
    """Record one person's signed vote on a looser policy; refuses as `desk.cast` does."""
    by, at = terms["by"], terms["at"]
    require_reason(because)
    vote = Vote(
        at=at,
        request=proposal.digest,
        policy=proposal.policy,
        scope=proposal.scope,
        purpose=proposal.purpose,
        decision=decision,
        by=by.name,
        key=by.key,
        because=because,
        expires=min(at + terms["policy"].quorum.vote_ttl, proposal.expires),
        nonce=terms["nonce"],
    )

    def require() -> None:
        require_seat(terms["roster"], by, terms["signer"], at)
        ledger = Ledger.read(store.acts(), terms["roster"].operator)
        _require_other(ledger, proposal, decision, by.person)
        _require_open(stands(ledger, proposal, terms["policy"], at), proposal)

    store.record([act_of(vote, terms["signer"])], require=require)
    return vote


def stands(ledger: Ledger, proposal: PolicyProposed, present: Policy, at: datetime) -> Outcome:
    """Return where a proposal stands at `at` under the policy in force."""
    votes = _casts(ledger, proposal)
    return decide(present, proposal, votes, list(ledger.roster.reviewers.values()), at)


def _history(ledger: Ledger) -> Iterator[tuple[Policy, str]]:
    """Yield each policy that was put in force, with why it never was (empty where it was)."""
    present: Policy | None = None
    for adopted in ledger.adopted:
        policy = load(adopted.record.toml)
        fault = _fault(ledger, present, policy, adopted)
        yield policy, fault
        if not fault:
            present = policy


def _fault(ledger: Ledger, present: Policy | None, policy: Policy, adopted: Adopted) -> str:
    where = f"the policy put in force at log row {adopted.place}"
    if policy.digest != adopted.record.policy:
        return f"{where} is not the one that it names"
    if present is None or not loosened(present, policy):
        return ""
    since = effective(ledger, present, policy)
    if since is None:
        return f"{where} is looser, and nobody agreed to it"
    if adopted.by_then < since:
        return f"{where} is looser, and did not wait until {since:%Y-%m-%d %H:%M} UTC"
    return ""


def _met(ledger: Ledger, proposal: PolicyProposed, present: Policy) -> datetime | None:
    """Return since when the quorum is met, by the log's own time at each vote; absent if it is not.

    Votes run out, an agreement that was reached in time does not: it waits out its delay.
    """
    votes = _casts(ledger, proposal)
    people = list(ledger.roster.reviewers.values())
    since = None
    for count, cast in enumerate(votes, start=1):
        then = cast.logged or cast.vote.at
        outcome = decide(present, proposal, votes[:count], people, then)
        if outcome.state is not State.APPROVED:
            since = None
        elif since is None:
            since = then
    return since


def _casts(ledger: Ledger, proposal: PolicyProposed) -> list[Cast]:
    return [
        Cast(vote, vote.key, noted.logged.index, noted.by_then)
        for vote, noted in ledger.votes_on(proposal)
    ]


def _require_other(
    ledger: Ledger, proposal: PolicyProposed, decision: Decision, person: str
) -> None:
    made_it = requesters(proposal, list(ledger.roster.reviewers.values()))
    if decision is Decision.APPROVE and person in made_it:
        raise NotAuthorisedError(f"{person} proposed {request_id(proposal)} and cannot approve it")
    if decision is Decision.BREAK_GLASS:
        raise NotAuthorisedError("no glass can be broken for a policy")


def _require_open(now: Outcome, proposal: PolicyProposed) -> None:
    name = request_id(proposal)
    if now.state is State.STALE:
        raise StaleError(f"proposal {name}: {'; '.join(now.reasons)}")
    if now.state is State.EXPIRED:
        raise UnmetError(f"proposal {name} is {now.state}: {'; '.join(now.reasons)}")
