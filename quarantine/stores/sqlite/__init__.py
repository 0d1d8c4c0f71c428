"""The default store: one SQLite file, append-only by guard and tamper-evident by log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from quarantine.arrivals import Arrival, Counts, DeadLetter, Mark, Taken
from quarantine.log import Frontier, act_leaf
from quarantine.model import Act, Dossier, Held, Logged, Member, Named, SourceKey
from quarantine.ports import Store
from quarantine.stores.sqlite import doubt, finding, reading, tallies
from quarantine.stores.sqlite.database import Database
from quarantine.stores.sqlite.logbook import Logbook
from quarantine.stores.sqlite.taking import Taking

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa


class SqliteStore:
    """`ports.Store` on one SQLite file; any number of processes may open it."""

    scheme = "sqlite"

    def __init__(self, path: Path) -> None:
        """Open or create the file at `path`."""
        self._db = Database(path)
        self._log = Logbook(self._db)
        self._taking = Taking(self._db, self._log)
        try:
            doubt.settle(path, self.verify)
        except BaseException:
            self._db.close()
            raise

    def take(self, arrivals: Sequence[Arrival]) -> Taken:
        """Hold the new, count the known, put aside the rest."""
        return self._taking.take(arrivals)

    def taken(self, stream: str, entries: Iterable[str]) -> set[str]:
        """Return which entries were taken before."""
        return self._taking.taken(stream, entries)

    def record(self, acts: Sequence[Act], require: Callable[[], None] | None = None) -> list[int]:
        """Append acts to the log, unless `require` refuses; return their indexes."""
        with self._writing():
            if require is not None:
                require()
            return self._log.record(acts)

    def acts(self, since: int = 0) -> Iterator[Logged]:
        """Yield acts from log index `since` on."""
        return self._log.acts(since)

    def freeze(self, act: Act, members: Sequence[Member]) -> int:
        """Append a request and its members."""
        with self._writing():
            (request,) = self._log.record([act])
            self._db.executemany(
                "INSERT INTO member VALUES (?, ?, ?, ?)",
                [(request, each.index, each.leaf, each.cluster) for each in members],
            )
            return request

    def members(self, request: int) -> list[Member]:
        """Return a request's members by index, with what their rows say today."""
        rows = self._db.execute(
            "SELECT m.idx, m.leaf, m.cluster, coalesce(s.producer, ''), coalesce(s.source, ''),"
            " coalesce(e.target, ''), '' FROM member m"
            " LEFT JOIN event e ON e.idx = m.idx LEFT JOIN source s ON s.no = e.source"
            " WHERE m.request = ? ORDER BY m.idx",
            (request,),
        )
        return [*map(Member._make, rows)]

    def revoke(self, act: Act, indexes: Sequence[int]) -> int:
        """Append a revocation and mark the rows it takes back."""
        with self._writing():
            (number,) = self._log.record([act])
            self._db.executemany(
                "INSERT OR IGNORE INTO revoked VALUES (?, ?)", [(i, number) for i in indexes]
            )
            return number

    def revoked(self) -> set[int]:
        """Return the indexes of every row taken back."""
        return {index for (index,) in self._db.execute("SELECT DISTINCT idx FROM revoked")}

    def frame(self, since: int = 0) -> pa.Table:
        """Return held events from `since` on as `EVENT_SCHEMA`."""
        return reading.frame(self._db, since)

    def held(self, indexes: Sequence[int]) -> Iterator[Held]:
        """Yield the held events at `indexes`."""
        return reading.held(self._db, indexes)

    def find(self, named: Named) -> list[int]:
        """Return the indexes of the held events that `named` names."""
        return finding.find(self._db, named)

    def frozen_with(self, indexes: Sequence[int]) -> Mapping[int, int]:
        """Return, by request, how many of these events are frozen with it."""
        return finding.frozen_with(self._db, indexes)

    def sources(self) -> Mapping[SourceKey, int]:
        """Return every source with its first-seen time."""
        rows = self._db.execute("SELECT producer, source, first_seen FROM source ORDER BY no")
        return {SourceKey(producer, source): seen for producer, source, seen in rows}

    def judge(self, dossiers: Sequence[Dossier], at: int, size: int = 0) -> None:
        """Replace the newest dossiers by those given."""
        with self._writing():
            self._db.executemany(
                "INSERT INTO dossier SELECT no, ?, ?, ?, ? FROM source"
                " WHERE producer = ? AND source = ?"
                " ON CONFLICT (source) DO UPDATE SET at = excluded.at, score = excluded.score,"
                " verdict = excluded.verdict, body = excluded.body",
                [
                    (at, d.score, d.verdict.value, d.canonical(), d.producer, d.source)
                    for d in dossiers
                ],
            )
            self._db.execute("DELETE FROM pass")
            self._db.execute("INSERT INTO pass VALUES (?, ?)", (at, size))

    def dossiers(self, keys: Iterable[SourceKey] | None = None) -> list[Dossier]:
        """Return the newest dossiers, worst first."""
        bodies: list[tuple[bytes]] = []
        query = "SELECT body FROM dossier"
        if keys is None:
            bodies = self._db.execute(f"{query} ORDER BY score DESC, source").fetchall()
        else:
            where = f"{query} WHERE source = (SELECT no FROM source WHERE producer=? AND source=?)"
            for key in keys:
                bodies += self._db.execute(where, tuple(key)).fetchall()
        return [Dossier.model_validate_json(body) for (body,) in bodies]

    def judged_at(self) -> int | None:
        """Return when scoring last finished."""
        found = self._db.execute("SELECT max(at) FROM pass").fetchone()
        return None if found[0] is None else int(found[0])

    def judged_size(self) -> int:
        """Return how much of the log the newest scoring saw."""
        found = self._db.execute("SELECT max(size) FROM pass").fetchone()
        return int(found[0] or 0)

    def dead(self, since: int = 0, limit: int = 100) -> list[tuple[int, DeadLetter]]:
        """Return dead letters after number `since`."""
        return reading.dead(self._db, since, limit)

    def counts(self) -> Mapping[str, Counts]:
        """Return the law's figures by producer."""
        with self._db.reading():
            return tallies.counts(self._db)

    def spans(self, producer: str) -> list[tuple[int, int]]:
        """Return the entry counters received from `producer`, as ranges."""
        return tallies.spans(self._db, producer)

    def lost(self, act: Act, producer: str, first: int, last: int) -> bool:
        """Report a loss, unless a part of it is reported already."""
        with self._writing():
            known = self._db.execute(
                "SELECT 1 FROM loss WHERE producer = ? AND first <= ? AND last >= ?",
                (producer, last, first),
            ).fetchone()
            if known is None:
                self._log.record([act])
                self._db.execute(
                    "INSERT INTO loss VALUES (?, ?, ?, ?)", (producer, first, last, act.at)
                )
            return known is None

    def seen(
        self,
        producer: str,
        stream: str,
        mark: Callable[[str], Mark],
        again: Callable[[str], Mark] | None = None,
    ) -> int:
        """Remember what was ever added to `stream`; knowing fewer than before is a new life."""
        _, added, last = self._life(stream)
        now = mark(last)
        if (now.added, now.last) != (added, last):
            with self._db.writing():
                life, added, last = self._life(stream)
                now = mark(last)
                if now.known < added and again is not None:
                    now = again(last)
                anew = now.known < added
                self._db.execute(
                    "INSERT INTO stream VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (stream, life) DO UPDATE"
                    " SET added = excluded.added, last = excluded.last",
                    (stream, life + anew, producer, *now[:2], now.known if anew else 0),
                )
        return self.added().get(producer, now.added)

    def _life(self, stream: str) -> tuple[int, int, str]:
        newest = self._db.execute(
            "SELECT life, added, last FROM stream WHERE stream = ? ORDER BY life DESC LIMIT 1",
            (stream,),
        ).fetchone()
        return newest or (0, -1, "0-0")

    def added(self) -> Mapping[str, int]:
        """Return the entries ever added, by producer."""
        return dict(
            self._db.execute("SELECT producer, sum(added - known) FROM stream GROUP BY producer")
        )

    def lives(self) -> Mapping[str, int]:
        """Return how often each producer's stream began anew."""
        return dict(
            self._db.execute(
                "SELECT producer, sum(life) FROM"
                " (SELECT producer, stream, max(life) AS life FROM stream GROUP BY stream)"
                " GROUP BY producer"
            )
        )

    def size(self) -> int:
        """Return the number of leaves in the log."""
        return self._log.size()

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Return a range of leaf hashes."""
        return self._log.leaves(start, stop)

    def frontier(self, size: int) -> Frontier:
        """Return the right edge of the first `size` leaves."""
        return self._log.frontier(size)

    def node(self, level: int, number: int) -> bytes:
        """Return the root of one complete subtree."""
        return self._log.node(level, number)

    def verify(self) -> Iterator[str]:
        """Recompute every leaf from its row; say each that differs."""
        with self._db.reading():
            for row in reading.every_held(self._db):
                if reading.leaf_of(row) != row.leaf:
                    yield f"event {row.id} of {row.producer}/{row.source} (log row {row.index})"
            for logged in self._log.acts(0):
                act = logged.act
                (leaf,) = self._log.leaves(logged.index, logged.index + 1)
                if act_leaf(act.kind.encode(), act.at, act.body) != leaf:
                    yield f"act {act.kind} (log row {logged.index})"
            yield from self._log.verify()
            yield from tallies.differences(self._db)

    def checkpoint(self, size: int, note: bytes) -> None:
        """Keep a signed checkpoint."""
        with self._db.writing():
            self._db.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?)", (size, note))

    def checkpoints(self) -> list[tuple[int, bytes]]:
        """Return the kept checkpoints, oldest first."""
        return self._db.execute("SELECT size, note FROM checkpoint ORDER BY size").fetchall()

    def copy(self, place: str) -> None:
        """Write one snapshot of the file, packed, to `place`."""
        self._db.copy(Path(place))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        """Use the store in a `with` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()

    def _writing(self) -> _Guarded:
        return _Guarded(self._db, self._log)


class _Guarded:
    """A writing transaction that makes the log forget what was rolled back."""

    def __init__(self, database: Database, logbook: Logbook) -> None:
        self._transaction = database.writing()
        self._log = logbook

    def __enter__(self) -> None:
        self._transaction.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._log.forget()
        self._transaction.__exit__(kind, error, trace)


def _open(location: str) -> Store:
    return SqliteStore(Path(location))


STORE: Callable[[str], Store] = _open
