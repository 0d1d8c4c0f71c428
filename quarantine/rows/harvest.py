"""What one transaction will write of some arrivals: entries as they count, and dead letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from quarantine.arrivals import Arrival, DeadLetter, Taken
from quarantine.model import Event

Row = tuple[object, ...]


@dataclass(slots=True)
class Entry:
    """An arrival as it will be counted; `events` are those that will be held."""

    arrival: Arrival
    seq: int | None
    received: int
    duplicates: int = 0
    events: Sequence[Event] = ()

    def row(self) -> Row:
        """Return the row of `entry`, in the order of its columns."""
        at = self.arrival
        facts = (at.stream, at.entry, at.producer, self.seq, at.digest, at.arrived)
        return (*facts, self.received, self.duplicates)


@dataclass(slots=True)
class Harvest:
    """What one transaction will write."""

    entries: list[Entry] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)

    def told(self) -> Iterator[tuple[Arrival, Sequence[Event]]]:
        """Yield the events that will be held, by arrival."""
        return ((entry.arrival, entry.events) for entry in self.entries)

    def taken(self) -> Taken:
        """Say what became of it."""
        duplicates = sum(entry.duplicates for entry in self.entries)
        return Taken(self.size, duplicates, self.dead)

    @property
    def size(self) -> int:
        """Return how many events will be held."""
        return sum(len(entry.events) for entry in self.entries)


def letter_row(letter: DeadLetter) -> Row:
    """Return the row of `dead_letter` behind its number, in the order of its columns."""
    return (
        letter.producer,
        letter.stream,
        letter.entry,
        letter.position,
        letter.reason,
        letter.detail,
        letter.at,
        letter.size,
        letter.digest,
        letter.content,
        letter.vouch,
    )
