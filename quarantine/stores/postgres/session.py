"""One connection to PostgreSQL: statements, transactions, and one writer at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.abc import Buffer
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import NumericBinaryLoader

from quarantine.errors import UsageError
from quarantine.rows.engine import Rows
from quarantine.stores.postgres.failures import told, unreached
from quarantine.stores.postgres.pouring import pour, prepared

LOCK_S: Final = 30
"""How long a writer waits for the one before it."""
IDLE_S: Final = 600
"""How long a transaction may stand still before the server ends it, and frees the writers."""
OLDEST: Final = 150000
_SETTINGS: Final = (
    "SET synchronous_commit = on",
    f"SET lock_timeout = '{LOCK_S}s'",
    f"SET idle_in_transaction_session_timeout = '{IDLE_S}s'",
    "SET client_min_messages = warning",
)
_NAME: Final = "quarantine"
_SHOWN: Final = ("host", "port", "dbname")
GATE: Final = "SELECT 1 FROM gate FOR UPDATE"
"""Waits until nobody else writes, and keeps them out until the transaction ends."""
_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

Connection = psycopg.Connection[tuple[Any, ...]]


class Session:
    """A connection that is made anew when it was lost; threads share it, a transaction is alone.

    Raises `UnavailableError` when the server does not answer or cannot write now,
    `NotAuthorisedError` when its role may not do what is asked, `UsageError` when it is too old.
    """

    duplicate: type[Exception] = errors.UniqueViolation

    def __init__(self, url: str) -> None:
        """Connect to the database at `url`."""
        self.url = url
        self._lock = threading.RLock()
        self._inside = 0
        self._poured: set[str] = set()
        self._connection: Connection | None = None
        self._require_fit()

    @property
    def shown(self) -> str:
        """Return where the database is, without who goes there or with which password."""
        said = conninfo_to_dict(self.url)
        return " ".join(f"{name}={said[name]}" for name in _SHOWN if name in said) or "PostgreSQL"

    def among(self, column: str) -> str:
        """Return the condition that `column` is in a list."""
        return f"{column} = ANY(?)"

    def listed(self, values: Iterable[object]) -> list[object]:
        """Return a list as `among` wants it bound."""
        return [*values]

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement to its end, while no other thread runs one on this connection."""
        with self._lock, _heard():
            cursor = self._live().execute(spelled(sql), values, binary=True)
            return Rows(cursor.fetchall() if cursor.description else ())

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row, all of them on their way at once."""
        with self._lock, _heard(), self._live().cursor() as cursor:
            cursor.executemany(spelled(sql), rows)

    def script(self, text: str) -> None:
        """Run a script of many statements."""
        with self._lock, _heard():
            self._live().execute(text.encode())

    def pour(self, table: str, rows: Iterable[Sequence[object]]) -> str:
        """Copy rows in the shape of `table` to the server, inside a transaction; return where.

        Row security lets nobody copy into a table itself; from there they are inserted.
        """
        with self._lock, _heard():
            place = prepared(self._live(), table)
            if table in self._poured:
                self.execute(f"TRUNCATE {place}")
            self._poured.add(table)
            pour(self._live(), place, rows)
            return place

    def chunks(
        self, sql: str, values: Sequence[object] = (), *, size: int
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of one statement, so many at a time.

        Outside of a transaction over a connection of its own: others may come between.
        """
        with self._lock:
            if self._inside:
                yield from _chunks(self._live(), spelled(sql), values, size)
                return
        with _heard(), self._connected() as apart, apart.transaction():
            yield from _chunks(apart, spelled(sql), values, size)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold one snapshot over several reads, and other threads out of the connection."""
        with self._lock:
            if self._inside:
                yield
                return
            with self._transaction(_READING):
                yield

    @contextmanager
    def writing(self, early: Callable[[], None] | None = None) -> Iterator[None]:
        """Run one durable transaction behind the gate; an error rolls all of it back.

        `early` is what can be done in it before nobody else can write any more.
        """
        with self._lock, self._transaction("BEGIN"):
            if early is not None:
                early()
            self.execute(GATE)
            yield

    @contextmanager
    def alone(self, lock: int) -> Iterator[None]:
        """Run one transaction while no other program holds `lock`: before there is a gate."""
        with self._lock, self._transaction("BEGIN"):
            self.execute("SELECT pg_advisory_xact_lock(?)", (lock,))
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self.execute(begin)
        self._inside += 1
        self._poured.clear()
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with suppress(psycopg.Error):
                self._live().execute("ROLLBACK")
            raise
        finally:
            self._inside -= 1

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _live(self) -> Connection:
        """Return the connection, made anew where it was lost outside of a transaction."""
        if self._connection is None or (self._connection.closed and not self._inside):
            self._connection = self._connected()
        return self._connection

    def _connected(self) -> Connection:
        try:
            made = psycopg.connect(
                self.url, autocommit=True, connect_timeout=10, fallback_application_name=_NAME
            )
        except psycopg.OperationalError as error:
            raise unreached(error, self.shown) from error
        made.adapters.register_loader("numeric", _Whole)
        for setting in _SETTINGS:
            made.execute(setting.encode())
        return made

    def _require_fit(self) -> None:
        """Refuse a server that cannot hold what is said."""
        try:
            conninfo_to_dict(self.url)
        except psycopg.ProgrammingError:
            # What libpq says of it quotes it, and a password may stand in it.
            raise UsageError(
                "the store's URL cannot be read: postgresql://USER@HOST:PORT/DATABASE?NAME=VALUE,"
                " with everything else than letters and digits percent-encoded"
            ) from None
        with self._lock, _heard():
            info = self._live().info
        if info.server_version < OLDEST:
            raise UsageError(f"PostgreSQL {OLDEST // 10000} or newer is needed")
        if info.parameter_status("server_encoding") != "UTF8":
            raise UsageError("the database must be in UTF-8: CREATE DATABASE … ENCODING 'UTF8'")


class _Whole(NumericBinaryLoader):
    """What the server spells as a number of any size: a sum of whole numbers."""

    def load(self, data: Buffer) -> int:  # type: ignore[override]  # a sum has no fraction
        """Return the number."""
        return int(super().load(data))


@contextmanager
def _heard() -> Iterator[None]:
    """Turn what the server says into what the caller is to hear."""
    try:
        yield
    except psycopg.Error as error:
        heard = told(error)
        if heard is error:
            raise
        raise heard from error


def _chunks(
    connection: Connection, sql: bytes, values: Sequence[object], size: int
) -> Iterator[list[tuple[Any, ...]]]:
    with connection.cursor("chunks") as cursor:
        cursor.execute(sql, values, binary=True)
        while rows := cursor.fetchmany(size):
            yield rows


@lru_cache(maxsize=512)
def spelled(sql: str) -> bytes:
    """Return a statement that marks what is bound by `?` as the driver wants it."""
    return sql.replace("%", "%%").replace("?", "%s").encode()
