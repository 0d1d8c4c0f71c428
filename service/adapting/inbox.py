"""What an adapter was given, kept before anything is made of it, and what became of it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from quarantine.closing import Closing
from service.adapting.words import Aside

_TABLES: Final = """
create table if not exists given (
  digest text primary key, at integer not null, body blob not null, done integer not null default 0
) strict;
create index if not exists undone on given (at) where done = 0;
create table if not exists aside (
  digest text not null, place integer not null, reason text not null, detail text not null,
  primary key (digest, place)
) strict;
create table if not exists newest (
  native text primary key, version text not null, id text not null, source text not null,
  subject text not null, scope text not null, producer text not null, gone integer not null
) strict;
create table if not exists cursor (name text primary key, value text not null) strict;
"""


class Given(NamedTuple):
    """One record as it came: its SHA-256 (hex), when it came (µs), its bytes."""

    digest: str
    at: int
    body: bytes


class Newest(NamedTuple):
    """The last event that was made of one piece of feedback; `gone`: it took the piece back."""

    native: str
    version: str
    id: str
    source: str
    subject: str
    scope: str
    producer: str
    gone: int


class PutAside(NamedTuple):
    """A record that became nothing, or of which a part did."""

    digest: str
    place: int
    reason: str
    detail: str


class Inbox(Closing):
    """An SQLite file of one adapter; what it returned from `keep` is on disk.

    One process at a time forwards; others may look.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file at `path`."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.executescript(_TABLES)

    def keep(self, bodies: Iterable[bytes], at: int) -> int:
        """Keep what came at `at` (µs); return how much of it is new."""
        rows = [(hashlib.sha256(body).hexdigest(), at, body) for body in bodies]
        with self._together():
            before = self._db.total_changes
            self._db.executemany(
                "insert into given (digest, at, body) values (?, ?, ?) on conflict do nothing", rows
            )
            return self._db.total_changes - before

    def undone(self, most: int) -> list[Given]:
        """Return what nothing was made of yet, in the order in which it came."""
        rows = self._db.execute(
            "select digest, at, body from given where done = 0 order by at, rowid limit ?", (most,)
        )
        return [Given(*row) for row in rows]

    def newest(self, native: str) -> Newest | None:
        """Return the last event made of this piece."""
        row = self._db.execute("select * from newest where native = ?", (native,)).fetchone()
        return Newest(*row) if row else None

    def under(self, native: str) -> list[Newest]:
        """Return the last events of the piece `native` and of all whose names go on behind it."""
        rows = self._db.execute(
            "select * from newest where native = ? or substr(native, 1, ?) = ?",
            (native, len(native) + 1, f"{native}/"),
        )
        return [Newest(*row) for row in rows]

    def finish(
        self, given: Sequence[str], aside: Iterable[tuple[str, int, Aside]], new: Iterable[Newest]
    ) -> None:
        """Write down, at once, that all that can be made of these records was made."""
        with self._together():
            self._db.executemany(
                "insert into aside values (?, ?, ?, ?) on conflict do nothing",
                [(digest, place, *each) for digest, place, each in aside],
            )
            self._db.executemany(
                "insert or replace into newest values (?, ?, ?, ?, ?, ?, ?, ?)", new
            )
            self._db.executemany(
                "update given set done = 1 where digest = ?", [(digest,) for digest in given]
            )

    def again(self) -> int:
        """Have all that was put aside read once more; return how many records that is."""
        with self._together():
            self._db.execute("update given set done = 0 where digest in (select digest from aside)")
            found = self._db.execute("select count(distinct digest) from aside").fetchone()[0]
            self._db.execute("delete from aside")
            return int(found)

    def aside(self) -> Iterator[PutAside]:
        """Yield what was put aside, in the order in which it came."""
        rows = self._db.execute(
            "select aside.* from aside join given using (digest) order by at, given.rowid, place"
        )
        yield from (PutAside(*row) for row in rows)

    def counts(self) -> tuple[int, int, int]:
        """Return how many records came, how many wait, how many parts were put aside."""
        row = self._db.execute(
            "select (select count(*) from given), (select count(*) from given where done = 0),"
            " (select count(*) from aside)"
        ).fetchone()
        return (int(row[0]), int(row[1]), int(row[2]))

    def body(self, digest: str) -> bytes | None:
        """Return the bytes of a record."""
        row = self._db.execute("select body from given where digest = ?", (digest,)).fetchone()
        return row[0] if row else None

    def cursor(self, name: str) -> str:
        """Return how far something was asked for, empty where it never was."""
        row = self._db.execute("select value from cursor where name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def move(self, name: str, value: str) -> None:
        """Write down how far something was asked for."""
        self._db.execute("insert or replace into cursor values (?, ?)", (name, value))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _together(self) -> Iterator[None]:
        with closing(self._db.cursor()) as cursor:
            cursor.execute("begin immediate")
            try:
                yield
            except BaseException:
                cursor.execute("rollback")
                raise
            cursor.execute("commit")
