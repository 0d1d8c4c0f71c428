"""`ports.Store` over rows: what every engine's store does alike, in statements all understand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from quarantine.arrivals import Arrival, Counts, DeadLetter, Mark, Taken
from quarantine.closing import Closing
from quarantine.log import Frontier
from quarantine.model import Act, Dossier, Held, Logged, Member, Named, SourceKey
from quarantine.rows import erasing, finding, judging, leasing, reading, streams, tallies, verifying
from quarantine.rows.carrying import carry
from quarantine.rows.citing import MOST
from quarantine.rows.concordance import Concordance
from quarantine.rows.engine import Engine
from quarantine.rows.logbook import Logbook
from quarantine.rows.taking import Taking

if TYPE_CHECKING:
    import pyarrow as pa


class RowStore(Closing):
    """A store in rows; an engine's own store gives its database, and its way to take in."""

    concorded = MOST
    """Rows of the log in one range of the concordance."""

    def __init__(self, database: Engine, logbook: Logbook, taking: Taking[Any]) -> None:
        """Keep everything in `database`, whose log is kept by `logbook`."""
        self._db = database
        self._log = logbook
        self._taking = taking
        self._concordance = Concordance(database, logbook, self.concorded)

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
            self._db.insert("member", ((request, *each[:3]) for each in members))
            return request

    def members(self, request: int) -> list[Member]:
        """Return a request's members by index, with what their rows say today."""
        return reading.members(self._db, request)

    def revoke(self, act: Act, indexes: Sequence[int]) -> int:
        """Append a revocation and mark the rows it takes back."""
        with self._writing():
            (number,) = self._log.record([act])
            self._db.executemany(
                "INSERT INTO revoked VALUES (?, ?) ON CONFLICT DO NOTHING",
                [(index, number) for index in indexes],
            )
            return number

    def revoked(self) -> set[int]:
        """Return the indexes of every row taken back."""
        return {index for (index,) in self._db.execute("SELECT DISTINCT idx FROM revoked")}

    def erase(
        self,
        act: Act,
        indexes: Sequence[int],
        letters: Sequence[int] = (),
        require: Callable[[], None] | None = None,
    ) -> int:
        """Append the act and empty what it erases, unless `require` refuses; then `scrub`."""
        with self._writing():
            if require is not None:
                require()
            (number,) = self._log.record([act])
            erasing.empty(self._db, number, indexes, letters)
            self._concordance.forget(indexes)
        self.scrub()
        return number

    def scrub(self) -> None:
        """Leave nothing of what was erased in the database's own files."""
        self._db.scrub()

    def erased(self) -> Mapping[int, int]:
        """Return, by log index of each erased event, the index of its act."""
        return erasing.erased(self._db)

    def frame(
        self, since: int = 0, until: int | None = None, only: Collection[str] | None = None
    ) -> pa.Table:
        """Return held events from `since` on, and before `until`, as `EVENT_SCHEMA`."""
        return reading.frame(self._db, since, reading.LAST if until is None else until, only)

    def held(self, indexes: Sequence[int]) -> Iterator[Held]:
        """Yield the held events at `indexes`."""
        return reading.held(self._db, indexes)

    def find(self, named: Named) -> list[int]:
        """Return the indexes of the held events that `named` names."""
        return finding.find(self._db, named, self._concordance)

    def concord(self, most: int = 1) -> int:
        """Write up where words stand in full ranges of the log, and return how many still lack."""
        lacking = self._concordance.lacking()
        for first in lacking[:most]:
            written = self._concordance.read(first)
            with self._writing():
                self._concordance.write(written)
        return len(lacking[most:])

    def frozen_with(self, indexes: Sequence[int]) -> Mapping[int, int]:
        """Return, by request, how many of these events are frozen with it."""
        return finding.frozen_with(self._db, indexes)

    def sources(self) -> Mapping[SourceKey, int]:
        """Return every source with its first-seen time."""
        rows = self._db.execute("SELECT producer, source, first_seen FROM source ORDER BY no")
        return {SourceKey(producer, source): seen for producer, source, seen in rows}

    def judge(
        self,
        dossiers: Sequence[Dossier],
        at: int,
        size: int = 0,
        require: Callable[[], None] | None = None,
    ) -> None:
        """Replace the newest dossiers by those given, unless `require` refuses."""
        with self._writing():
            if require is not None:
                require()
            judging.judge(self._db, dossiers, at, size)

    def lease(self, name: str, holder: str, *, at: int, until: int) -> int:
        """Let `holder` alone run a loop for a time; return its token, 0 when another has it."""
        return leasing.lease(self._db, name, holder, at=at, until=until)

    def fence(self, name: str, token: int) -> None:
        """Refuse who is late, inside the transaction of what they write."""
        leasing.fence(self._db, name, token)

    def dossiers(self, keys: Iterable[SourceKey] | None = None) -> list[Dossier]:
        """Return the newest dossiers, worst first."""
        return judging.dossiers(self._db, keys)

    def linked(self) -> Mapping[SourceKey, str]:
        """Return the cluster of every source that was judged."""
        return judging.linked(self._db)

    def judged_at(self) -> int | None:
        """Return when scoring last finished."""
        return judging.judged(self._db)[0]

    def judged_size(self) -> int:
        """Return how much of the log the newest scoring saw."""
        return judging.judged(self._db)[1]

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
        return streams.seen(self._db, producer, stream, mark, again=again)

    def added(self) -> Mapping[str, int]:
        """Return the entries ever added, by producer."""
        return streams.ever_added(self._db)

    def lives(self) -> Mapping[str, int]:
        """Return how often each producer's stream began anew."""
        return streams.lives(self._db)

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
            yield from verifying.differences(self._db, self._log)
            yield from self._concordance.differences()

    def checkpoint(self, size: int, note: bytes) -> None:
        """Keep a signed checkpoint."""
        with self._db.writing():
            self._db.execute(
                "INSERT INTO checkpoint VALUES (?, ?) ON CONFLICT DO NOTHING", (size, note)
            )

    def checkpoints(self) -> list[tuple[int, bytes]]:
        """Return the kept checkpoints, oldest first."""
        return self._db.execute("SELECT size, note FROM checkpoint ORDER BY size").fetchall()

    def copy(self, place: str) -> None:
        """Write one snapshot to the new `place`."""
        self._db.copy(place)

    def carry(self, to: RowStore) -> None:
        """Copy every row as it is at one moment into the store `to`, which must hold none."""
        carry(self._db, to._db)

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Run a transaction; the log forgets what was rolled back."""
        try:
            with self._db.writing():
                yield
        except BaseException:
            self._log.forget()
            raise
