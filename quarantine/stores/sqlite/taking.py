"""Taking arrivals in: held once, counted once, put aside with a reason; one transaction for all."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, repeat
from operator import itemgetter
from typing import Final

from quarantine.arrivals import Arrival, DeadLetter, Taken, put_aside
from quarantine.model import Event
from quarantine.stores.sqlite import tallies
from quarantine.stores.sqlite.database import Database
from quarantine.stores.sqlite.keeping import kept
from quarantine.stores.sqlite.logbook import Logbook
from quarantine.stores.sqlite.sealing import Row, Sealed, sealed

MOST_NUMBERS: Final = 100_000
"""Sources whose number is remembered: a producer may make up any number of them."""

_ENTRY = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_DEAD = f"INSERT INTO dead_letter VALUES (NULL, {', '.join('?' * 11)})"
_TAKEN = "SELECT entry FROM entry WHERE stream = ? AND entry IN (SELECT value FROM json_each(?))"
_SAID = (
    "SELECT seq, digest FROM entry WHERE producer = ? AND seq IN (SELECT value FROM json_each(?))"
)


@dataclass(slots=True)
class _Entry:
    """An arrival as it will be counted; `events` are those that will be held."""

    arrival: Arrival
    seq: int | None
    received: int
    duplicates: int = 0
    events: Sequence[Event] = ()

    def row(self) -> Row:
        """Return the row of `entry`, in the order of its columns."""
        at = self.arrival
        facts = (at.stream, at.entry, at.producer, self.seq, at.digest, at.arrived)
        return (*facts, self.received, self.duplicates)


@dataclass(slots=True)
class _Harvest:
    """What one transaction will write."""

    entries: list[_Entry] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)

    def sealed(self) -> list[Sealed]:
        """Seal the events that will be held."""
        return sealed((entry.arrival, entry.events) for entry in self.entries)

    def taken(self) -> Taken:
        """Say what became of it."""
        duplicates = sum(entry.duplicates for entry in self.entries)
        return Taken(self.size, duplicates, self.dead)

    @property
    def size(self) -> int:
        """Return how many events will be held."""
        return sum(len(entry.events) for entry in self.entries)


class Taking:
    """Writes arrivals: tries the straight way first, looks each event up only when that fails."""

    def __init__(self, database: Database, logbook: Logbook) -> None:
        """Write to `database`, behind `logbook`."""
        self._db = database
        self._log = logbook
        self._numbers: dict[tuple[str, str], int] = {}

    def take(self, arrivals: Sequence[Arrival]) -> Taken:
        """Hold, count and put aside; see `ports.Store.take`."""
        ready = sealed((arrival, arrival.events) for arrival in arrivals)
        events = sum(len(arrival.events) for arrival in arrivals)

        def straight(harvest: _Harvest) -> list[Sealed]:
            """Expect every event to be new; only what came with known entries is left out."""
            return ready if harvest.size == events else harvest.sealed()

        try:
            try:
                return self._take(arrivals, straight)
            except sqlite3.IntegrityError:
                self._forget()
                return self._take(arrivals, self._leave_out_known)
        except BaseException:
            self._forget()
            raise

    def _take(
        self, arrivals: Sequence[Arrival], fresh: Callable[[_Harvest], list[Sealed]]
    ) -> Taken:
        """Write all in one transaction; `fresh` seals the events that are not held already.

        Without a savepoint, whose journal costs as much as the rows: what turns out to be known
        rolls all of it back.
        """
        with self._db.writing():
            harvest = self._sift(arrivals)
            self._insert(fresh(harvest))
            self._db.executemany(_ENTRY, [entry.row() for entry in harvest.entries])
            if harvest.dead:
                harvest.dead = kept(self._db, harvest.dead)
                self._db.executemany(_DEAD, [_row(letter) for letter in harvest.dead])
            tallies.add(self._db, harvest.entries, harvest.dead)
        return harvest.taken()

    def taken(self, stream: str, entries: Iterable[str]) -> set[str]:
        """Return which of these entries of `stream` were taken before."""
        rows = self._db.execute(_TAKEN, (stream, json.dumps(list(entries))))
        return {entry for (entry,) in rows}

    def _sift(self, arrivals: Sequence[Arrival]) -> _Harvest:
        """Leave out entries that were taken before, and those whose `seq` was."""
        harvest = _Harvest()
        now = self._known(arrivals)
        seqs = self._said(arrivals)
        for arrival in arrivals:
            here = (arrival.stream, arrival.entry)
            if here in now:
                continue
            now.add(here)
            before = _said_before(arrival, seqs)
            received = len(arrival.events) + len(arrival.dead)
            if before is None:
                entry = _Entry(arrival, arrival.seq, received, events=arrival.events)
                harvest.dead += arrival.dead
            elif before == arrival.digest:
                entry = _Entry(arrival, None, received, duplicates=received)
            else:
                entry = _Entry(arrival, None, 1)
                detail = f"seq {arrival.seq} was used before, for other bytes"
                harvest.dead.append(put_aside(arrival, -1, "seq_reused", detail, arrival.batch))
            harvest.entries.append(entry)
        return harvest

    def _known(self, arrivals: Sequence[Arrival]) -> set[tuple[str, str]]:
        """Return which entries were taken before, by stream and id."""
        entries = defaultdict[str, list[str]](list)
        for arrival in arrivals:
            entries[arrival.stream].append(arrival.entry)
        return {(stream, id_) for stream, ids in entries.items() for id_ in self.taken(stream, ids)}

    def _said(self, arrivals: Sequence[Arrival]) -> dict[tuple[str, int], bytes]:
        """Return the digests that were said before under the `seq` of these, by producer too."""
        seqs = defaultdict[str, list[int]](list)
        for arrival in arrivals:
            if arrival.seq is not None:
                seqs[arrival.producer].append(arrival.seq)
        return {
            (producer, seq): digest
            for producer, some in seqs.items()
            for seq, digest in self._db.execute(_SAID, (producer, json.dumps(some)))
        }

    def _insert(self, ready: Sequence[Sealed]) -> None:
        """Append events behind the newest leaf; the table itself refuses one that is held."""
        start = self._log.begin()
        rows = []
        for some in ready:
            rows.append((some.statement, some.rows(start, self._numbers_of(some))))
            start += len(some.leaves)
        for statement, each in groupby(rows, key=itemgetter(0)):
            self._db.executemany(statement, chain.from_iterable(row for _, row in each))
        self._log.append([leaf for some in ready for leaf in some.leaves])

    def _numbers_of(self, some: Sealed) -> list[int]:
        """Return the number of each event's source."""
        producer, arrived, _ = some.by
        known = self._numbers.get
        try:
            return [*map(self._numbers.__getitem__, zip(repeat(producer), some.sources))]
        except KeyError:
            return [
                known((producer, source)) or self._number(producer, source, arrived)
                for source in some.sources
            ]

    def _number(self, producer: str, source: str, arrived: int) -> int:
        """Return the number of a source, made where it is new, and remember it."""
        if len(self._numbers) >= MOST_NUMBERS:
            self._numbers.clear()
        found = self._db.execute(
            "SELECT no FROM source WHERE producer = ? AND source = ?", (producer, source)
        ).fetchone()
        if found is None:
            made = self._db.execute(
                "INSERT INTO source (producer, source, first_seen) VALUES (?, ?, ?)",
                (producer, source, arrived),
            )
            found = (made.lastrowid or 0,)
        number = self._numbers[producer, source] = int(found[0])
        return number

    def _forget(self) -> None:
        """Drop what was remembered of rows that were rolled back."""
        self._numbers.clear()
        self._log.forget()

    def _leave_out_known(self, harvest: _Harvest) -> list[Sealed]:
        """Drop events whose identity is held: the same bytes are a duplicate, others a conflict."""
        now: dict[tuple[str, str, str], bytes] = {}
        for entry in harvest.entries:
            fresh, conflicts = self._new_of(entry, now)
            entry.duplicates += len(entry.events) - len(fresh) - len(conflicts)
            entry.events = fresh
            harvest.dead += conflicts
        return harvest.sealed()

    def _new_of(
        self, entry: _Entry, now: dict[tuple[str, str, str], bytes]
    ) -> tuple[list[Event], list[DeadLetter]]:
        """Return the events that are new, and those in conflict; `now` is what this batch said."""
        arrival = entry.arrival
        fresh: list[Event] = []
        conflicts: list[DeadLetter] = []
        for event in entry.events:
            identity = (arrival.producer, event.source, event.id)
            body = now.get(identity) or self._body(identity)
            now[identity] = body or event.body
            if body is None:
                fresh.append(event)
            elif body != event.body:
                detail = f"{event.source} has used id {event.id} before, for other bytes"
                letter = put_aside(arrival, event.position, "conflict", detail, event.body)
                conflicts.append(letter)
        return fresh, conflicts

    def _body(self, identity: tuple[str, str, str]) -> bytes | None:
        found = self._db.execute(
            "SELECT body FROM event WHERE id = ? AND source = "
            "(SELECT no FROM source WHERE producer = ? AND source = ?)",
            (identity[2], *identity[:2]),
        ).fetchone()
        return bytes(found[0]) if found else None


def _said_before(arrival: Arrival, seqs: dict[tuple[str, int], bytes]) -> bytes | None:
    """Return the digest that was said before under this `seq`; remember what is said now."""
    if arrival.seq is None:
        return None
    key = (arrival.producer, arrival.seq)
    if key in seqs:
        return seqs[key]
    seqs[key] = arrival.digest
    return None


def _row(letter: DeadLetter) -> tuple[object, ...]:
    return (
        letter.producer,
        letter.stream,
        letter.entry,
        letter.position,
        letter.reason,
        letter.detail,
        letter.at,
        letter.size,
        letter.digest,
        letter.content,
        letter.vouch,
    )
