"""Dead letters through the door again, once their cause is mended; each exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from approvals.attest import act_of
from approvals.mishaps import LettersRedriven
from approvals.ports import Signer
from quarantine.arrivals import Arrival, DeadLetter
from quarantine.errors import MalformedError
from service.door import Door

CHUNK: Final = 100

Numbered = tuple[int, DeadLetter]


class Redriven(NamedTuple):
    """What became of one dead letter; `because` says why where it stays dead."""

    number: int
    through: bool
    stored: int = 0
    duplicates: int = 0
    dead: int = 0
    because: str = ""


def redrive(door: Door, signer: Signer, letters: Iterable[Numbered]) -> Iterator[Redriven]:
    """Send each letter through the door again; yield what became of it, in order.

    The act is in the log before anything is taken, and the store takes a letter's second name
    once, so that after a crash, or beside another who does the same, doing it again changes
    nothing. In the law of conservation a letter that went through counts as what became of it
    and no longer as dead; the entry and its events are not received a second time.
    """
    waiting = iter(letters)
    while some := list(islice(waiting, CHUNK)):
        judged = [(number, letter, _judged(door, letter)) for number, letter in some]
        good = [(number, letter) for number, letter, what in judged if isinstance(what, Arrival)]
        if good:
            act = LettersRedriven(
                at=door.clock(),
                letters=tuple(number for number, _ in good),
                digests=tuple(letter.digest for _, letter in good),
            )
            door.store.record([act_of(act, signer)])
        for number, _, what in judged:
            yield _taken(door, number, what) if isinstance(what, Arrival) else _stays(number, what)


def tried(door: Door, letters: Iterable[Numbered]) -> Iterator[Redriven]:
    """Say what `redrive` would do, and do nothing; `stored` is what would be held or known."""
    for number, letter in letters:
        what = _judged(door, letter)
        if isinstance(what, Arrival):
            yield Redriven(number, through=True, stored=len(what.events), dead=len(what.dead))
        else:
            yield _stays(number, what)


def _judged(door: Door, letter: DeadLetter) -> Arrival | str:
    """Return what could be taken in, or why nothing can."""
    if door.store.taken(letter.stream, [letter.again]):
        return "it went through before"
    try:
        return door.again(letter)
    except MalformedError as error:
        return str(error)


def _taken(door: Door, number: int, arrival: Arrival) -> Redriven:
    taken = door.store.take([arrival])
    return Redriven(
        number,
        through=True,
        stored=taken.stored,
        duplicates=taken.duplicates,
        dead=len(taken.dead),
    )


def _stays(number: int, because: str) -> Redriven:
    return Redriven(number, through=False, because=because)
