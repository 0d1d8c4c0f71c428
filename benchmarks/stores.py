"""What one event costs in each store, in CPU and bytes, over a bare insert of the same rows.

usage: python benchmarks/stores.py [--events N] [--processes 1,2,4]

The floor inserts the same rows into one table with the same two keys, in the same transactions,
prepared before the clock starts: no guards, no log, no identities, no figures. CPU is this
process's and, for PostgreSQL, the server's own, whatever else the machine does; `fsync` is on. The
ids rise with time, as UUIDv7 do; `random` are the same with random ids.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg

from quarantine.arrivals import Arrival
from quarantine.model import Event, Said
from quarantine.ports import Store
from quarantine.stores.postgres import STORE as POSTGRES
from quarantine.stores.sqlite import STORE as SQLITE
from tests.postgres import serving

PACKED, READ, SOURCES = 100, 20, 500
"""Events in an entry, entries in a transaction, and how many people speak."""
_TICK = os.sysconf("SC_CLK_TCK")
COLUMNS = (
    "idx bigint, source int, id text, arrived bigint, key text, salt bytea, body bytea, leaf bytea,"
    " kind text, scope text, target text, aspect text, claimed bigint, question text, answer text,"
    " value float, place int, PRIMARY KEY (idx), UNIQUE (id, source)"
)
TYPES = (
    *("int8", "int4", "text", "int8", "text", "bytea", "bytea", "bytea", "text", "text", "text"),
    *("text", "int8", "text", "text", "float8", "int4"),
)
"""What a bare table has, and the types of its columns."""


def events(first: int, many: int, *, random: bool) -> list[Event]:
    """Make ratings with bodies of about 365 bytes."""
    made = []
    for n in range(first, first + many):
        mark = hashlib.sha256(b"%d" % n).hexdigest()
        id_ = f"{mark[:8]}-{mark[8:32]}" if random else f"{n:012x}-{mark[:20]}"
        body = f'{{"id":"{id_}","text":"{mark * 5}"}}'.encode()
        source, said = f"rater/{n * 7919 % SOURCES}", Said(str(n % 5), n % 5 / 4)
        made.append(
            Event(n % PACKED, source, id_, "rating", "help", f"a/{n % 999}", "", n, said, body)
        )
    return made


def arrivals(count: int, *, producer: str, random: bool) -> list[list[Arrival]]:
    """Return what comes, a list for each transaction."""
    entries = [
        Arrival(
            producer=producer,
            stream=f"feedback:in:{producer}",
            entry=f"{n}-0",
            arrived=1_800_000_000_000_000 + n,
            seq=n + 1,
            key="k1",
            digest=hashlib.sha256(b"%d" % n).digest(),
            events=events(n * PACKED, PACKED, random=random),
        )
        for n in range(count // PACKED)
    ]
    return [entries[n : n + READ] for n in range(0, len(entries), READ)]


def rows(some: Sequence[Arrival], start: int) -> list[tuple[object, ...]]:
    """Return the rows that a store would write, with salts and leaves of the right size."""
    return [
        (
            *(start + n, hash(event.source) % SOURCES, event.id, each.arrived, "k1", b"s" * 16),
            *(event.body, b"l" * 32, event.kind, event.scope, event.target, "", event.claimed),
            *(event.said.question, event.said.answer, event.said.value, None),
        )
        for n, (each, event) in enumerate((each, event) for each in some for event in each.events)
    ]


@dataclass
class Cost:
    """CPU seconds here and at the server, seconds that passed, and bytes on disk."""

    here: float = 0.0
    there: float = 0.0
    passed: float = 0.0
    size: int = 0
    written: int = 0


@contextmanager
def metered(cost: Cost, server: Callable[[], float] = float) -> Iterator[None]:
    """Add what the block costs."""
    before = (time.process_time(), server(), time.perf_counter())
    yield
    cost.here += time.process_time() - before[0]
    cost.there += server() - before[1]
    cost.passed += time.perf_counter() - before[2]


def server_cpu(place: str) -> Callable[[], float]:
    """Return what tells the CPU seconds of the server that lives in `place`, and of its sessions.

    A session that ended counts as soon as the server heard of it; others' servers never.
    """

    def told() -> float:
        seen = {number: stat for number in _numbers() if (stat := _stat(number))}
        (head,) = (number for number in seen if place.encode() in _words(number))
        living = (stat for stat in seen.values() if int(stat[1]) == head)
        own = sum(int(seen[head][field]) for field in (11, 12, 13, 14))
        return (own + sum(int(stat[field]) for stat in living for field in (11, 12))) / _TICK

    return told


def _numbers() -> Iterator[int]:
    return (int(process.name) for process in Path("/proc").glob("[0-9]*"))


def _stat(number: int) -> list[str]:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _words(number: int) -> bytes:
    try:
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return b""
    return b" ".join(words[1:]) if words[0].endswith(b"/postgres") else b""


def of_sqlite(batches: list[list[Arrival]], folder: Path) -> tuple[Cost, Cost, Cost]:
    """Return what taking in, its floor and reading it all back cost in a file."""
    ours, floor, reading = Cost(), Cost(), Cost()
    with SQLITE(str(folder / "ours.db")) as store:
        with metered(ours):
            for batch in batches:
                store.take(batch)
        with metered(reading):
            assert store.frame().num_rows == sum(map(_events, batches))
        ours.size = (folder / "ours.db").stat().st_size
    prepared = [rows(batch, n * READ * PACKED) for n, batch in enumerate(batches)]
    with closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute(f"CREATE TABLE event ({COLUMNS})")
        with metered(floor):
            for some in prepared:
                raw.execute("BEGIN IMMEDIATE")
                raw.executemany(f"INSERT INTO event VALUES ({', '.join('?' * 17)})", some)
                raw.execute("COMMIT")
    floor.size = (folder / "floor.db").stat().st_size
    return ours, floor, reading


def of_postgres(
    batches: list[list[Arrival]], url: str, bare: str, place: str
) -> tuple[Cost, Cost, Cost]:
    """Return what taking in, its floor and reading it all back cost in a database."""
    ours, floor, reading, cpu = Cost(), Cost(), Cost(), server_cpu(place)
    with POSTGRES(url) as store:
        before = _wal(url)
        with metered(ours, cpu):
            for batch in batches:
                store.take(batch)
        ours.written, ours.size = _wal(url) - before, _size(url)
        with metered(reading, cpu):
            assert store.frame().num_rows == sum(map(_events, batches))
    prepared = [rows(batch, n * READ * PACKED) for n, batch in enumerate(batches)]
    with psycopg.connect(bare) as raw:
        raw.execute(f"CREATE TABLE event ({COLUMNS})".encode())
        raw.commit()
        before = _wal(bare)
        with metered(floor, cpu):
            for some in prepared:
                copy_rows(raw, some)
        floor.written, floor.size = _wal(bare) - before, _size(bare)
    return ours, floor, reading


def copy_rows(database: psycopg.Connection, some: Sequence[tuple[object, ...]]) -> None:
    """Write a batch of `rows` into the bare table by binary COPY, in a transaction of its own."""
    with (
        database.cursor() as cursor,
        cursor.copy("COPY event FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(TYPES)
        for row in some:
            copy.write_row(row)
    database.commit()


def _events(batch: Sequence[Arrival]) -> int:
    return sum(len(each.events) for each in batch)


def _wal(url: str) -> int:
    with psycopg.connect(url) as raw:
        return int(raw.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()[0])  # type: ignore[index]  # one row


def _size(url: str, tables: str = "") -> int:
    with psycopg.connect(url, autocommit=True) as raw:
        query = (
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace"
            + (f" AND relname IN {tables}" if tables else "")
        )
        return int(raw.execute(query).fetchone()[0])  # type: ignore[index]  # one row


def several(url: str, processes: int, count: int) -> float:
    """Return events a second that so many processes take in at once, a producer each."""
    POSTGRES(url).close()
    command = [sys.executable, __file__, "--into", url, "--events", str(count // processes)]
    running = [
        subprocess.Popen([*command, "--producer", f"p{n}"], stdin=subprocess.PIPE, stdout=-1)
        for n in range(processes)
    ]
    for each in running:
        each.stdout.readline()  # type: ignore[union-attr]  # it is a pipe
    started = time.perf_counter()
    for each in running:
        each.communicate(b"go\n")
    return count / (time.perf_counter() - started)


def _take_in(store: Store, batches: list[list[Arrival]]) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for batch in batches:
        store.take(batch)


def _line(name: str, many: int, cost: Cost, floor: Cost | None = None) -> None:
    cpu = cost.here + cost.there
    ratio = f"{cpu / (floor.here + floor.there):.2f}x" if floor else ""
    print(
        f"{name:34} {cpu / many * 1e6:7.1f} {cost.there / many * 1e6:7.1f}"
        f" {many / cost.passed:9,.0f} {cost.size / many:7.0f} {cost.written / many:7.0f} {ratio:>7}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--processes", default="1,2,4")
    parser.add_argument("--into")
    parser.add_argument("--producer", default="app")
    asked = parser.parse_args()
    if asked.into:
        with POSTGRES(asked.into) as store:
            _take_in(store, arrivals(asked.events, producer=asked.producer, random=False))
        return
    many = asked.events
    _table(many, [*map(int, asked.processes.split(","))])


def _table(many: int, processes: Sequence[int]) -> None:
    print(f"{many:,} events, {PACKED} an entry, {READ} entries a transaction")
    print(f"{'':34} CPU µs  server  events/s  bytes/e   WAL/e over floor")
    with serving(fsync="on", max_wal_size="4GB") as server:
        place = server.url.partition("host=")[2]
        for random in (False, True):
            batches = arrivals(many, producer="app", random=random)
            ids = ", random ids" if random else ""
            with tempfile.TemporaryDirectory() as folder:
                ours, floor, reading = of_sqlite(batches, Path(folder))
            _line(f"SQLite{ids}: floor", many, floor)
            _line(f"SQLite{ids}: take", many, ours, floor)
            _line(f"SQLite{ids}: read a frame", many, reading)
            url = server.new()
            ours, floor, reading = of_postgres(batches, url, server.new(), place)
            _line(f"PostgreSQL{ids}: floor", many, floor)
            _line(f"PostgreSQL{ids}: take", many, ours, floor)
            _line(f"PostgreSQL{ids}: read a frame", many, reading)
            stays = _size(url, "('identity', 'tile')") / many
            print(f"PostgreSQL{ids}: bytes/e that stay when a partition is let go: {stays:.0f}")
        for number in processes:
            found = several(server.new(), number, many)
            print(f"PostgreSQL, {number} processes at once: {found:,.0f} events a second")


if __name__ == "__main__":
    main()
