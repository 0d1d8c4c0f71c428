"""The words of a policy: who may change what, how soon, how much; denied where nothing matches."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
)

from approvals.model import ANY
from quarantine.envelope import kinds
from quarantine.model import Origin, Tier, Verdict

MILLION: Final = 1_000_000
"""Shares are counted in millionths, so that a budget is met or not and never nearly."""

_DURATION = re.compile(r"(\d{1,9})(s|m|h|d|w)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _duration(value: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a duration as "90s", "15m", "24h", "7d" or "2w"')
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def _once(words: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({word for word in words if words.count(word) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} stands twice")
    if ANY in words and len(words) > 1:
        raise ValueError(f'"{ANY}" is everything; leave the others out')
    return words


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


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Share = Annotated[float, Field(gt=0, le=1)]
Word = Annotated[str, Field(min_length=1, max_length=512)]
Words = Annotated[tuple[Word, ...], Field(min_length=1), AfterValidator(_once)]
Rows = Annotated[int, Field(gt=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Claim(NamedTuple):
    """All of an event and its source that a rule looks at; `aspect` is empty where none is said."""

    scope: str
    kind: str
    origin: Origin
    tier: Tier
    aspect: str = ""


class Reach(_Part):
    """What a rule speaks of: every list must hold the claim's word, or be `["*"]`."""

    name: Word
    scopes: Words
    kinds: Annotated[Words, AfterValidator(_kind)]
    origins: Annotated[Words, AfterValidator(_origin)]
    tiers: Annotated[Words, AfterValidator(_tier)]
    aspects: Words = (ANY,)

    @property
    def lists(self) -> tuple[tuple[str, ...], ...]:
        """Return the five lists in the order of `Claim`."""
        return (self.scopes, self.kinds, self.origins, self.tiers, self.aspects)

    def matches(self, claim: Claim) -> bool:
        """Say whether this rule speaks of `claim`."""
        return all(
            ANY in words or word in words for words, word in zip(self.lists, claim, strict=True)
        )

    def covers(self, other: Reach) -> bool:
        """Say whether this rule speaks of everything that `other` speaks of."""
        return all(
            ANY in mine or (ANY not in theirs and set(theirs) <= set(mine))
            for mine, theirs in zip(self.lists, other.lists, strict=True)
        )


class Deny(Reach):
    """What never leaves, whatever another rule says."""


class Rule(Reach):
    """What may leave: when the source is `min_age` old and the event has waited for `dwell`.

    At most `share` of a release comes through this rule, and at most `share_of_scope` of all that
    its scope has ever released, this release included: the limit for kinds that only machines
    speak, which would otherwise be all of their release.
    """

    min_age: Duration
    dwell: Duration
    share: Share = 1.0
    share_of_scope: Share = 1.0


class Voice(_Part):
    """What one source, or one cluster, can weigh: in a release, ever, and on one target."""

    rows: Rows
    share: Share
    lifetime: Rows
    per_target: Rows


class ProducerBudget(_Part):
    """What one producer can weigh in a release, however many sources it vouches for."""

    rows: Rows
    share: Share


class Budget(_Part):
    """Caps on influence; the same for every tier, since trust buys speed and never weight."""

    source: Voice
    cluster: Voice
    producer: ProducerBudget


class Support(_Part):
    """A target in more than `rows` rows needs `clusters` independent clusters behind it."""

    rows: Rows
    clusters: Rows


class Quorum(_Part):
    """Who must say yes: so many people, among them each of `roles`; any of `veto` stops it.

    A vote counts for `vote_ttl`; a request must be released within `request_ttl` of being made.
    """

    people: Annotated[int, Field(gt=0)]
    roles: tuple[Word, ...] = ()
    veto: Words
    vote_ttl: Duration
    request_ttl: Duration


class Verdicts(_Part):
    """Sources of which verdicts stay behind; `hold` always does."""

    leave_out: Annotated[tuple[Verdict, ...], Field(min_length=1)]


class Policy(_Part):
    """A policy as its file says it; `digest` is the SHA-256 of the exact text."""

    version: Literal[1]
    name: Word
    rule: Annotated[tuple[Rule, ...], Field(min_length=1)]
    deny: tuple[Deny, ...] = ()
    budget: Budget
    support: Support
    quorum: Quorum
    verdicts: Verdicts
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


def judge(policy: Policy, claim: Claim) -> Rule | Deny | None:
    """Return what decides on `claim`: any denial, else the first matching rule, else nothing."""
    decisive: tuple[Rule | Deny, ...] = (*policy.deny, *policy.rule)
    for each in decisive:
        if each.matches(claim):
            return each
    return None
