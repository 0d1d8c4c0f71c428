"""Taking arrivals in, SQLite's way: one statement for all rows that are alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from operator import itemgetter

from quarantine.rows.sealing import Sealed
from quarantine.rows.taking import Taking
from quarantine.stores.sqlite.sealing import Spelled, spelled


class SqliteTaking(Taking[Spelled]):
    """Writes events with as few statements as their rows allow."""

    def ready(self, some: Iterable[Sealed]) -> list[Spelled]:
        """Return sealed events with their statements."""
        return [*map(spelled, some)]

    def insert(self, ready: Sequence[Spelled], start: int) -> list[bytes]:
        """Append events; the table itself refuses one that is held."""
        rows = []
        for some in ready:
            rows.append((some.statement, some.rows(start, self.numbers_of(some.sealed))))
            start += len(some.sealed.leaves)
        for statement, each in groupby(rows, key=itemgetter(0)):
            self._db.executemany(statement, chain.from_iterable(row for _, row in each))
        return [leaf for some in ready for leaf in some.sealed.leaves]
