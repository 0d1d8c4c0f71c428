"""Whether the people that a policy asks for can be found, and what it asks of them in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from approvals.electorate import Demand
from approvals.policy import Policy
from approvals.roster import Reviewer
from approvals.workflow import unfilled_roles


def demands(policy: Policy) -> Iterator[tuple[str, Demand]]:
    """Yield everything that people decide under `policy`, with what it must find."""
    quorum = policy.quorum
    yield "quorum", Demand(people=quorum.people, roles=quorum.roles, draw=quorum.draw)
    for risk in policy.risk:
        yield f"risk {risk.name!r}", Demand(people=risk.people, roles=risk.roles, draw=risk.draw)
    if policy.loosening is not None:
        yield "loosening", policy.demand_of_change()


def contradictions(policy: Policy) -> Iterator[str]:
    """Yield what nobody could ever meet, whoever the reviewers are."""
    for name, demand in demands(policy):
        if len(demand.roles) > demand.people:
            yield (
                f"{name}: {len(demand.roles)} roles cannot be filled by {demand.people} people,"
                " one person fills one role; raise people"
            )
        if demand.draw is not None and demand.draw < demand.people:
            yield f"{name}: draw ({demand.draw}) names fewer people than must approve"
    names = [risk.name for risk in policy.risk]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"risk {name!r}: two risks have this name"


def unreachable(policy: Policy, reviewers: Sequence[Reviewer]) -> Iterator[str]:
    """Yield why no choice of a requester leaves enough people to approve."""
    people: dict[str, set[str]] = {}
    for reviewer in reviewers:
        if reviewer.tenure.until is None:
            people.setdefault(reviewer.person, set()).update(reviewer.roles)
    for name, demand in demands(policy):
        yield from _unmet(name, demand, people)


def told(policy: Policy) -> list[str]:
    """Return what a policy asks of people beside its quorum, a line each, for one screen."""
    lines = [
        f"  {risk.name} (from {risk.rows:,} rows): {risk.people} people"
        + (f", filling {', '.join(risk.roles)}" if risk.roles else "")
        for risk in policy.risk
    ]
    if policy.quorum.draw is not None:
        lines.append(f"  {policy.quorum.draw} are drawn, and nobody else can approve")
    if policy.reading is not None:
        lines.append(
            f"  each reads rows that are drawn: at most {policy.reading.share:.0%} can be bad"
            f" ({policy.reading.confidence:.0%} sure)"
        )
    if policy.loosening is not None:
        lines.append(f"  a looser policy: {policy.loosening.people} people, then a wait")
    if policy.glass is not None:
        lines.append(f"  {'/'.join(policy.glass.roles)} may break the glass, looked at afterwards")
    return lines


def _unmet(name: str, demand: Demand, people: dict[str, set[str]]) -> Iterator[str]:
    if len(people) <= demand.people:
        yield (
            f"{name}: {demand.people} people besides the requester must approve,"
            f" the roster has {len(people)} people"
        )
        return
    lacking = [
        unfilled_roles(demand.roles, [list(roles) for who, roles in people.items() if who != by])
        for by in people
    ]
    if all(lacking):
        fewest = min(lacking, key=len)
        yield f"{name}: nobody can fill {', '.join(fewest)}, whoever makes the request"
