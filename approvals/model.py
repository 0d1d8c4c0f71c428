"""The words of approval: every act that people and roles record, each a signed, frozen record."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from quarantine.model import Origin, Tier, Verdict
from quarantine.record import Moment, Record

ANY: Final = "*"
"""In a list of kinds, scopes or aspects: all of them."""
WITHDRAWN: Final = "withdrawn"
"""The name of the signal by which a source takes an earlier event of its own back."""


class Assurance(StrEnum):
    """How sure it is who a source is, from nothing to a channel that proves it; in this order."""

    NONE = "none"
    SELF_DECLARED = "self-declared"
    PLATFORM_USER = "platform-user"
    CHANNEL_AUTHENTICATED = "channel-authenticated"

    def reaches(self, level: Assurance) -> bool:
        """Say whether this is at least as sure as `level`."""
        order = list(Assurance)
        return order.index(self) >= order.index(level)


class ActRecord(Record):
    """Something done; `act` is its kind in the log and in its envelope's payload type."""

    act: ClassVar[str]

    at: Moment


class ProducerKey(Record):
    """A producer's key: its public half (PEM SubjectPublicKeyInfo), or none for an HMAC secret."""

    id: str
    algorithm: Literal["ed25519", "hmac-sha256"]
    public: str | None = None


class ProducerAdded(ActRecord):
    """A producer may speak from `at` on; said again with another key, the key is added.

    The key counts from `since` (else `at`) to `until` (else open); `budget` is how many events an
    hour are taken in at full speed, beyond it they wait. `assurance` is how sure it is who its
    sources are; where nobody said, it is their own word.
    """

    act = "producer-added"

    name: str
    key: ProducerKey
    kinds: tuple[str, ...] = (ANY,)
    scopes: tuple[str, ...] = (ANY,)
    origin: Origin = Origin.HUMAN
    owner: str = ""
    purpose: str = ""
    since: Moment | None = None
    until: Moment | None = None
    budget: Annotated[int, Field(gt=0)] | None = None
    assurance: Assurance | None = None


class ProducerRevoked(ActRecord):
    """A producer's `key` (all when absent) says nothing more; what it said `since` is held."""

    act = "producer-revoked"

    name: str
    key: str | None = None
    since: Moment


class ReviewerAdded(ActRecord):
    """`person` decides with this key from `at` on, in these roles; a person may have many."""

    act = "reviewer-added"

    name: str
    person: str
    key: str
    public: str
    roles: tuple[str, ...]


class ReviewerRevoked(ActRecord):
    """This name's key says nothing more from `since` on."""

    act = "reviewer-revoked"

    name: str
    since: Moment


class SourceRuled(ActRecord):
    """A person holds or clears a source; machines never overrule it."""

    act = "source-ruled"

    producer: str
    source: str
    ruling: Literal["hold", "clear"]
    because: str
    by: str


class SourceTiered(ActRecord):
    """A person says how well a source is known."""

    act = "source-tiered"

    producer: str
    source: str
    tier: Tier
    because: str
    by: str


class VerdictChanged(ActRecord):
    """Scoring came to think differently of a source."""

    act = "verdict-changed"

    producer: str
    source: str
    before: Verdict | None = None
    after: Verdict
    because: tuple[str, ...] = ()


class PolicyAdopted(ActRecord):
    """This policy is in force from `at` on; `toml` is its exact text."""

    act = "policy-adopted"

    policy: str
    toml: str


class HeldBack(Record):
    """A phrase that few stand behind: in so many `rows` of so many `clusters`, of which few `left`.

    `phrase` is spelled as people may read it (`safe`), and cut where it is long.
    """

    phrase: str
    rows: int
    clusters: int
    left: int


class Request(ActRecord):
    """Ask for exactly these events to leave: one scope, one kind, one Merkle root, one policy.

    `root` is the RFC 6962 root over the leaf hashes of the `rows` members in log order; `log_size`
    and `log_root` are the log it was made at; `dossiers` digests what was thought of the sources.
    `phrases` are those of which the policy's rule on support held rows back, absent where none.
    `replaces` names the release, taken back since, of which it asks for what still stands.
    """

    act = "request-made"

    scope: str
    kind: str
    purpose: str
    by: str
    key: str
    root: str
    rows: Annotated[int, Field(gt=0)]
    sources: int
    clusters: int
    policy: str
    dossiers: str
    log_size: int
    log_root: str
    until: Moment
    expires: Moment
    nonce: str
    phrases: tuple[HeldBack, ...] | None = None
    replaces: str | None = None


class Decision(StrEnum):
    """What a vote says."""

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    BREAK_GLASS = "break-glass"
    """Let it leave alone, with a reason; a second person looks afterwards."""


class Vote(ActRecord):
    """One person's word on exactly these bytes under exactly this policy.

    `read` are the log rows that were shown to them, where the policy asks to read some.
    """

    act = "vote-cast"

    request: str
    policy: str
    scope: str
    purpose: str
    decision: Decision
    by: str
    key: str
    because: str
    expires: Moment
    nonce: str
    read: tuple[int, ...] | None = None


class Released(ActRecord):
    """A release left: `manifest` is the SHA-256 of its manifest envelope's bytes.

    `log_size` is the log it was made from: with `at`, all that making it again needs.
    """

    act = "released"

    request: str
    scope: str
    kind: str
    name: str
    manifest: str
    rows: int
    log_size: int


class Revoked(ActRecord):
    """What a source said (between `since` and `until`) is taken back; `rows` were held then.

    An empty `source` is all of the producer's, an empty producer everybody; `key` (what arrived
    under it), `event`, `scope` and `target` narrow it where they are given.
    """

    act = "revoked"

    producer: str
    source: str
    since: Moment | None = None
    until: Moment | None = None
    key: str | None = None
    event: str | None = None
    scope: str | None = None
    target: str | None = None
    rows: int
    because: str
    by: str


class ReleaseYanked(ActRecord):
    """A release is taken back as a whole, whatever is thought of its rows; nobody opens it more."""

    act = "release-yanked"

    name: str
    manifest: str
    because: str
    by: str


class Consumed(ActRecord):
    """A training job used a release: `model` is the URI of what it made."""

    act = "release-consumed"

    name: str
    manifest: str
    model: str


class State(StrEnum):
    """Where a request stands; always derived, never stored."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    STALE = "stale"
    RELEASED = "released"
