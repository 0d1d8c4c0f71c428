"""One SQLite file: its connection, its migrations, and one durable writer at a time."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from quarantine.errors import BrokenError, UnavailableError
from quarantine.rows.engine import Rows
from quarantine.rows.migrations import pending, shipped
from quarantine.stores.sqlite import doubt

BUSY_MS = 30_000
YIELD_S = 0.001
_AT_ONCE: Final = 100
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN}


class Database:
    """A connection in WAL mode with `synchronous=FULL`, migrated to the newest schema.

    Raises `UnavailableError` when the file cannot be opened or written now, `TamperedError` when
    a migration that was applied is not the one shipped, or the schema is newer than this program.
    """

    duplicate: Final = sqlite3.IntegrityError

    def __init__(self, path: Path) -> None:
        """Open `path`, created readable by its owner alone, and bring it to the newest schema."""
        self.path = path
        self._lock = threading.RLock()
        self._broken = False
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._gate = os.open(f"{path}.gate", os.O_RDWR | os.O_CREAT, 0o600)
        self._waiting = os.open(f"{path}.waiting", os.O_RDWR | os.O_CREAT, 0o600)
        self.connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = FULL")
        self.execute("PRAGMA foreign_keys = OFF")
        self.execute("PRAGMA cache_size = -65536")
        self._migrate()

    identities: Final = "event"

    def retired(self) -> int:
        """Return that no event was let go: a file is one piece."""
        return 0

    def among(self, column: str) -> str:
        """Return the condition that `column` is in a list, which is bound as JSON."""
        return f"{column} IN (SELECT value FROM json_each(?))"

    def listed(self, values: Iterable[object]) -> str:
        """Return a list as `among` wants it bound."""
        return json.dumps([*values])

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement to its end, while no other thread runs one on this connection.

        A failure is told by the connection, not by the statement: if another thread's statement
        came between, a COMMIT that failed would be taken for one that did not.
        """
        with self._lock:
            cursor = self.connection.execute(sql, values)
            return Rows(cursor.fetchall())

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row, as `execute` does."""
        with self._lock:
            self.connection.executemany(sql, rows)

    def insert(self, table: str, rows: Iterable[Sequence[object]]) -> None:
        """Append rows, each whole and in the order of the table's columns.

        Many go in one statement, which a row costs two thirds of one of its own.
        """
        ordered = iter(rows)
        while some := [*islice(ordered, _AT_ONCE)]:
            marks = f"({', '.join('?' * len(some[0]))})"
            each = len(some) if len(some) == _AT_ONCE else 1
            many = f"INSERT INTO {table} VALUES {', '.join([marks] * each)}"
            bound = [[*chain.from_iterable(some)]] if each > 1 else some
            self.executemany(many, bound)

    def chunks(
        self, sql: str, values: Sequence[object] = (), *, size: int
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of one statement, so many at a time; others may come between."""
        with self._lock:
            cursor = self.connection.execute(sql, values)
        try:
            while True:
                with self._lock:
                    rows = cursor.fetchmany(size)
                if not rows:
                    return
                yield rows
        finally:
            with self._lock:
                cursor.close()

    def close(self) -> None:
        """Close the connection and the gate."""
        with self._lock:
            self.connection.close()
            os.close(self._gate)
            os.close(self._waiting)

    def copy(self, place: str) -> None:
        """Write one snapshot to the new file at `place`, readable by its owner alone.

        A reader's transaction, so writers go on; a page-by-page copy would start anew with each of
        their commits. Raises `UnavailableError` when it cannot be written.
        """
        os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with self._lock:
            try:
                self.execute("VACUUM INTO ?", (place,))
            except sqlite3.OperationalError as error:
                raise UnavailableError(f"{place} cannot be written: {error}") from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold one snapshot over several reads, and other threads out of the connection."""
        with self._lock:
            self.execute("BEGIN")
            try:
                yield
            finally:
                self.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Run one durable transaction; an error rolls all of it back.

        Writers pass a gate (flock) one by one: under SQLite's own lock alone a writer flat out
        starves every other process for seconds. Who waits says so, and only then is a pause made.
        """
        with self._lock, self._passed_gate():
            self._require_whole()
            try:
                self.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    if self.connection.in_transaction:
                        self.execute("ROLLBACK")
                    raise
                self.execute("COMMIT")
            except sqlite3.OperationalError as error:
                raise self._failed(error) from error

    def scrub(self) -> None:
        """Leave nothing of what was erased in the files: not in free pages, not in the WAL.

        The whole file is written anew, so this takes as long as that, and as much room again;
        writers wait meanwhile. Raises `UnavailableError` where somebody reads an older state of it.
        """
        with self.alone():
            self.execute("PRAGMA secure_delete = ON")
            self.execute("VACUUM")
            busy, *_ = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise UnavailableError(
                f"it is erased, but somebody reads {self.path} as it was before: try again, so that"
                " its bytes go from the files as well"
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other writer out, for what SQLite does in no transaction (`VACUUM`)."""
        with self._lock, self._passed_gate():
            self._require_whole()
            try:
                yield
            except sqlite3.OperationalError as error:
                raise self._failed(error) from error

    def _failed(self, error: sqlite3.OperationalError) -> Exception:
        """Undo what is open, remember a disk that failed, and return what the caller is to hear."""
        if self.connection.in_transaction:
            self.execute("ROLLBACK")
        told = _told(error)
        if isinstance(told, BrokenError):
            self._broken = True
            doubt.cast(self.path)
        return told

    def _require_whole(self) -> None:
        """Refuse to write once the disk has failed: what it took since may not be there."""
        if self._broken:
            raise BrokenError(
                f"the disk failed under {self.path}: open it again, it is then checked"
            )

    @contextmanager
    def _passed_gate(self) -> Iterator[None]:
        try:
            fcntl.flock(self._gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._waiting, fcntl.LOCK_SH)
            try:
                fcntl.flock(self._gate, fcntl.LOCK_EX)
            finally:
                fcntl.flock(self._waiting, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
            self._let_others_pass()

    def _let_others_pass(self) -> None:
        try:
            fcntl.flock(self._waiting, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(YIELD_S)
        else:
            fcntl.flock(self._waiting, fcntl.LOCK_UN)

    def _migrate(self) -> None:
        with self.writing():
            self.execute(
                "CREATE TABLE IF NOT EXISTS migration "
                "(number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL)"
            )
            applied = self.execute("SELECT name, digest FROM migration ORDER BY number")
            for each in pending(shipped("quarantine.stores.sqlite"), applied, str(self.path)):
                for statement in _statements(each.script):
                    self.execute(statement)
                self.execute("INSERT INTO migration VALUES (?, ?, ?)", each[:3])


def _told(error: sqlite3.OperationalError) -> Exception:
    """Return what the caller is to hear: try again, stop, or that it is a bug."""
    code = error.sqlite_errorcode & 0xFF
    if code in _FULL or error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHMSIZE:
        return UnavailableError(f"the store cannot be written now: {error}")
    if code == sqlite3.SQLITE_IOERR:
        # After a failed fsync the kernel may have dropped the pages: a retry would look like
        # success and keep nothing (the PostgreSQL "fsyncgate" of 2018).
        return BrokenError(f"the disk failed under the store: {error.sqlite_errorname}")
    return error


def _statements(script: str) -> Iterator[str]:
    """Split a script into statements; `executescript` would commit before it starts."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
