"""The door between the bus and the store: entries go in, each once, or are put aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from approvals.mishaps import ProducerPaused
from approvals.roster import Roster
from quarantine.arrivals import Arrival, DeadLetter, Taken
from quarantine.model import INBOUND, to_micros
from quarantine.ports import Store
from service.again import sift_again
from service.breaker import Breaker
from service.fairness import Line, Shares
from service.vouching import Entry
from service.wire import give_up, sift

Fields = Mapping[bytes, bytes]


class Passed(NamedTuple):
    """What went through the door at once, what became of it, and how long it took (s).

    `seconds` counts from the first knock, turns of others included; `commits` is each transaction.
    """

    stream: str
    entries: Sequence[tuple[str, Fields]]
    taken: Taken
    started: datetime
    seconds: float
    commits: Sequence[float]


def _nobody(_: Passed) -> None:
    """Hear nothing."""


@dataclass(slots=True)
class Door:
    """Takes entries into the store by the registry as it stands now; may be called by any thread.

    `secrets` is the directory of HMAC secrets, one file a key id; `clock` gives the arrival time;
    `told` hears of all that passed, when it is kept.
    """

    store: Store
    secrets: Path
    clock: Callable[[], datetime]
    told: Callable[[Passed], None] = _nobody
    roster: Roster = field(default_factory=Roster)
    _line: Line = field(default_factory=Line)
    _shares: Shares = field(default_factory=Shares)

    def take(self, stream: str, entries: Sequence[tuple[str, Fields]]) -> Taken:
        """Take in what was read from `stream`, durably; hearing it again changes nothing.

        Others have their turn in between where there is much. Raises `UnavailableError` when the
        store cannot be written now: what was not taken by then can be taken later, with all the
        rest once more.
        """
        stored, duplicates, dead = 0, 0, list[DeadLetter]()
        came, knocked, commits = self.clock(), perf_counter(), list[float]()
        secrets = cache(self._secret)  # read once for all that is taken in now
        weights = [sum(map(len, fields.values())) for _, fields in entries]
        for some in self._shares.cut(stream, weights, self.clock()):
            with self._line:
                started = self.clock()
                taken = self._take(stream, entries[some], started, secrets, commits)
                self._shares.lasted(stream, sum(weights[some]), self.clock() - started)
            stored += taken.stored
            duplicates += taken.duplicates
            dead += taken.dead
        taken = Taken(stored, duplicates, dead)
        self.told(Passed(stream, entries, taken, came, perf_counter() - knocked, commits))
        return taken

    def _take(
        self,
        stream: str,
        entries: Sequence[tuple[str, Fields]],
        now: datetime,
        secrets: Callable[[str], bytes | None],
        commits: list[float],
    ) -> Taken:
        self._follow()
        at = to_micros(now)
        producer = self.roster.producers.get(stream.removeprefix(INBOUND))
        sifted = [
            sift(Entry(stream, id_, fields, at), producer, secrets) for id_, fields in entries
        ]
        began = perf_counter()
        taken = self.store.take(sifted)
        commits.append(perf_counter() - began)
        return taken

    def give_up(self, stream: str, entry: tuple[str, Fields], deliveries: int) -> Taken:
        """Put aside an entry that was delivered too often."""
        with self._line:
            given = give_up(Entry(stream, *entry, to_micros(self.clock())), deliveries)
            return self.store.take([given])

    def again(self, letter: DeadLetter) -> Arrival:
        """Judge a dead letter by the registry as it stands now; raises what `sift_again` does."""
        with self._line:
            self._follow()
            producer = self.roster.producers.get(letter.producer)
            return sift_again(letter, to_micros(self.clock()), producer, self._secret)

    def producers(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the names that are registered now, and the names whose streams must rest."""
        with self._line:
            self._follow()
            resting = self.roster.paused(self.clock())
            return frozenset(self.roster.producers), frozenset(resting)

    def watched(self, breaker: Breaker, stream: str, taken: Taken) -> ProducerPaused | None:
        """Let the breaker count what was taken; return a pause when the stream must rest."""
        name = stream.removeprefix(INBOUND)
        known = self.roster.producers.get(name)
        budget = known.budget if known else None
        return breaker.heard(name, taken, self.clock(), budget=budget, registered=known is not None)

    def _follow(self) -> None:
        """Catch up with the registry before judging by it: a key may have come or gone just now."""
        self.roster.follow(self.store.acts(self.roster.size))

    def _secret(self, key_id: str) -> bytes | None:
        try:
            return (self.secrets / key_id).read_bytes()
        except FileNotFoundError:
            return None
