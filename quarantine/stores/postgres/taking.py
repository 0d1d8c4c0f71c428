"""Taking arrivals in, PostgreSQL's way: all rows are copied to the server at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final

from quarantine.model import Event
from quarantine.rows.logbook import Logbook
from quarantine.rows.sealing import Sealed
from quarantine.rows.taking import Taking
from quarantine.stores.postgres.database import Database

_HEARD: Final = "SELECT place, is_same, is_gone FROM heard(?, ?, ?, ?)"
_PLACE: Final = "poured_event"
_OTHER: Final = b"\0"
"""Stands for the body that is held where it is another one; no event has this one."""


class PostgresTaking(Taking[Sealed]):
    """Writes each event once by its identity, and into the partition of its place in the log."""

    def __init__(self, database: Database, logbook: Logbook) -> None:
        """Write to `database`, behind `logbook`."""
        super().__init__(database, logbook)
        self._postgres = database
        self._sent: Sequence[Sealed] = ()

    def ready(self, some: Iterable[Sealed]) -> list[Sealed]:
        """Return sealed events as they are."""
        return [*some]

    def writing(self, early: Sequence[Sealed]) -> AbstractContextManager[None]:
        """Run the transaction; events of known sources are on their way before others must wait."""
        return self._postgres.writing(lambda: self._send(early))

    def insert(self, ready: Sequence[Sealed], start: int) -> list[bytes]:
        """Append events, copied to the server all at once."""
        leaves = [leaf for some in ready for leaf in some.leaves]
        if leaves:
            if ready is not self._sent:
                self._pour(ready, [self.numbers_of(some) for some in ready])
            self._postgres.hold(_PLACE, start, start + len(leaves), ready[-1].by[1])
        return leaves

    def _send(self, early: Sequence[Sealed]) -> None:
        """Copy events to the server already, where the number of each source is known."""
        self._sent = ()
        if early and all(map(self.knows, early)):
            self._pour(early, [self.numbers_of(some) for some in early])
            self._sent = early

    def _pour(self, some: Sequence[Sealed], numbers: Sequence[Sequence[int]]) -> None:
        self._postgres.pour("event", _rows(zip(some, numbers, strict=True)))

    def bodies(self, producer: str, events: Iterable[Event]) -> dict[tuple[str, str], bytes]:
        """Return what stands for the bodies that are held of these events' identities.

        The database compares: who takes feedback in need not be able to read it.
        """
        asked = [*events]
        found: dict[tuple[str, str], bytes] = {}
        columns = ([each.source for each in asked], [each.id for each in asked])
        bodies = [each.body for each in asked]
        for place, is_same, is_gone in self._db.execute(_HEARD, (producer, *columns, bodies)):
            event = asked[place - 1]
            body = b"" if is_gone else event.body if is_same else _OTHER
            if found.get((event.source, event.id), _OTHER) == _OTHER:
                found[event.source, event.id] = body
        return found


def _rows(ready: Iterable[tuple[Sealed, Sequence[int]]]) -> Iterator[tuple[object, ...]]:
    """Yield the rows of `event`, in the order of its columns, numbered from 0."""
    start = 0
    for some, numbers in ready:
        id_, arrived, key, salt, body, leaf, *derived = some.columns
        kind, scope, target, aspect, claimed, question, answer, value, place = derived
        count = range(start, start + len(some.leaves))
        said = (map(_encoded, question), map(_encoded, answer), body)
        wide = (count, arrived, claimed, value, numbers, place)
        yield from zip(*wide, salt, leaf, id_, key, kind, scope, target, aspect, *said, strict=True)
        start += len(some.leaves)


def _encoded(text: object) -> bytes:
    return str(text).encode()
