"""What a key said before it was revoked: it counts, and is listed to be looked at anew."""

from __future__ import annotations

from typing import NamedTuple

from approvals.ledger import Ledger
from approvals.model import Released, Request, Vote
from quarantine.ports import Store


class Relisted(NamedTuple):
    """A vote that still counts, the request it is on, and the release that left with it, if any."""

    vote: Vote
    request: Request
    released: Released | None


def relisted(store: Store, name: str) -> list[Relisted]:
    """Return the votes that a reviewer's name cast while it counted, oldest first.

    What its key said after the time of its revocation, or dated back to before it, counts for
    nothing anywhere and is not listed.
    """
    ledger = Ledger.read(store.acts())
    tenure = ledger.roster.reviewers[name].tenure
    return [
        Relisted(vote, request, ledger.released.get(request.digest))
        for _, request in ledger.requests
        for vote, noted in ledger.votes_on(request)
        if vote.by == name and tenure.covers(vote.at) and tenure.covers(noted.by_then)
    ]
