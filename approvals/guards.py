"""The words of guarding the gate: what was refused, drawn, loosened, appealed, and who is awake."""

from __future__ import annotations

from typing import Final, Literal

from approvals.model import ActRecord
from quarantine.record import Moment

CHANGE: Final = "policy-change"
"""What a vote on a policy says where one on a request says its purpose."""


class Refused(ActRecord):
    """Somebody tried `what` on `about` and a rule said no; `last` ends what an hour writes."""

    act = "refused"

    what: str
    by: str
    about: str
    because: str
    last: bool = False


class PolicyProposed(ActRecord):
    """Ask for a looser policy: `proposed` is its digest, `toml` its exact text.

    `policy` is the one in force, under whose quorum people vote on this; `loosens` says how.
    """

    act = "policy-proposed"

    scope: Literal["policy"] = "policy"
    kind: Literal["policy"] = "policy"
    purpose: Literal["policy-change"] = CHANGE
    rows: Literal[1] = 1
    by: str
    key: str
    policy: str
    proposed: str
    toml: str
    loosens: tuple[str, ...]
    because: str
    expires: Moment
    nonce: str


class ReviewersDrawn(ActRecord):
    """Nobody chose who looks: `people` follow from `proof` and the roster, best placed first.

    `proof` is the releasing key's Ed25519 signature (hex) over the request and the log behind it.
    """

    act = "reviewers-drawn"

    request: str
    log_size: int
    log_root: str
    proof: str
    people: tuple[str, ...]


class GlassReviewed(ActRecord):
    """A second person looked at a release that left by broken glass, and says what they think."""

    act = "glass-reviewed"

    request: str
    by: str
    key: str
    sound: bool
    because: str


class Appealed(ActRecord):
    """Somebody speaks for a source that is held; a person who did not hold it is to rule anew."""

    act = "appealed"

    producer: str
    source: str
    because: str
    by: str


class ProbesPlanted(ActRecord):
    """Cases with known answers will be shown; each of `seals` commits to one and tells nothing."""

    act = "probes-planted"

    seals: tuple[str, ...]


class ProbeAnswered(ActRecord):
    """A reviewer decided on a probe: its seal is opened by `salt`, and the answer held against it.

    `bad` is what the probe was made to be, `attack` its class (empty for a good one).
    """

    act = "probe-answered"

    seal: str
    salt: str
    by: str
    bad: bool
    attack: str
    answer: Literal["hold", "clear"]


class ProbeAppealed(ActRecord):
    """A reviewer says that a probe's known answer is wrong."""

    act = "probe-appealed"

    seal: str
    because: str
    by: str


class ProbeStruck(ActRecord):
    """Another person agrees: the probe counts for nobody."""

    act = "probe-struck"

    seal: str
    because: str
    by: str


GUARDS: Final = (
    Refused,
    PolicyProposed,
    ReviewersDrawn,
    GlassReviewed,
    Appealed,
    ProbesPlanted,
    ProbeAnswered,
    ProbeAppealed,
    ProbeStruck,
)
"""Every act of guarding."""
