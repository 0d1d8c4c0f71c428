"""The breaker: a producer that floods, or sends mostly what is bad, waits; nobody else does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from approvals.mishaps import ProducerPaused
from quarantine.arrivals import Taken

HOUR_S: Final = 3600.0
STRANGERS: Final = ""
"""The name under which all share who have none: names cost them nothing."""
SHARE_OF_HOUR: Final = 1 / 60
"""Who is over its budget waits until so much of an hour's budget is there again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a stream is no longer read for a while; all of it is per intake process.

    `flood` events within `window` are a flood when they are `much` times what somebody else sent
    who spoke too: who is alone disturbs nobody, and many who send much alike share. Who has a
    budget is judged by that instead. Of at least `least` events within `window`, `bad` (a share)
    put aside are too many. A pause starts with `shortest` and doubles, up to `longest`, each time
    that it did not help. Whatever their share, a producer's dead letters fill the store by no more
    than `letters` an hour; all whom nobody registered are one producer in that.
    """

    window: timedelta = timedelta(seconds=10)
    flood: int = 100_000
    much: int = 10
    least: int = 200
    bad: float = 0.5
    letters: int = 100_000
    shortest: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=5)


@dataclass(slots=True)
class _Hour:
    """What of an hour's budget is spent; it comes back evenly."""

    spent: float = 0.0
    at: datetime | None = None

    def spend(self, count: int, at: datetime, budget: int) -> timedelta:
        """Return how long to wait until there is budget again."""
        a_second = budget / HOUR_S
        back = 0.0 if self.at is None else (at - self.at).total_seconds() * a_second
        self.spent, self.at = max(0.0, self.spent - max(0.0, back)) + count, at
        if self.spent <= budget:
            return timedelta()
        return timedelta(seconds=(self.spent - budget * (1 - SHARE_OF_HOUR)) / a_second)


@dataclass(slots=True)
class _Tally:
    """What one producer sent in its present window and the one before, and how its pauses went."""

    since: datetime
    events: int = 0
    before: int = 0
    dead: int = 0
    pauses: int = 0
    paused_until: datetime | None = None
    hour: _Hour = field(default_factory=_Hour)

    def rest(self, until: datetime) -> None:
        """Begin anew after a pause that lasts until then."""
        self.pauses += 1
        self.paused_until = self.since = until
        self.events = self.before = self.dead = 0


@dataclass(slots=True)
class Breaker:
    """Counts what each producer sends, and says when its stream must rest; the clock is given."""

    limits: Limits = Limits()
    _tallies: dict[str, _Tally] = field(default_factory=dict)
    _letters: dict[str, _Hour] = field(default_factory=dict)

    def heard(
        self,
        producer: str,
        taken: Taken,
        at: datetime,
        *,
        budget: int | None = None,
        registered: bool = True,
    ) -> ProducerPaused | None:
        """Count what was taken from `producer` at `at`; return a pause when it must wait.

        `budget` is the events an hour that it may send at full speed. Nothing is lost by a pause:
        what was sent waits on the bus, in the producer's own stream.
        """
        tally = self._present(producer, at)
        events = taken.stored + taken.duplicates + len(taken.dead)
        tally.events += events
        tally.dead += len(taken.dead)
        faults = list(self._faults(producer, tally, at, budgeted=budget is not None))
        if faults:
            tally.rest(at + max(faults)[0])
        hours = [(tally.hour, events, budget, "events")] if budget else []
        room = self._letters.setdefault(producer if registered else STRANGERS, _Hour())
        hours.append((room, len(taken.dead), self.limits.letters, "dead letters"))
        for hour, count, most, what in hours:
            faults.append((hour.spend(count, at, most), f"more than {most} {what} within an hour"))
        wait, because = max(faults)
        if not wait:
            return None
        return ProducerPaused(at=at, producer=producer, until=at + wait, because=because)

    def _present(self, producer: str, at: datetime) -> _Tally:
        """Return the tally of the window that `at` lies in; a calm window forgives a pause."""
        tally = self._tallies.setdefault(producer, _Tally(at))
        if at - tally.since >= self.limits.window:
            calm = tally.paused_until is None or at - tally.paused_until >= self.limits.window
            tally.pauses = max(0, tally.pauses - 1) if calm else tally.pauses
            recent = at - tally.since < 2 * self.limits.window
            tally.before = tally.events if recent else 0
            tally.since, tally.events, tally.dead = at, 0, 0
        return tally

    def _faults(
        self, producer: str, tally: _Tally, at: datetime, *, budgeted: bool
    ) -> Iterator[tuple[timedelta, str]]:
        """Yield what is wrong with a window, and for how long to wait because of it."""
        wait = min(self.limits.shortest * 2 ** min(tally.pauses, 16), self.limits.longest)
        if tally.events >= self.limits.least and tally.dead >= self.limits.bad * tally.events:
            yield wait, f"{tally.dead} of {tally.events} events were put aside"
        if not budgeted and tally.events >= self.limits.flood:
            quiet = self._quietest(producer, at)
            if quiet and tally.events >= self.limits.much * quiet:
                yield wait, f"{tally.events} events in a moment, while another sent {quiet}"

    def _quietest(self, producer: str, at: datetime) -> int:
        """Return what the quietest other sent of late, 0 where nobody else spoke."""
        window = self.limits.window
        spoke = (
            tally.events + tally.before
            for name, tally in self._tallies.items()
            if name != producer and at - tally.since < window
        )
        return min((events for events in spoke if events), default=0)
