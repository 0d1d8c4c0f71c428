"""A policy tried on a table of cases: what should leave, what should stay, who should be enough."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from approvals.electorate import Duration, Part, Word
from approvals.model import Decision, Request, Vote
from approvals.policy import Claim, Policy, Rule, judge
from approvals.roster import Reviewer, Tenure
from approvals.workflow import Cast, decide
from quarantine.errors import UsageError
from quarantine.model import Origin, Tier

_START: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LONG: Final = timedelta(days=3650)


class EventCase(Part):
    """An event of a source of some `age`, `held` for some time, and whether it may leave.

    The source met `answered` known answers, and got `right` of them right.
    """

    name: Word
    scope: Word
    kind: Word
    origin: Annotated[Origin, Field(strict=False)]
    tier: Annotated[Tier, Field(strict=False)]
    aspect: str = ""
    label: str = ""
    target: str = ""
    age: Duration = _LONG
    held: Duration = _LONG
    answered: Annotated[int, Field(ge=0)] = 0
    right: Annotated[int, Field(ge=0)] = 0
    expect: Literal["leaves", "stays"]


class VoteCase(Part):
    """Who approves or rejects a request of so many rows, with which roles (`name: [roles]`)."""

    name: Word
    scope: Word
    kind: Word
    rows: Annotated[int, Field(gt=0)]
    approve: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    reject: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    expect: Literal["approved", "pending", "rejected"]


class Cases(Part):
    """A table of cases: `[[event]]` and `[[vote]]`."""

    event: tuple[EventCase, ...] = ()
    vote: tuple[VoteCase, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """One case: what was expected, what came, and why."""

    name: str
    expected: str
    came: str
    because: str

    @property
    def is_right(self) -> bool:
        """Say whether what was expected came."""
        return self.expected == self.came


def read_cases(text: str) -> Cases:
    """Read a table of cases (TOML), strictly; `UsageError` names what is wrong in it."""
    try:
        cases = Cases.model_validate_json(json.dumps(tomllib.loads(text)))
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise UsageError(f"the cases are no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"the cases are wrong at {where}: {first['msg']}") from error
    if not cases.event and not cases.vote:
        raise UsageError("there are no cases: an empty table never passes")
    return cases


def tried(policy: Policy, cases: Cases) -> list[Tried]:
    """Try every case; none changes or reads anything."""
    return [
        *(_tried_event(policy, case) for case in cases.event),
        *(_tried_vote(policy, case) for case in cases.vote),
    ]


def _tried_event(policy: Policy, case: EventCase) -> Tried:
    claim = Claim(
        case.scope, case.kind, case.origin, case.tier, case.aspect, case.label, case.target
    )
    found = judge(policy, claim)
    if found is None:
        return Tried(case.name, case.expect, "stays", "no rule admits it")
    if not isinstance(found, Rule):
        return Tried(case.name, case.expect, "stays", f"denied: {found.name}")
    if case.age < found.min_age or case.held < found.dwell:
        return Tried(case.name, case.expect, "stays", f"it has to wait longer: {found.name}")
    if found.needs_gold is not None and not found.needs_gold.met(case.answered, case.right):
        why = f"too few known answers right: {found.name}"
        return Tried(case.name, case.expect, "stays", why)
    return Tried(case.name, case.expect, "leaves", f"admitted: {found.name}")


def _tried_vote(policy: Policy, case: VoteCase) -> Tried:
    asked = Reviewer("(who asks)", "(who asks)", "0", "", (), Tenure(_START))
    said = [(who, roles, Decision.APPROVE) for who, roles in case.approve.items()]
    said += [(who, roles, Decision.REJECT) for who, roles in case.reject.items()]
    people = [Reviewer(who, who, who, "", roles, Tenure(_START)) for who, roles, _ in said]
    request = _request(policy, case, asked)
    rows = tuple(range(case.rows))
    votes = [
        Cast(_vote(request, who, decision, rows), who, place)
        for place, (who, _, decision) in enumerate(said)
    ]
    drawn = [who for who, _, _ in said]
    found = decide(policy, request, votes, [asked, *people], _START, drawn=drawn)
    return Tried(case.name, case.expect, found.state.value, "; ".join(found.reasons))


def _request(policy: Policy, case: VoteCase, by: Reviewer) -> Request:
    return Request(
        at=_START,
        scope=case.scope,
        kind=case.kind,
        purpose="training",
        by=by.name,
        key=by.key,
        root="",
        rows=case.rows,
        sources=1,
        clusters=1,
        policy=policy.digest,
        dossiers="",
        log_size=0,
        log_root="",
        until=_START,
        expires=_START + policy.quorum.request_ttl,
        nonce="",
    )


def _vote(request: Request, who: str, decision: Decision, rows: tuple[int, ...]) -> Vote:
    return Vote(
        at=_START,
        request=request.digest,
        policy=request.policy,
        scope=request.scope,
        purpose=request.purpose,
        decision=decision,
        by=who,
        key=who,
        because="a case",
        expires=request.expires,
        nonce=who,
        read=rows,
    )
