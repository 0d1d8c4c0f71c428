"""The words of the red team: a trial of one attack, what came of it, and the row that tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from quarantine.errors import QuarantineError

if TYPE_CHECKING:
    from service.redteam.yard import Yard


class Result(StrEnum):
    """What came of an attack; an attack that gets through is called so."""

    STOPPED = "stopped"
    """Nothing of it had an effect."""
    CONTAINED = "contained"
    """It had an effect, within the bound that the catalogue asks for."""
    GOT_THROUGH = "got through"
    """It had more effect than that."""
    NOT_TRIED = "not tried"
    """Nobody knows: this build cannot try it, for the reason given."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one trial measured, in words, what came of the attack, and the control that acted."""

    result: Result
    measured: str
    control: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One attack of the catalogue as it is tried here.

    `id` is the catalogue's, `tried` says in one line what is done, `run` does it in a private
    `Yard`; where it is absent nothing is done, and `because` says why. `open` names the part of
    the catalogue's test that is not done here. One that is `slow` is left out of a quick run.
    """

    id: str
    tried: str
    run: Callable[[Yard], Outcome] | None = None
    because: str = ""
    open: str = ""
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the scorecard; texts are ours, seconds are of this process's CPU."""

    id: str
    attack: str
    tried: str
    result: Result
    measured: str
    wanted: str
    control: str
    open: str
    cpu_s: float


def at_most(figure: float, limit: float, measured: str, control: str) -> Outcome:
    """Judge an effect (0 is none) that may not exceed `limit`."""
    if figure <= 0:
        return Outcome(Result.STOPPED, measured, control)
    result = Result.CONTAINED if figure <= limit else Result.GOT_THROUGH
    return Outcome(result, measured, control)


def found(shares: Iterable[tuple[float, float]], measured: str, control: str) -> Outcome:
    """Judge shares of an attack that were found, each with the least that is asked for."""
    pairs = list(shares)
    if all(share >= 1 for share, _ in pairs):
        return Outcome(Result.STOPPED, measured, control)
    enough = bool(pairs) and all(share >= least for share, least in pairs)
    return Outcome(Result.CONTAINED if enough else Result.GOT_THROUGH, measured, control)


def every(holds: Iterable[tuple[str, bool]], measured: str, control: str) -> Outcome:
    """Judge by facts that must all hold; those that do not are named. No fact is no success."""
    facts = list(holds)
    failed = [name for name, is_so in facts if not is_so]
    if facts and not failed:
        return Outcome(Result.STOPPED, measured, control)
    told = f"{measured}; not so: {', '.join(failed) or 'nothing was looked at'}"
    return Outcome(Result.GOT_THROUGH, told, control)


def refused(act: Callable[[], object]) -> str:
    """Try something; return the sentence of its refusal, empty where nobody refused."""
    try:
        act()
    except QuarantineError as error:
        return str(error) or type(error).__name__
    return ""
