"""What the policy asks before a case is decided, and whether this reviewer may let it through."""

from __future__ import annotations

from typing import NamedTuple

from approvals.appeals import require_other
from approvals.desk import require_ruler, require_voter, rows_to_read
from approvals.model import ANY, Decision, Request
from approvals.policy import Policy
from approvals.screen.model import Case
from approvals.screen.seat import Seat
from quarantine.errors import RefusedError
from quarantine.model import Dossier
from quarantine.safe import Safe, safe


class Rights(NamedTuple):
    """What a decision needs, and why this reviewer may not say yes (empty when they may).

    `reading` are the log rows that must be read before a request is approved.
    """

    needs: Safe
    hindrance: Safe
    reading: tuple[int, ...] = ()


def rights(seat: Seat, case: Case) -> Rights:
    """Say what `case` needs and whether `seat` may let it through, as the desk would answer now.

    Who voted before is not told: a second look is worth something because it does not know.
    """
    if isinstance(case.subject, Request):
        return _on_request(seat, case.subject)
    return Rights(
        safe("one signature, which no machine overrules"),
        _hindrance(seat, case.subject, appealed=bool(case.appeal)),
    )


def _quorum(request: Request, policy: Policy) -> Safe:
    quorum = policy.quorum
    roles = f", filling {', '.join(quorum.roles)}" if quorum.roles else ""
    veto = "anybody" if ANY in quorum.veto else "/".join(quorum.veto)
    return safe(
        f"{quorum.people} people besides {request.by}{roles}; {veto} can stop it;"
        f" until {request.expires:%m-%d %H:%M}"
    )


def _on_request(seat: Seat, request: Request) -> Rights:
    policy = seat.policy()
    needs = _quorum(request, policy)
    try:
        require_voter(seat.store, request, Decision.APPROVE, **seat.terms())
        reading = rows_to_read(seat.store, request, policy)
    except RefusedError as refused:
        return Rights(needs, safe(str(refused), 300))
    return Rights(needs, safe(""), tuple(reading))


def _hindrance(seat: Seat, dossier: Dossier, *, appealed: bool) -> Safe:
    roster = seat.roster()
    try:
        require_ruler(roster, dossier.key, "clear", **seat.hand())
        if appealed:
            require_other(seat.store.acts(), roster, dossier.key, seat.name)
    except RefusedError as refused:
        return safe(str(refused), 300)
    return safe("")
