"""Who looks is drawn, not chosen: by a signature that nobody could know before, for all to check.

The releasing role signs the request's digest with the log that holds it (Ed25519, RFC 8032:
deterministic), and the people follow from the signature alone. Whoever asks cannot compute it and
so cannot ask until the draw suits them; every try stands in the log. Whoever holds the releasing
key could choose, as they could forge a release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature

from approvals.attest import act_of
from approvals.electorate import Demand
from approvals.guards import ReviewersDrawn
from approvals.keys import read_public
from approvals.ledger import Ledger
from approvals.model import Request
from approvals.policy import Policy
from approvals.ports import Signer
from approvals.roster import Reviewer
from approvals.workflow import Question, requesters, unfilled_roles
from quarantine.errors import TamperedError
from quarantine.ports import Store


class Drawn(NamedTuple):
    """A draw with its place in the log."""

    place: int
    record: ReviewersDrawn


def draw(
    store: Store, policy: Policy, ledger: Ledger, *, signer: Signer, at: datetime
) -> list[ReviewersDrawn]:
    """Draw for every request under `policy` that waits for it; return what was recorded.

    `signer` is the releasing role's key. Running it twice draws once.
    """
    drawn = []
    reviewers = list(ledger.roster.reviewers.values())
    for index, request in ledger.requests:
        if request.policy != policy.digest or request.digest in ledger.drawn:
            continue
        if not is_drawn(policy, request):
            continue
        size = index + 1
        root = store.frontier(size).root().hex()
        proof = signer.sign(_message(request, size, root)).hex()
        record = ReviewersDrawn(
            at=at,
            request=request.digest,
            log_size=size,
            log_root=root,
            proof=proof,
            people=people(proof, request, reviewers, demand_of(policy, request)),
        )
        store.record([act_of(record, signer)])
        drawn.append(record)
    return drawn


def is_drawn(policy: Policy, request: Question) -> bool:
    """Say whether chance has a part in this request: who looks, or what they read."""
    return policy.reading is not None or demand_of(policy, request).draw is not None


def demand_of(policy: Policy, request: Question) -> Demand:
    """Return what `request` must find under `policy`."""
    return policy.demand(request.scope, request.kind, request.rows)


def people(
    proof: str, request: Question, reviewers: Sequence[Reviewer], demand: Demand
) -> tuple[str, ...]:
    """Return the persons who follow from `proof`; none where the policy draws nobody.

    Those in the roster when it was asked, but who asked, in an order that the proof gives; whom
    the roles need is kept a place for.
    """
    if demand.draw is None:
        return ()
    able = _able(request, reviewers)
    chosen: list[str] = []
    for person in sorted(
        able, key=lambda each: hashlib.sha256(f"{proof}/{each}".encode()).digest()
    ):
        lacking = _lacking(demand, [able[each] for each in chosen])
        helps = _lacking(demand, [able[each] for each in (*chosen, person)]) < lacking
        if len(chosen) + lacking < demand.draw or (helps and len(chosen) < demand.draw):
            chosen.append(person)
    return tuple(chosen)


def require_drawn(
    drawn: ReviewersDrawn,
    request: Request,
    reviewers: Sequence[Reviewer],
    *,
    public: str,
    policy: Policy,
) -> None:
    """Refuse (`TamperedError`) a draw whose proof `public` (PEM) did not sign for this request.

    The people must be those who follow from the proof: who leaves the roster later, and was not
    drawn, changes nothing in that.
    """
    message = _message(request, drawn.log_size, drawn.log_root)
    try:
        read_public(public).verify(bytes.fromhex(drawn.proof), message)
    except (InvalidSignature, ValueError) as error:
        raise TamperedError("the draw's proof is not the releasing role's") from error
    wanted = people(drawn.proof, request, reviewers, demand_of(policy, request))
    if drawn.request != request.digest or drawn.people != wanted:
        raise TamperedError("the draw names other people than follow from its proof")


def _able(request: Question, reviewers: Iterable[Reviewer]) -> dict[str, tuple[str, ...]]:
    """Return the roles, by person, of all who could be drawn."""
    known = list(reviewers)
    out = requesters(request, known)
    found: dict[str, tuple[str, ...]] = {}
    for each in known:
        if each.person not in out and each.tenure.covers(request.at):
            found[each.person] = (*found.get(each.person, ()), *each.roles)
    return found


def _lacking(demand: Demand, roles: Sequence[Sequence[str]]) -> int:
    return len(unfilled_roles(demand.roles, roles))


def _message(request: Question, size: int, root: str) -> bytes:
    return f"feedback-quarantine draw/1\n{request.digest}\n{size}\n{root}\n".encode()
