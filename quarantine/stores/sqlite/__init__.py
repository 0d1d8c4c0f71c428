"""The default store: one SQLite file, append-only by guard and tamper-evident by log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quarantine.ports import Store
from quarantine.rows.logbook import Logbook
from quarantine.rows.store import RowStore
from quarantine.stores.sqlite import doubt
from quarantine.stores.sqlite.database import Database
from quarantine.stores.sqlite.taking import SqliteTaking


class SqliteStore(RowStore):
    """`ports.Store` on one SQLite file; any number of processes may open it."""

    scheme = "sqlite"

    def __init__(self, path: Path) -> None:
        """Open or create the file at `path`."""
        database = Database(path)
        logbook = Logbook(database)
        super().__init__(database, logbook, SqliteTaking(database, logbook))
        try:
            doubt.settle(path, self.verify)
        except BaseException:
            self.close()
            raise


def _open(location: str) -> Store:
    return SqliteStore(Path(location))


STORE: Callable[[str], Store] = _open
