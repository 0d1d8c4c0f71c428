"""The words of a policy about people: who decides what, how they are drawn, watched and bounded."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from approvals.model import ANY

_DURATION = re.compile(r"(\d{1,9})(s|m|h|d|w)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST: Final = 36_500 * 86_400


def _duration(value: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a duration as "90s", "15m", "24h", "7d" or "2w"')
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds > _LONGEST:
        raise ValueError("a duration is 36500d at most: a moment that far off cannot be spelled")
    return timedelta(seconds=seconds)


def _once(words: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({word for word in words if words.count(word) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} stands twice")
    if ANY in words and len(words) > 1:
        raise ValueError(f'"{ANY}" is everything; leave the others out')
    return words


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Share = Annotated[float, Field(gt=0, le=1)]
Word = Annotated[str, Field(min_length=1, max_length=512)]
Words = Annotated[tuple[Word, ...], Field(min_length=1), AfterValidator(_once)]
Count = Annotated[int, Field(gt=0)]


class Part(BaseModel):
    """A table of a policy: frozen, strict, refusing keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Quorum(Part):
    """Who must say yes: so many people, among them each of `roles`; any of `veto` stops it.

    A vote counts for `vote_ttl`; a request must be released within `request_ttl` of being made.
    Where `draw` is given, only so many people, drawn by nobody's choice, may approve.
    """

    people: Count
    roles: tuple[Word, ...] = ()
    veto: Words
    vote_ttl: Duration
    request_ttl: Duration
    draw: Count | None = None


class Risk(Part):
    """A quorum of its own for what it names, from so many `rows` on; the first that speaks counts.

    Whom it says nothing of are under `[quorum]`; vetoes and times are always that one's.
    """

    name: Word
    scopes: Words
    kinds: Words
    rows: Count = 1
    people: Count
    roles: tuple[Word, ...] = ()
    draw: Count | None = None

    def speaks_of(self, scope: str, kind: str, rows: int) -> bool:
        """Say whether a request for so many rows of this scope and kind is under this quorum."""
        named = ((self.scopes, scope), (self.kinds, kind))
        return rows >= self.rows and all(ANY in words or word in words for words, word in named)


class Loosening(Part):
    """What it takes to put a looser policy in force: a quorum, then a wait that nobody shortens."""

    people: Count
    roles: tuple[Word, ...] = ()
    delay: Duration


class Glass(Part):
    """Who may break the glass, alone and with a reason, and how soon a second person must look."""

    roles: Words
    review_within: Duration


class Reading(Part):
    """How bad a request can be that nobody read whole: at most `share` of its rows.

    Every approver reads the same random rows, as many as bound the share of bad ones at
    `confidence` when none is found bad (an exact hypergeometric bound).
    """

    share: Share
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


class Workload(Part):
    """How much a day's reviewing is: cases shown, the part kept for known sources, patience.

    What waited for longer than `patience` is rejected by time, never released by it.
    """

    cases: Count
    reserved: Share
    patience: Duration


class Probing(Part):
    """What share of the cases that a reviewer sees has an answer that is known already."""

    share: Share


def probed(probing: Probing | None) -> float:
    """Return the share of cases with a known answer: one in twenty where a policy is silent."""
    return 0.05 if probing is None else probing.share


class Demand(Part):
    """What a request must find: people, their roles, and how many of the roster are drawn."""

    people: int
    roles: tuple[str, ...]
    draw: int | None
