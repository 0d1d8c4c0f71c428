"""Every act there is, by its name: what a log may hold and what a reader can read of it."""

from __future__ import annotations

from typing import Final

from approvals.drills import DRILLS
from approvals.erasures import ERASURES
from approvals.gate import GATES
from approvals.gold import GoldAdded
from approvals.guards import GUARDS
from approvals.mishaps import MISHAPS
from approvals.model import (
    ActRecord,
    Consumed,
    PolicyAdopted,
    ProducerAdded,
    ProducerRevoked,
    Released,
    ReleaseYanked,
    Request,
    ReviewerAdded,
    ReviewerRevoked,
    Revoked,
    SourceRuled,
    SourceTiered,
    VerdictChanged,
    Vote,
)
from approvals.retirements import RETIREMENTS
from approvals.windows import WINDOWS

ACTS: Final[dict[str, type[ActRecord]]] = {
    each.act: each
    for each in (
        ProducerAdded,
        ProducerRevoked,
        ReviewerAdded,
        ReviewerRevoked,
        SourceRuled,
        SourceTiered,
        VerdictChanged,
        *MISHAPS,
        PolicyAdopted,
        Request,
        Vote,
        Released,
        Revoked,
        ReleaseYanked,
        Consumed,
        GoldAdded,
        *GUARDS,
        *WINDOWS,
        *DRILLS,
        *ERASURES,
        *RETIREMENTS,
        *GATES,
    )
}
