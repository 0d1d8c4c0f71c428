"""Ways to take feedback in, each a process of its own that says what it cost.

usage: python benchmarks/ways.py {ours,floor,guarded,plain} --bus URL --state DIR --events N
    [--times FILE]

`ours` is the intake role as it runs in service. `floor` is what nobody can do without: read the
same entries (redis-py with hiredis), insert the same rows into the same table and index, prepared
before the clock starts, one durable commit a read, acknowledge. It has no guards, no log, no
signature, no parsing. `guarded` is the floor of this very store: the guards stay, and the rows of
entries and of the log's tiles are inserted too, prepared as well. `plain` is what one writes first:
a model per message, a commit per row.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis
from faststream.redis import RedisBroker, StreamSub

from quarantine.arrivals import Taken
from quarantine.envelope import CloudEvent, glance, read
from quarantine.stores.sqlite import SqliteStore
from service import wiring
from service.bus import GROUP, address, connect, inbound
from service.door import Door, Fields
from service.intake import Intake
from service.reconcile import Reconciler
from service.roles.intake import let_threads_alternate, look_for_garbage_rarely
from service.servers import open_bus
from service.settings import State
from service.streams import BATCH

STEP = 100_000
_ARRIVED = 1_798_761_600_000_000
_PAGE = os.sysconf("SC_PAGE_SIZE")
_INSERT = {
    table: f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"
    for table, columns in (("event", 17), ("entry", 8), ("tile", 3))
}
_GUARDS = ("event_insert", "event_update", "event_delete")
_TILE = 256

_Rows = dict[str, list[tuple[object, ...]]]


def resident_mb() -> float:
    """Return the memory of this process in RAM now, in MB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE / 1e6


@dataclass
class Meter:
    """Counts events against this process's own CPU time; starts with the first event."""

    events: int
    seen: int = 0
    steps: list[dict[str, float]] = field(default_factory=list)
    last: dict[str, float] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        """Begin with what is handled now, when nothing was before."""
        if not self.steps:
            self.steps.append(self._noted())

    def add(self, events: int) -> bool:
        """Count what is durable now; say whether that is all."""
        self.seen += events
        noted = self._noted()
        if self.seen // STEP > self.steps[-1]["events"] // STEP:
            self.steps.append(noted)
        self.last = noted
        return self.seen >= self.events

    def all(self) -> list[dict[str, float]]:
        """Return what was noted at every step and at the end."""
        return self.steps if self.last in (self.steps[-1:] or [{}]) else [*self.steps, self.last]

    def _noted(self) -> dict[str, float]:
        return {
            "events": self.seen,
            "cpu_s": time.process_time(),
            "wall_s": time.monotonic(),
            "rss_mb": resident_mb(),
        }


@dataclass(slots=True)
class Watched(Door):
    """The door as it is, and who looks at the clock beside it."""

    meter: Meter = field(default_factory=lambda: Meter(0))
    done: asyncio.Event = field(default_factory=asyncio.Event)
    loop: asyncio.AbstractEventLoop | None = None

    def take(self, stream: str, entries: list[tuple[str, Fields]]) -> Taken:  # type: ignore[override]
        """Take in and count."""
        self.meter.start()
        taken = Door.take(self, stream, entries)
        now = time.monotonic()
        self.meter.times.update((id_, now) for id_, _ in entries)
        if self.meter.add(taken.stored + taken.duplicates + len(taken.dead)) and self.loop:
            self.loop.call_soon_threadsafe(self.done.set)
        return taken


async def ours(meter: Meter, url: str, state: State) -> None:
    """Run the intake role until all is held."""
    with wiring.open_store(state) as store:
        reconciler = Reconciler(
            store, open_bus(url), wiring.role_signer(state, "intake"), wiring.now
        )
        door = Watched(store, state.secrets, wiring.now, meter=meter)
        door.loop = asyncio.get_running_loop()
        look_for_garbage_rarely()
        let_threads_alternate()
        stopping = door.done
        door.loop.add_signal_handler(signal.SIGTERM, stopping.set)
        await Intake(url, door, reconciler, f"bench-{os.getpid()}").run(stopping)


async def floor(meter: Meter, url: str, state: State) -> None:
    """Read, insert, commit, acknowledge: nothing else."""
    with closing(_unguarded(state)) as database:
        _read_and_insert(meter, connect(url), database, ["event"])


async def guarded(meter: Meter, url: str, state: State) -> None:
    """Do the same with every row that intake writes, past the guards of the tables."""
    with closing(_opened(state)) as database:
        _read_and_insert(meter, connect(url), database, ["event", "entry", "tile"])


def _read_and_insert(
    meter: Meter, client: redis.Redis, database: sqlite3.Connection, tables: Sequence[str]
) -> None:
    streams = sorted(inbound(client))
    rows = {stream: _rows(client, stream) for stream in streams}
    for stream in streams:
        client.xgroup_create(stream, GROUP, id="0")
    meter.start()
    done = False
    while not done:
        for stream in streams:
            found = client.xreadgroup(GROUP, "floor", {stream: ">"}, count=BATCH)
            if not found:
                continue
            ids = [id_ for id_, _ in found[0][1]]
            database.execute("BEGIN IMMEDIATE")
            for table in tables:
                some = [row for id_ in ids for row in rows[stream][id_][table]]
                database.executemany(_INSERT[table], some)
            database.execute("COMMIT")
            client.xack(stream, GROUP, *ids)
            done = meter.add(sum(len(rows[stream][id_]["event"]) for id_ in ids))


def _opened(state: State) -> sqlite3.Connection:
    """Open the store's own file with its own settings."""
    SqliteStore(state.store).close()
    database = sqlite3.connect(state.store, isolation_level=None, cached_statements=256)
    for setting in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
        database.execute(f"PRAGMA {setting}")
    return database


def _unguarded(state: State) -> sqlite3.Connection:
    """Open the store's own file without its guards."""
    database = _opened(state)
    for guard in _GUARDS:
        database.execute(f"DROP TRIGGER {guard}")
    return database


def _rows(client: redis.Redis, stream: str) -> dict[bytes, _Rows]:
    """Make the rows that the entries of a stream come to, before any clock runs."""
    numbers: defaultdict[str, int] = defaultdict(count(1).__next__)
    start = 10 + 10_000_000 * int(stream.rpartition("-")[2])
    index, tile = count(start), count(start // _TILE + 1)
    found: dict[bytes, _Rows] = {}
    leaves: list[bytes] = []
    for seq, (id_, fields) in enumerate(client.xrange(stream), 1):
        rows = found[id_] = {"event": [], "entry": [], "tile": []}
        for event in json.loads(fields[b"batch"]):
            body = json.dumps(event, separators=(",", ":")).encode()
            leaves.append(os.urandom(32))
            rows["event"].append(
                (next(index), *_told(body, numbers, fields[b"key"].decode(), leaves[-1]))
            )
        told = (stream, id_.decode(), stream, seq, os.urandom(32), _ARRIVED)
        rows["entry"].append((*told, len(rows["event"]), 0))
        while len(leaves) >= _TILE:
            rows["tile"].append((next(tile), os.urandom(32), b"".join(leaves[:_TILE])))
            del leaves[:_TILE]
    return found


def _told(body: bytes, numbers: defaultdict[str, int], key: str, leaf: bytes) -> tuple[object, ...]:
    """Return the columns of `event` behind its index."""
    event = glance(json.loads(body), body, position=0, arrived=_ARRIVED) or read(
        body, position=0, arrived=_ARRIVED
    )
    answer, value, question, place = event.said
    vouched = (numbers[event.source], event.id, _ARRIVED, key, os.urandom(16), body, leaf)
    derived = (event.kind, event.scope, event.target, event.aspect, event.claimed)
    return (*vouched, *derived, question, answer, value, place)


async def plain(meter: Meter, url: str, state: State) -> None:
    """Have one message a handler, checked by its model, and one commit a row."""
    database = _unguarded(state)
    broker = RedisBroker(address(url), logger=None)
    done = asyncio.Event()
    index = count(1)

    @broker.subscriber(stream=StreamSub("plain", group=GROUP, consumer="plain", last_id=">"))
    async def handle(event: CloudEvent) -> None:
        meter.start()
        number = next(index)
        body = event.model_dump_json().encode()
        facts = (number, number, event.id, 0, "", b"", body, b"", event.type, event.scope)
        database.execute(_INSERT["event"], (*facts, event.subject, "", 0, "", "", 0.5, None))
        if meter.add(1):
            done.set()

    connect(url).xgroup_create("plain", GROUP, id="0", mkstream=True)
    await broker.start()
    await done.wait()
    await broker.stop()
    database.close()


def main() -> None:
    """Run one way and print what it cost as one JSON document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=["ours", "floor", "guarded", "plain"])
    parser.add_argument("--bus", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--times", type=Path)
    given = parser.parse_args()
    meter = Meter(given.events)
    way = {"ours": ours, "floor": floor, "guarded": guarded, "plain": plain}[given.way]
    asyncio.run(way(meter, given.bus, State(given.state)))
    if given.times:
        given.times.write_text(json.dumps(meter.times), encoding="ascii")
    print(json.dumps(meter.all()))


if __name__ == "__main__":
    main()
