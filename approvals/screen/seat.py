"""A reviewer's seat at the desk: whose it is, the key, and what the desk asks for each act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from approvals.desk import Hand, Terms, require_seat
from approvals.policy import Policy
from approvals.ports import Signer
from approvals.probes import Probe
from approvals.roster import Reviewer, Roster
from quarantine.errors import NotAuthorisedError, UsageError
from quarantine.model import SourceKey
from quarantine.ports import Store
from quarantine.safe import safe


@dataclass(frozen=True, slots=True)
class KeyLeftAtHome:
    """The public half of a reviewer's key: enough to look and to be told what one may."""

    reviewer: Reviewer

    @property
    def key_id(self) -> str:
        """Return the id of the reviewer's key."""
        return self.reviewer.key

    @property
    def public(self) -> str:
        """Return the reviewer's public key."""
        return self.reviewer.public

    def sign(self, message: bytes) -> bytes:
        """Refuse: nothing is signed without the private half."""
        del message
        raise UsageError("nothing can be signed without a key: give --sign")


Trying = Callable[[str, str], AbstractContextManager[None]]
"""A block in which an act (what, about whom) is tried."""


def _unwatched(what: str, about: str) -> AbstractContextManager[None]:
    del what, about
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Seat:
    """Who reviews, with which key, on which store; policy and roster are those in force when asked.

    The roster and the policy may change while somebody reads: each act asks for them anew.
    `probes` are the sources that nobody is; `trying` writes down what a rule refuses.
    """

    store: Store
    name: str
    signer: Signer
    now: Callable[[], datetime]
    nonce: Callable[[], str]
    policy: Callable[[], Policy]
    roster: Callable[[], Roster]
    probes: Mapping[SourceKey, Probe] = field(default_factory=dict)
    trying: Trying = _unwatched

    @property
    def can_sign(self) -> bool:
        """Say whether there is a private key here."""
        return not isinstance(self.signer, KeyLeftAtHome)

    def reviewer(self, roster: Roster) -> Reviewer:
        """Return whose seat it is; `NotAuthorisedError` when nobody has the name, or not now."""
        by = roster.reviewers.get(self.name)
        if by is None:
            raise NotAuthorisedError(f"there is no reviewer {safe(self.name)}")
        require_seat(roster, by, self.signer, self.now())
        return by

    def hand(self) -> Hand:
        """Return who acts, now, as `desk.rule_source` asks for it."""
        return Hand(by=self.reviewer(self.roster()), signer=self.signer, at=self.now())

    def terms(self) -> Terms:
        """Return on which terms somebody votes, now, as `desk.cast` asks for them."""
        roster = self.roster()
        return Terms(
            by=self.reviewer(roster),
            signer=self.signer,
            at=self.now(),
            policy=self.policy(),
            roster=roster,
            nonce=self.nonce(),
        )
