"""One PostgreSQL database as a store writes it: many rows at once, events where they belong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from quarantine.errors import NotAuthorisedError, TamperedError
from quarantine.rows.carrying import EVENT, carry
from quarantine.stores.postgres.schema import migrate
from quarantine.stores.postgres.session import Session

FEW: Final = 64
"""Rows from which on it is worth while to copy them to the server all at once."""
_ROOM: Final = "SELECT coalesce(max(until), 0) FROM period"
_OPEN: Final = "SELECT open_period(?)"
_RETIRED: Final = "SELECT coalesce(max(until), 0) FROM retired"
_OWNED: Final = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'event'::regclass"
_ERASED: Final = (
    "SELECT DISTINCT e.tableoid::regclass::text FROM erased x JOIN event e ON e.idx = x.idx"
)
_BESIDE: Final = ("dead_letter", "dossier", "concordance")
"""What else may hold, or be made of, what was erased."""
_ORDER: Final = (
    *("idx", "arrived", "claimed", "value", "source", "place", "salt", "leaf", "id", "key"),
    *("kind", "scope", "target", "aspect", "question", "answer", "body"),
)
"""The columns of the table `event`: wide numbers first, so that no byte is lost between."""
_PLACES: Final = [EVENT.index(name) for name in _ORDER]
_WORDS: Final = [_ORDER.index(name) for name in ("question", "answer")]
_REST: Final = ", ".join(_ORDER[1:])


class Database(Session):
    """A database whose schema is up to date; see `Session` for what it raises."""

    def __init__(self, url: str) -> None:
        """Open the database at `url`, and bring its schema up to date."""
        super().__init__(url)
        try:
            migrate(self)
        except BaseException:
            self.close()
            raise

    identities: Final = "identity"

    def retired(self) -> int:
        """Return up to where in the log the partitions were dropped."""
        return int(self.execute(_RETIRED).fetchone()[0])

    def drop(self, first: int) -> None:
        """Drop the partition that begins at log index `first`: its events are gone with it."""
        self.execute(f"DROP TABLE event_{first:d}")

    def insert(self, table: str, rows: Iterable[Sequence[object]]) -> None:
        """Append rows, each whole and in the order of the table's columns."""
        whole = [*rows]
        if table == "event" and whole:
            place = self.pour("event", map(_ordered, whole))
            self.hold(place, 0, int(str(whole[-1][0])) + 1, whole[0][EVENT.index("arrived")])
        elif len(whole) < FEW:
            marks = ", ".join("?" * len(whole[0])) if whole else ""
            self.executemany(f"INSERT INTO {table} VALUES ({marks})", whole)
        else:
            here = self.pour(table, whole)
            self.execute(f"INSERT INTO {table} SELECT * FROM {here}")

    def hold(self, place: str, start: int, stop: int, now: object) -> None:
        """Append the events that were poured, each once by its identity.

        They are numbered from 0 and get their places in the log from `start` on; `stop` is where
        it then ends, and `now` (µs) when they came. One identity is one row of a table without
        partitions, so it is unique in all of them.
        """
        self._make_room(stop, now)
        self.execute(f"INSERT INTO identity SELECT idx + {start:d}, source, id FROM {place}")
        self.execute(f"INSERT INTO event SELECT idx + {start:d}, {_REST} FROM {place}")

    def _make_room(self, stop: int, now: object) -> None:
        """See that the log has a partition for every place before `stop`."""
        (room,) = self.execute(_ROOM).fetchone()
        while room < stop:
            before = room
            (room,) = self.execute(_OPEN, (now,)).fetchone()
            if room == before:
                raise TamperedError(f"the log has no place {stop}: it ends long before")

    def scrub(self) -> None:
        """Have the server write anew what was erased in place, so that its files hold none of it.

        Of the events only the partitions in which something was erased. What was written ahead and
        backed up is the server's to recycle. Raises `UnavailableError` while others keep a table,
        `NotAuthorisedError` where the role does not own them.
        """
        if not self.execute(_OWNED)[0][0]:
            raise NotAuthorisedError("only the owner of the store's tables can have them rewritten")
        for table in [*(name for (name,) in self.execute(_ERASED)), *_BESIDE]:
            self.execute(f"VACUUM (FULL) {table}")

    def copy(self, place: str) -> None:
        """Copy one snapshot to the empty database at the URL `place`."""
        beside = Database(place)
        try:
            carry(self, beside)
        finally:
            beside.close()


def _ordered(row: Sequence[object]) -> list[object]:
    """Return an event's row as its table has it."""
    told = [row[place] for place in _PLACES]
    for place in _WORDS:
        told[place] = str(told[place]).encode()
    return told
