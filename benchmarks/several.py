"""What several intake processes hold at once on each store, and what an event weighs: one page.

usage: python benchmarks/several.py [--events N] [--times N] [--out FILE]

Every process is the intake role as it runs in service, on one bus and one store, over the streams
of four producers, filled before the clock starts. The floor is as many processes that insert the
same rows, prepared, into one bare table of the same engine with the same two keys, in as large
transactions: no bus, no log, no guards. CPU is that of these processes and of the database's
server; the bus and the producers are other processes. Of several runs the median is shown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

import psycopg  # noqa: E402  found by the line above
from stores import COLUMNS, PACKED, READ, arrivals, copy_rows, rows, server_cpu  # noqa: E402
from traffic import Site, body_of  # noqa: E402

from service import embedded, stores, wiring  # noqa: E402
from service.archive import archive  # noqa: E402
from service.rescoring import read  # noqa: E402
from tests.postgres import Server, serving  # noqa: E402

WAYS: Final = Path(__file__).with_name("ways.py")
PRODUCERS: Final = 4
KINDS: Final = {"SQLite": False, "PostgreSQL": True}


class Cost(NamedTuple):
    """Events a second, and CPU µs an event: of the processes, and of the database's server."""

    a_second: float
    cpu_us: float
    server_us: float


class Weight(NamedTuple):
    """Bytes an event, and CPU µs an event to archive it and to read it back."""

    bus: float
    store: float
    archive: float
    archive_us: float
    read_us: float


@contextmanager
def site(url: str | None) -> Iterator[Site]:
    """Give a bus with a state directory beside it, whose store is the file or the one at `url`."""
    with tempfile.TemporaryDirectory() as folder, embedded.start(Path(folder) / "bus") as bus:
        made = Site(Path(folder), bus.url)
        stores.choose(made.state, url)
        yield made


def taken_in(url: str | None, count: int, events: int, place: str) -> tuple[Cost, Weight | None]:
    """Let `count` intakes empty the bus; weigh what they hold where there is one of them."""
    told = server_cpu(place) if url else float
    with site(url) as here:
        producers = list(here.producers(PRODUCERS, size=PACKED))
        for producer in producers:
            producer.fill(events // PRODUCERS)
        client = producers[0].client
        bus = sum(int(client.memory_usage(each.stream, samples=0) or 0) for each in producers)
        words = ("--bus", here.url, "--state", str(here.state.root), "--events", str(events + 1))
        before = told()
        started = [
            subprocess.Popen([sys.executable, str(WAYS), "ours", *words], stdout=subprocess.PIPE)
            for _ in range(count)
        ]
        while any(producer.pending() for producer in producers):
            time.sleep(0.02)
        for process in started:
            process.terminate()
        runs = [steps for process in started if (steps := json.loads(process.communicate()[0]))]
        if url:
            _left(url)
        server = told() - before
        took = max(run[-1]["wall_s"] for run in runs) - min(run[0]["wall_s"] for run in runs)
        cpu = sum(run[-1]["cpu_s"] - run[0]["cpu_s"] for run in runs)
        cost = Cost(events / took, cpu / events * 1e6, server / events * 1e6)
        return cost, weighed(here, url, bus, events) if count == 1 else None


def weighed(here: Site, url: str | None, bus: int, events: int) -> Weight:
    """Weigh a store, and an archive of it."""
    out = here.folder / "archive"
    with wiring.open_store(here.state) as store:
        assert store.frame().num_rows == events
        started = time.process_time()
        manifest = archive(store, out, wiring.now(), wiring.role_signer(here.state, "releasing"))
        made = time.process_time() - started
        started = time.process_time()
        assert sum(read(out, part).frame.num_rows for part in manifest.events) == events
        told = time.process_time() - started
    size = _size(url) if url else here.state.store.stat().st_size
    parts = sum((out / part.file).stat().st_size for part in manifest.events)
    each = (bus, size, parts, made * 1e6, told * 1e6)
    return Weight(*(figure / events for figure in each))


def _size(url: str) -> int:
    query = (
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace = 'public'::regnamespace"
    )
    with psycopg.connect(url, autocommit=True) as raw:
        return int(raw.execute(query).fetchone()[0])  # type: ignore[index]  # one row


def inserted(url: str | None, count: int, events: int, place: str) -> Cost:
    """Let `count` processes insert bare rows: the floor."""
    with tempfile.TemporaryDirectory() as folder:
        where = url or str(Path(folder) / "bare.db")
        _made(where)
        share = events // count
        started = [
            subprocess.Popen(
                [
                    *(sys.executable, __file__, "--bare", where, "--events", str(share)),
                    *("--first", str(number * share)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for number in range(count)
        ]
        for process in started:
            process.stdout.readline()  # type: ignore[union-attr]  # it is a pipe
        told = server_cpu(place) if url else float
        before, began = told(), time.perf_counter()
        for process in started:
            process.stdin.write(b"go\n")  # type: ignore[union-attr]  # it is a pipe
            process.stdin.flush()  # type: ignore[union-attr]  # it is a pipe
        cpu = sum(float(process.communicate()[0]) for process in started)
        took = time.perf_counter() - began
        if url:
            _left(url)
        return Cost(events / took, cpu / events * 1e6, (told() - before) / events * 1e6)


def _left(url: str) -> None:
    """Wait until the server has noticed that its sessions are over."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    with psycopg.connect(url, autocommit=True) as raw:
        while raw.execute(others).fetchone() != (1,):
            time.sleep(0.01)


def _made(where: str) -> None:
    if "://" in where:
        with psycopg.connect(where) as database:
            database.execute(f"CREATE TABLE event ({COLUMNS})".encode())
        return
    with closing(sqlite3.connect(where)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute(f"CREATE TABLE event ({COLUMNS})")


def bare(where: str, first: int, events: int) -> None:
    """Insert prepared rows, told to go; say what CPU it took."""
    batches = arrivals(events, producer=f"p{first}", random=False)
    prepared = [rows(each, first + n * READ * PACKED) for n, each in enumerate(batches)]
    marked = [[(*row[:2], f"{row[2]}-{first}", *row[3:]) for row in some] for some in prepared]
    print("ready", flush=True)
    sys.stdin.readline()
    before = time.process_time()
    (_copied if "://" in where else _executed)(where, marked)
    print(time.process_time() - before)


def _copied(where: str, batches: list[list[tuple[object, ...]]]) -> None:
    with psycopg.connect(where) as database:
        for some in batches:
            copy_rows(database, some)


def _executed(where: str, batches: list[list[tuple[object, ...]]]) -> None:
    with closing(sqlite3.connect(where, isolation_level=None, timeout=60)) as database:
        database.execute("PRAGMA synchronous = FULL")
        for some in batches:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(f"INSERT INTO event VALUES ({', '.join('?' * 17)})", some)
            database.execute("COMMIT")


def middle(costs: list[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(*(median(column) for column in zip(*costs, strict=True)))


def page(events: int, times: int) -> Iterator[str]:
    """Yield the page's lines."""
    where = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    yield "# Several intakes on one store\n"
    yield f"`python benchmarks/several.py --events {events} --times {times}`: {events:,} events of"
    yield f"{len(body_of(0))} bytes, {PACKED} an entry, Ed25519; {where}; load before: {load}.\n"
    yield "| store, intakes | events/s | of one | CPU µs an event | of it server | floor, as many:"
    yield "events/s | CPU µs | CPU, over floor | load |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    weights = {}
    with serving(fsync="on", max_wal_size="4GB") as server:
        for name, is_server in KINDS.items():
            lines, weights[name] = _lines(name, server if is_server else None, events, times)
            yield from lines
    yield "\n| bytes an event | bus | store | archive | CPU µs to archive | to read it back |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name, weight in weights.items():
        yield f"| {name} | " + " | ".join(f"{figure:,.1f}" for figure in weight) + " |"
    yield "\nLoad: how many processes of the whole machine wanted a core in the last minute. Where"
    yield "that is more than its cores, events a second tell of the others; CPU still counts. The"
    yield "load is no row's own: compare rows of like loads only."
    yield "Bus: what the server keeps in memory of the streams, signatures and all. Store: its"
    yield "file, or its tables with their keys. Archive: Parquet with zstd, bodies and salts in it."
    yield "To read it back: digests checked, bodies parsed for their words. These bodies say one of"
    yield "97 sentences each, so an archive of what people write is larger by about its own words."


def _lines(name: str, server: Server | None, events: int, times: int) -> tuple[list[str], Weight]:
    place = server.url.partition("host=")[2] if server else ""
    lines, weights, alone = [], [], 0.0
    for count in (1, 2, 4):
        runs = [
            taken_in(server.new() if server else None, count, events, place) for _ in range(times)
        ]
        weights += [weight for _, weight in runs if weight]
        ours = middle([cost for cost, _ in runs])
        floor = middle(
            [inserted(server.new() if server else None, count, events, place) for _ in range(times)]
        )
        alone = alone or ours.a_second
        cpu, least = ours.cpu_us + ours.server_us, floor.cpu_us + floor.server_us
        lines.append(
            f"| {name}, {count} | {ours.a_second:,.0f} | {ours.a_second / alone:.2f} | {cpu:.1f}"
            f" | {ours.server_us:.1f} | {floor.a_second:,.0f} | {least:.1f} | {cpu / least:.2f}"
            f" | {os.getloadavg()[0]:.1f} |"
        )
        print(lines[-1], file=sys.stderr, flush=True)
    return lines, Weight(*(median(column) for column in zip(*weights, strict=True)))


def main() -> None:
    """Measure all of it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--bare", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        bare(given.bare, given.first, given.events)
        return
    text = "\n".join(page(given.events, given.times)).replace("many:\n", "many: ") + "\n"
    print(text)
    if given.out:
        given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
