"""Taking arrivals in: held once, counted once, put aside with a reason; one transaction for all."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from quarantine.log import commit, event_leaf
from quarantine.model import Arrival, DeadLetter, Event, SourceKey, Taken, put_aside
from quarantine.stores.sqlite.database import Database
from quarantine.stores.sqlite.logbook import Logbook

SALT = 16

_EVENT = f"INSERT INTO event VALUES ({', '.join('?' * 17)})"
_ENTRY = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_DEAD = f"INSERT INTO dead_letter VALUES (NULL, {', '.join('?' * 10)})"


@dataclass(slots=True)
class _Harvest:
    """What one transaction will write."""

    events: list[tuple[Arrival, Event]] = field(default_factory=list)
    entries: list[list[object]] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    duplicates: int = 0


class Taking:
    """Writes arrivals: tries the straight way first, looks each event up only when that fails."""

    def __init__(self, database: Database, logbook: Logbook) -> None:
        """Write to `database`, behind `logbook`."""
        self._db = database
        self._log = logbook
        self._numbers: dict[SourceKey, int] = {}

    def take(self, arrivals: Sequence[Arrival]) -> Taken:
        """Hold, count and put aside; see `ports.Store.take`."""
        try:
            with self._db.writing():
                harvest = self._sift(arrivals)
                self._hold(harvest)
                self._db.executemany(_ENTRY, harvest.entries)
                self._db.executemany(_DEAD, [_row(letter) for letter in harvest.dead])
        except BaseException:
            self._numbers.clear()
            self._log.forget()
            raise
        return Taken(len(harvest.events), harvest.duplicates, harvest.dead)

    def _sift(self, arrivals: Sequence[Arrival]) -> _Harvest:
        """Leave out entries that were taken before, and those whose `seq` was."""
        harvest = _Harvest()
        now: set[tuple[str, str]] = set()
        seqs: dict[tuple[str, int], bytes] = {}
        for arrival in arrivals:
            here = (arrival.stream, arrival.entry)
            if here in now or self.taken(*here):
                continue
            now.add(here)
            received = len(arrival.events) + len(arrival.dead)
            duplicates = 0
            before = self._said_before(arrival, seqs)
            if before is None:
                harvest.events += [(arrival, event) for event in arrival.events]
                harvest.dead += arrival.dead
            elif before == arrival.digest:
                duplicates = received
            else:
                received = 1
                detail = f"seq {arrival.seq} was used before, for other bytes"
                harvest.dead.append(put_aside(arrival, -1, "seq_reused", detail, arrival.batch))
            harvest.duplicates += duplicates
            harvest.entries.append(
                [
                    arrival.stream,
                    arrival.entry,
                    arrival.producer,
                    arrival.seq if before is None else None,
                    arrival.digest,
                    arrival.arrived,
                    received,
                    duplicates,
                ]
            )
        return harvest

    def taken(self, stream: str, entry: str) -> bool:
        """Say whether an entry was taken before."""
        found = self._db.execute(
            "SELECT 1 FROM entry WHERE stream = ? AND entry = ?", (stream, entry)
        ).fetchone()
        return found is not None

    def _said_before(self, arrival: Arrival, seqs: dict[tuple[str, int], bytes]) -> bytes | None:
        if arrival.seq is None:
            return None
        key = (arrival.producer, arrival.seq)
        if key not in seqs:
            found = self._db.execute(
                "SELECT digest FROM entry WHERE producer = ? AND seq = ?", key
            ).fetchone()
            if found is None:
                seqs[key] = arrival.digest
                return None
            seqs[key] = found[0]
        return seqs[key]

    def _hold(self, harvest: _Harvest) -> None:
        """Insert the events: straight on, or, when one is known already, one by one."""
        self._db.execute("SAVEPOINT hold")
        try:
            self._insert(harvest.events)
        except sqlite3.IntegrityError:
            self._db.execute("ROLLBACK TO hold")
            self._log.forget()
            self._numbers.clear()
            self._leave_out_known(harvest)
            self._insert(harvest.events)
        self._db.execute("RELEASE hold")

    def _insert(self, events: Sequence[tuple[Arrival, Event]]) -> None:
        index = self._log.begin()
        salts = os.urandom(SALT * len(events))
        rows, leaves = [], []
        for n, (arrival, event) in enumerate(events):
            salt = salts[n * SALT : (n + 1) * SALT]
            leaf = event_leaf(
                (arrival.producer, event.source, event.id),
                arrival.arrived,
                arrival.key,
                commit(salt, event.body),
            )
            said = event.said
            rows.append(
                (
                    index + n,
                    self._number(arrival, event),
                    event.id,
                    arrival.arrived,
                    arrival.key,
                    salt,
                    event.body,
                    leaf,
                    event.kind,
                    event.scope,
                    event.target,
                    event.aspect,
                    event.claimed,
                    said.question,
                    said.answer,
                    said.value,
                    said.place,
                )
            )
            leaves.append(leaf)
        self._db.executemany(_EVENT, rows)
        self._log.append(leaves)

    def _number(self, arrival: Arrival, event: Event) -> int:
        key = SourceKey(arrival.producer, event.source)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._find_number(key, arrival.arrived)
        return number

    def _find_number(self, key: SourceKey, arrived: int) -> int:
        found = self._db.execute(
            "SELECT no FROM source WHERE producer = ? AND source = ?", key
        ).fetchone()
        if found is not None:
            return int(found[0])
        made = self._db.execute(
            "INSERT INTO source (producer, source, first_seen) VALUES (?, ?, ?)", (*key, arrived)
        )
        return int(made.lastrowid or 0)

    def _leave_out_known(self, harvest: _Harvest) -> None:
        """Drop events whose identity is held: the same bytes are a duplicate, others a conflict."""
        fresh: list[tuple[Arrival, Event]] = []
        now: dict[tuple[str, str, str], bytes] = {}
        again: dict[tuple[str, str], int] = {}
        for arrival, event in harvest.events:
            identity = (arrival.producer, event.source, event.id)
            body = now.get(identity) or self._body(identity)
            now[identity] = body or event.body
            if body is None:
                fresh.append((arrival, event))
            elif body == event.body:
                here = (arrival.stream, arrival.entry)
                again[here] = again.get(here, 0) + 1
            else:
                detail = f"{event.source} has used id {event.id} before, for other bytes"
                letter = put_aside(arrival, event.position, "conflict", detail, event.body)
                harvest.dead.append(letter)
        harvest.events = fresh
        harvest.duplicates += sum(again.values())
        for entry in harvest.entries:
            entry[-1] = int(str(entry[-1])) + again.get((str(entry[0]), str(entry[1])), 0)

    def _body(self, identity: tuple[str, str, str]) -> bytes | None:
        found = self._db.execute(
            "SELECT body FROM event WHERE id = ? AND source = "
            "(SELECT no FROM source WHERE producer = ? AND source = ?)",
            (identity[2], *identity[:2]),
        ).fetchone()
        return bytes(found[0]) if found else None


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
    )
