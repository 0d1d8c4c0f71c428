"""The words of a policy: who may change what, how soon, how much; denied where nothing matches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AfterValidator, Field, PrivateAttr

from approvals.conditions import Gate, GoldNeed, gate_for
from approvals.electorate import (
    Count,
    Demand,
    Duration,
    Glass,
    Loosening,
    Part,
    Probing,
    Quorum,
    Reading,
    Risk,
    Share,
    Word,
    Words,
    Workload,
)
from approvals.model import ANY, Assurance
from quarantine.envelope import kinds
from quarantine.model import Origin, Tier, Verdict

_LARGEST_SMALL: Final = 10_000
MILLION: Final = 1_000_000
"""Shares are counted in millionths, so that a budget is met or not and never nearly."""


def _kind(words: tuple[str, ...]) -> tuple[str, ...]:
    return _among(words, sorted(kind.name for kind in kinds().values()))


def _origin(words: tuple[str, ...]) -> tuple[str, ...]:
    return _among(words, list(Origin))


def _tier(words: tuple[str, ...]) -> tuple[str, ...]:
    return _among(words, list(Tier))


def _among(words: tuple[str, ...], known: Sequence[str]) -> tuple[str, ...]:
    for word in words:
        if word not in (ANY, *known):
            raise ValueError(f"there is no {word!r}; there are {', '.join(known)}")
    return words


Level = Annotated[Assurance, Field(strict=False)]


class Claim(NamedTuple):
    """All of an event and its source that a rule looks at.

    `aspect` is empty where none is said, `label` where the kind has none.
    """

    scope: str
    kind: str
    origin: Origin
    tier: Tier
    aspect: str = ""
    label: str = ""
    target: str = ""


class Reach(Part):
    """What a rule speaks of: every list must hold the claim's word, or be `["*"]`.

    In `targets` alone a word that ends in `*` stands for all that begin so.
    """

    name: Word
    scopes: Words
    kinds: Annotated[Words, AfterValidator(_kind)]
    origins: Annotated[Words, AfterValidator(_origin)]
    tiers: Annotated[Words, AfterValidator(_tier)]
    aspects: Words = (ANY,)
    labels: Words = (ANY,)
    targets: Words = (ANY,)

    @property
    def lists(self) -> tuple[tuple[str, ...], ...]:
        """Return the six lists of plain words in the order of `Claim`; targets come behind them."""
        return (self.scopes, self.kinds, self.origins, self.tiers, self.aspects, self.labels)

    def matches(self, claim: Claim) -> bool:
        """Say whether this rule speaks of `claim`."""
        plain = zip(self.lists, claim[:-1], strict=True)
        return all(ANY in words or word in words for words, word in plain) and any(
            _begins(word, claim.target) for word in self.targets
        )

    def covers(self, other: Reach) -> bool:
        """Say whether this rule speaks of everything that `other` speaks of."""
        return all(
            ANY in mine or (ANY not in theirs and set(theirs) <= set(mine))
            for mine, theirs in zip(self.lists, other.lists, strict=True)
        ) and all(any(_begins(mine, word) for mine in self.targets) for word in other.targets)


def _begins(word: str, target: str) -> bool:
    """Say whether a word of `targets` stands for `target`, or for all that another word does."""
    return target.startswith(word[:-1]) if word.endswith(ANY) else target == word


class Deny(Reach):
    """What never leaves, whatever another rule says."""


class Rule(Reach):
    """What may leave: when the source is `min_age` old and the event has waited for `dwell`.

    At most `share` of a release comes through this rule, and at most `share_of_scope` of all that
    its scope has ever released, this release included: the limit for kinds that only machines
    speak, which would otherwise be all of their release. Who registered a producer said how sure it
    is who its sources are; less sure than `assurance` stays. Where it says `needs_gold`, a source
    that met fewer known answers, or missed more of them, stays too.
    """

    min_age: Duration
    dwell: Duration
    assurance: Level = Assurance.NONE
    share: Share = 1.0
    share_of_scope: Share = 1.0
    needs_gold: GoldNeed | None = None


class Voice(Part):
    """What one source, or one cluster, can weigh: in a release, ever, and on one target."""

    rows: Count
    share: Share
    lifetime: Count
    per_target: Count


class ProducerBudget(Part):
    """What one producer can weigh in a release, however many sources it vouches for."""

    rows: Count
    share: Share


class Budget(Part):
    """Caps on influence; the same for every tier, since trust buys speed and never weight."""

    source: Voice
    cluster: Voice
    producer: ProducerBudget


class Support(Part):
    """A target in more than `rows` rows needs `clusters` independent clusters behind it."""

    rows: Count
    clusters: Count


class PhraseSupport(Part):
    """A phrase of up to `words` words in more than `rows` rows needs `clusters` clusters behind it.

    In a release of at most `small` rows so many would be much of it: there fewer clusters have it
    in `rows` / `clusters` rows for each of them. All but that holds where a policy does not speak
    of it; with `words` 0 nothing is asked of phrases.
    """

    rows: Count = 30
    clusters: Count = 10
    words: Annotated[int, Field(ge=0, le=5)] = 5
    small: Annotated[int, Field(ge=0, le=_LARGEST_SMALL)] = 0

    @property
    def each(self) -> int:
        """Return in how many rows of a small release a phrase may stand for each cluster."""
        return self.rows // self.clusters


class Verdicts(Part):
    """Sources of which verdicts stay behind; `hold` always does."""

    leave_out: Annotated[tuple[Verdict, ...], Field(min_length=1)]


class Policy(Part):
    """A policy as its file says it; `digest` is the SHA-256 of the exact text."""

    version: Literal[1]
    name: Word
    rule: Annotated[tuple[Rule, ...], Field(min_length=1)]
    deny: tuple[Deny, ...] = ()
    budget: Budget
    support: Support
    phrases: PhraseSupport = PhraseSupport()
    quorum: Quorum
    verdicts: Verdicts
    risk: tuple[Risk, ...] = ()
    loosening: Loosening | None = None
    glass: Glass | None = None
    reading: Reading | None = None
    workload: Workload | None = None
    probing: Probing | None = None
    gate: tuple[Gate, ...] = ()
    _text: str = PrivateAttr()

    def model_post_init(self, context: object) -> None:
        """Keep the text that this was read from."""
        if not isinstance(context, str):
            raise TypeError("a policy is made by rules.load, from its text")
        self._text = context

    @property
    def text(self) -> str:
        """Return the exact text."""
        return self._text

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the text's bytes (UTF-8), in lower-case hex."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    def demand(self, scope: str, kind: str, rows: int) -> Demand:
        """Return what a request for so many rows must find, by its risk or as any other."""
        for risk in self.risk:
            if risk.speaks_of(scope, kind, rows):
                return Demand(people=risk.people, roles=risk.roles, draw=risk.draw)
        quorum = self.quorum
        return Demand(people=quorum.people, roles=quorum.roles, draw=quorum.draw)

    def gate_for(self, scope: str, kind: str) -> Gate | None:
        """Return what must be measured before such rows leave; absent where nothing must."""
        return gate_for(self.gate, scope, kind)

    def demand_of_change(self) -> Demand:
        """Return what a looser policy must find: `[loosening]`, else what any request must."""
        if self.loosening is None:
            return Demand(people=self.quorum.people, roles=self.quorum.roles, draw=None)
        return Demand(people=self.loosening.people, roles=self.loosening.roles, draw=None)


def judge(policy: Policy, claim: Claim) -> Rule | Deny | None:
    """Return what decides on `claim`: any denial, else the first matching rule, else nothing."""
    decisive: tuple[Rule | Deny, ...] = (*policy.deny, *policy.rule)
    for each in decisive:
        if each.matches(claim):
            return each
    return None
