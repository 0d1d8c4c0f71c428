"""The words of a policy about what must be seen first: known answers met, behaviour measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import Field

from approvals.electorate import Count, Duration, Part, Share, Word, Words
from approvals.model import ANY

Known = Annotated[int, Field(gt=0, le=1_000_000)]
Subgroup = Literal["aspect", "model", "origin", "producer"]
_LONGEST: Final = timedelta(hours=24)
_SUREST: Final = 0.001
"""No test says less than this: it is made of so many shuffles."""
_LOOSEST: Final = 0.2
_FEWEST: Final = 100
EXACT: Final = 1e-9
"""Eleven of twenty are 55 %, though the product of the two is a little more than eleven."""


class GoldNeed(Part):
    """What a source must have shown: known answers met, and the share of them it got right."""

    answers: Known
    right: Share

    def met(self, answered: int, right: int) -> bool:
        """Say whether a source that met so many, and got so many of them right, has shown it."""
        return answered >= self.answers and right + EXACT >= self.right * answered

    def covers(self, other: GoldNeed | None) -> bool:
        """Say whether whoever meets this meets `other` too."""
        return other is None or (self.answers >= other.answers and self.right >= other.right)


class Gate(Part):
    """What must be measured before rows of these scopes and kinds leave, and what then stops them.

    A behaviour may move by `moved` at the most (a share of canaries, of answers, of the scale), a
    cluster may pull `one_cluster` standard deviations further than the mean of all, and several
    together may choose by one property `together` (a share of their choices) more often than others
    would; these stop a release only where chance explains them with less than `alpha`, all that is
    measured together.
    At most `rows` rows of each side are looked at. `command` is the team's own gate: a program and
    its arguments, run on the rows for `timeout` at most. `canaries` is a file of the team's own.
    """

    name: Word
    scopes: Words
    kinds: Words
    moved: Share = 0.02
    one_cluster: Annotated[float, Field(gt=0)] = 1.0
    together: Share = 0.3
    alpha: Share = 0.01
    rows: Count = 2000
    subgroups: tuple[Subgroup, ...] = ("aspect",)
    canaries: Word | None = None
    command: tuple[Word, ...] = ()
    format: Word = "jsonl"
    timeout: Duration = timedelta(minutes=10)

    def speaks_of(self, scope: str, kind: str) -> bool:
        """Say whether rows of this scope and kind must pass this gate."""
        named = ((self.scopes, scope), (self.kinds, kind))
        return all(ANY in words or word in words for words, word in named)

    def is_as_strict_as(self, other: Gate) -> bool:
        """Say whether whatever passes this, seen to the letter, would pass `other` too.

        Another command or other canaries cannot be compared, and count as looser.
        """
        return (
            self.moved <= other.moved
            and self.one_cluster <= other.one_cluster
            and self.together <= other.together
            and self.alpha >= other.alpha
            and self.rows >= other.rows
            and set(self.subgroups) >= set(other.subgroups)
            and (self.canaries, self.command) == (other.canaries, other.command)
            and self.timeout <= other.timeout
        )


def nonsense(gates: Sequence[Gate], kinds: Sequence[str]) -> Iterator[str]:
    """Yield what makes a gate one that nothing passes, that stops nothing, or that never speaks."""
    for place, gate in enumerate(gates):
        where = f"gate {gate.name!r}"
        if gate.name in {before.name for before in gates[:place]}:
            yield f"{where}: two gates have this name"
        for word in gate.kinds:
            if word not in (ANY, *kinds):
                yield f"{where}: there is no kind {word!r}; there are {', '.join(kinds)}"
        if any(_covers(before, gate) for before in gates[:place]):
            yield f"{where}: never speaks, an earlier gate comes before it"
        yield from _numbers(where, gate)
        yield from _files(where, gate)


def told(gates: Sequence[Gate]) -> list[str]:
    """Return what gates ask, a line each, for one screen."""
    return [
        f"  {gate.name}: {_named(gate.kinds, 'everything')}"
        + ("" if ANY in gate.scopes else f" for {', '.join(gate.scopes)}")
        + f" moves no behaviour by {gate.moved:.0%} or more (chance under {gate.alpha:g})"
        + (f", and {gate.command[0]} agrees" if gate.command else "")
        for gate in gates
    ]


def looser(before: Sequence[Gate], after: Sequence[Gate], kinds: Sequence[str]) -> Iterator[str]:
    """Yield where `after` asks for less than `before`, over every scope and kind either names."""
    scopes = sorted({word for gate in (*before, *after) for word in gate.scopes} - {ANY})
    for scope in (*scopes, "\x00any other"):
        for kind in kinds:
            old, new = gate_for(before, scope, kind), gate_for(after, scope, kind)
            if old is not None and (new is None or not new.is_as_strict_as(old)):
                yield f"gate {old.name!r}: less is asked of {kind} rows"


def gate_for(gates: Sequence[Gate], scope: str, kind: str) -> Gate | None:
    """Return the first gate that speaks of such rows; absent where none does."""
    return next((gate for gate in gates if gate.speaks_of(scope, kind)), None)


def _covers(before: Gate, gate: Gate) -> bool:
    pairs = ((before.scopes, gate.scopes), (before.kinds, gate.kinds))
    return all(ANY in mine or set(theirs) <= set(mine) for mine, theirs in pairs)


def _named(words: Sequence[str], everything: str) -> str:
    return everything if ANY in words else "/".join(words)


def _numbers(where: str, gate: Gate) -> Iterator[str]:
    if not _SUREST <= gate.alpha <= _LOOSEST:
        yield f"{where}: alpha must lie between {_SUREST} and {_LOOSEST}"
    if gate.moved >= 1:
        yield f"{where}: moved = 1 stops nothing"
    if gate.rows < _FEWEST:
        yield f"{where}: rows must be at least {_FEWEST}, fewer show nothing"
    if not timedelta(0) < gate.timeout <= _LONGEST:
        yield f"{where}: timeout must be more than nothing and at most a day"


def _files(where: str, gate: Gate) -> Iterator[str]:
    if gate.command and not PurePosixPath(gate.command[0]).is_absolute():
        yield f"{where}: command must begin with a whole path: nothing is searched for"
    if gate.canaries is not None:
        path = PurePosixPath(gate.canaries)
        if path.is_absolute() or ".." in path.parts:
            yield f"{where}: canaries is a file beside the policy, named without .."
