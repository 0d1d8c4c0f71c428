"""Who acts: a name of the roster with its own key, at a time when it counts, for a reason."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict

from approvals.policy import Policy
from approvals.ports import Signer
from approvals.roster import Reviewer, Roster
from quarantine.errors import NotAuthorisedError, UsageError


class Hand(TypedDict):
    """Who acts, with which key, when (UTC)."""

    by: Reviewer
    signer: Signer
    at: datetime


class Terms(Hand):
    """Under which policy and roster somebody acts; `nonce` is 128 bits that nobody could know.

    `read` are the log rows that were shown to them, see `rows_to_read`.
    """

    policy: Policy
    roster: Roster
    nonce: str
    read: NotRequired[tuple[int, ...]]


class Asked(Terms):
    """What a request asks for: one scope, one kind, what arrived up to `until`.

    Where it `replaces` a release that was taken back, what still stands of that one alone.
    """

    scope: str
    kind: str
    until: datetime
    purpose: NotRequired[str]
    replaces: NotRequired[str | None]


def require_seat(roster: Roster, by: Reviewer, signer: Signer, at: datetime) -> None:
    """Refuse (`NotAuthorisedError`) who is not in the roster with this key and at this time."""
    if roster.reviewers.get(by.name) != by:
        raise NotAuthorisedError(f"{by.name} is not in the roster as this reviewer")
    if signer.key_id != by.key:
        raise NotAuthorisedError(f"key {signer.key_id} is not the one registered for {by.name}")
    if not by.tenure.covers(at):
        raise NotAuthorisedError(f"{by.name} does not decide at {at:%Y-%m-%d %H:%M} UTC")


def require_reason(because: str) -> None:
    """Refuse (`UsageError`) an act that nobody gave a reason for."""
    if not because.strip():
        raise UsageError("say why: --because needs words")
