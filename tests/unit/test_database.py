"""One connection under many threads: a commit that failed is never taken for one that did not."""

from __future__ import annotations

import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quarantine.errors import BrokenError
from quarantine.stores.sqlite.database import Database

READERS = 4
SLOW = (
    "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 300)"
    " SELECT count(*) FROM c"
)


@contextmanager
def _no_file_grows_beyond(size: int) -> Iterator[None]:
    """Let every write behind `size` fail, as on a disk that fails."""
    _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def _read_by_others(database: Database) -> Iterator[None]:
    """Let threads read on the same connection meanwhile, and one only compute."""
    done = threading.Event()
    threads = [threading.Thread(target=_read, args=(database, done)) for _ in range(READERS)]
    threads.append(threading.Thread(target=_compute, args=(done,)))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def _read(database: Database, done: threading.Event) -> None:
    while not done.is_set():
        database.execute(SLOW).fetchone()


def _compute(done: threading.Event) -> None:
    while not done.is_set():
        pass


def _committed(database: Database) -> bool:
    """Try to commit more than there is room for; say whether that seemed to work."""
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO large VALUES (zeroblob(400000))")
    try:
        database.execute("COMMIT")
    except sqlite3.OperationalError:
        if database.connection.in_transaction:
            database.execute("ROLLBACK")
        return False
    return True


def test_a_commit_that_fails_while_other_threads_read_is_told_every_time(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    database = Database(file)
    database.execute("CREATE TABLE large (x)")
    room = file.with_name("store.db-wal").stat().st_size + 100_000
    with _no_file_grows_beyond(room), _read_by_others(database):
        seemed = [_committed(database) for _ in range(150)]
    assert database.execute("SELECT count(*) FROM large").fetchone() == (0,)
    assert not any(seemed), f"{sum(seemed)} of {len(seemed)} failed commits were not told"
    database.close()


def test_after_a_failed_write_nothing_is_written_any_more(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    database = Database(file)
    with database.writing():
        database.execute("CREATE TABLE large (x)")
    room = file.with_name("store.db-wal").stat().st_size + 100_000
    with _no_file_grows_beyond(room), pytest.raises(BrokenError), database.writing():
        database.execute("INSERT INTO large VALUES (zeroblob(400000))")
    with pytest.raises(BrokenError), database.writing():
        pass
    assert file.with_name("store.db.doubt").exists()
    database.close()


def test_rows_come_in_chunks_and_others_may_write_between(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.db")
    database.execute("CREATE TABLE t (x)")
    database.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(10)])
    chunks = database.chunks("SELECT x FROM t ORDER BY x", size=4)
    assert next(chunks) == [(0,), (1,), (2,), (3,)]
    with database.writing():
        database.execute("INSERT INTO t VALUES (99)")
    assert [len(chunk) for chunk in chunks] == [4, 2]
    database.close()
