"""`ports.Store` in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from typing import Final

from quarantine.log import TILE_WIDTH
from quarantine.model import Act
from quarantine.rows.logbook import Logbook
from quarantine.rows.store import RowStore
from quarantine.stores.postgres.database import Database
from quarantine.stores.postgres.taking import PostgresTaking

_KEPT: Final = (
    "SELECT current_setting('fsync'), current_setting('full_page_writes'), rolsuper, current_user"
    " FROM pg_roles WHERE rolname = current_user"
)
_WEAKER: Final = "ALTER ROLE … NOSUPERUSER, or connect as another role"
_PERIODS: Final = "SELECT first, until FROM period WHERE first >= ? ORDER BY first"
_PAST: Final = "SELECT coalesce(max(arrived) < ?, true) FROM event WHERE idx >= ? AND idx < ?"


class PostgresStore(RowStore):
    """A store in one database, which any number of processes on any number of machines may open."""

    scheme = "postgresql"

    def __init__(self, url: str) -> None:
        """Open the database at `url`, and bring its schema up to date."""
        database = Database(url)
        logbook = Logbook(database)
        super().__init__(database, logbook, PostgresTaking(database, logbook))
        self._postgres = database

    def doubts(self) -> list[tuple[str, str]]:
        """Return why not to trust this server with what is held, each with its mend."""
        ((fsync, pages, strong, role),) = self._postgres.execute(_KEPT)
        return [
            *([("fsync is off: a crash loses what was held", "set fsync = on")] * (fsync == "off")),
            *([("full_page_writes is off", "set full_page_writes = on")] * (pages == "off")),
            *([(f"{role} is a superuser: no guard binds it", _WEAKER)] * strong),
        ]

    def retire(self, before: int, act: Callable[[int, int], Act]) -> tuple[int, int]:
        """Let go of the oldest partitions, all of whose events arrived before `before` (µs).

        `act` is told their range of the log [first, until), and is recorded with it; the range is
        empty, and nothing recorded, where there are none. The newest partition always stays, and so
        do identities, leaves and acts: what is heard again is a duplicate, and every proof holds.
        Raises `NotAuthorisedError` where the role does not own the tables.
        """
        with self._writing():
            start = until = self._postgres.retired()
            periods = self._postgres.execute(_PERIODS, (start,))[:-1]
            for first, end in takewhile(lambda period: self._is_past(period, before), periods):
                self._postgres.drop(first)
                until = end
            if until > start:
                self._concordance.forget(range(start, until, TILE_WIDTH))
                (number,) = self._log.record([act(start, until)])
                self._postgres.execute(
                    "INSERT INTO retired VALUES (?, ?, ?)", (start, until, number)
                )
            return start, until

    def _is_past(self, period: tuple[int, int], before: int) -> bool:
        return bool(self._postgres.execute(_PAST, (before, *period))[0][0])
