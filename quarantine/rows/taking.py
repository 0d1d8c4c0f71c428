"""Taking arrivals in: held once, counted once, put aside with a reason; one transaction for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import repeat
from typing import Final, Generic, TypeVar

from quarantine.arrivals import Arrival, DeadLetter, Taken, put_aside
from quarantine.model import Event
from quarantine.rows import tallies
from quarantine.rows.engine import Engine
from quarantine.rows.harvest import Entry, Harvest, letter_row
from quarantine.rows.keeping import kept
from quarantine.rows.logbook import Logbook
from quarantine.rows.sealing import Sealed, sealed

MOST_NUMBERS: Final = 100_000
"""Sources whose number is remembered: a producer may make up any number of them."""

_BODY: Final = (
    "SELECT body FROM event WHERE id = ? AND source ="
    " (SELECT no FROM source WHERE producer = ? AND source = ?)"
)
Ready = TypeVar("Ready")


class Taking(ABC, Generic[Ready]):
    """Writes arrivals: tries the straight way first, looks each event up only when that fails.

    `Ready` is how an engine wants events that were sealed; it is made before anybody has to wait.
    """

    def __init__(self, database: Engine, logbook: Logbook) -> None:
        """Write to `database`, behind `logbook`."""
        self._db = database
        self._log = logbook
        self._numbers: dict[tuple[str, str], int] = {}

    def take(self, arrivals: Sequence[Arrival]) -> Taken:
        """Hold, count and put aside; see `ports.Store.take`."""
        ready = self.ready(sealed((arrival, arrival.events) for arrival in arrivals))
        events = sum(len(arrival.events) for arrival in arrivals)

        def straight(harvest: Harvest) -> Sequence[Ready]:
            """Expect every event to be new; only what came with known entries is left out."""
            return ready if harvest.size == events else self.ready(sealed(harvest.told()))

        try:
            try:
                return self._take(arrivals, straight, ready)
            except self._db.duplicate:
                self.forget()
                return self._take(arrivals, self._leave_out_known, ())
        except BaseException:
            self.forget()
            raise

    def _take(
        self,
        arrivals: Sequence[Arrival],
        fresh: Callable[[Harvest], Sequence[Ready]],
        early: Sequence[Ready],
    ) -> Taken:
        """Write all in one transaction; `fresh` seals the events that are not held already.

        Without a savepoint, whose journal costs as much as the rows: what turns out to be known
        rolls all of it back.
        """
        with self.writing(early):
            harvest = self._sift(arrivals)
            start = self._log.begin()
            self._log.append(self.insert(fresh(harvest), start))
            self._db.insert("entry", [entry.row() for entry in harvest.entries])
            if harvest.dead:
                harvest.dead = kept(self._db, harvest.dead)
                self._put_aside(harvest.dead)
            tallies.add(self._db, harvest.entries, harvest.dead)
        return harvest.taken()

    def writing(self, early: Sequence[Ready]) -> AbstractContextManager[None]:  # noqa: ARG002
        """Run the transaction; `early` will most likely be inserted in it, and can go ahead."""
        return self._db.writing()

    @abstractmethod
    def ready(self, some: Iterable[Sealed]) -> Sequence[Ready]:
        """Return sealed events as `insert` wants them."""

    @abstractmethod
    def insert(self, ready: Sequence[Ready], start: int) -> list[bytes]:
        """Write events from log index `start` on and return their leaves, in this order.

        Raises the engine's `duplicate` when the identity of one is held already.
        """

    def _put_aside(self, letters: Iterable[DeadLetter]) -> None:
        """Write dead letters, numbered from the last one on."""
        (last,) = self._db.execute("SELECT coalesce(max(no), 0) FROM dead_letter").fetchone()
        self._db.insert(
            "dead_letter", [(n, *letter_row(one)) for n, one in enumerate(letters, last + 1)]
        )

    def taken(self, stream: str, entries: Iterable[str]) -> set[str]:
        """Return which of these entries of `stream` were taken before."""
        asked = f"SELECT entry FROM entry WHERE stream = ? AND {self._db.among('entry')}"
        rows = self._db.execute(asked, (stream, self._db.listed(entries)))
        return {entry for (entry,) in rows}

    def _sift(self, arrivals: Sequence[Arrival]) -> Harvest:
        """Leave out entries that were taken before, and those whose `seq` was."""
        harvest = Harvest()
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
                entry = Entry(arrival, arrival.seq, received, events=arrival.events)
                harvest.dead += arrival.dead
            elif before == arrival.digest:
                entry = Entry(arrival, None, received, duplicates=received)
            else:
                entry = Entry(arrival, None, 1)
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
        asked = f"SELECT seq, digest FROM entry WHERE producer = ? AND {self._db.among('seq')}"
        return {
            (producer, seq): digest
            for producer, some in seqs.items()
            for seq, digest in self._db.execute(asked, (producer, self._db.listed(some)))
        }

    def knows(self, some: Sealed) -> bool:
        """Say whether the number of every source of these events is remembered."""
        return all(map(self._numbers.__contains__, zip(repeat(some.by[0]), some.sources)))

    def numbers_of(self, some: Sealed) -> list[int]:
        """Return the number of each event's source, made where it is new."""
        producer, arrived, _ = some.by
        try:
            return [*map(self._numbers.__getitem__, zip(repeat(producer), some.sources))]
        except KeyError:
            sources = [*dict.fromkeys(some.sources)]
            numbers = self._looked_up(producer, sources, arrived)
            return [*map(numbers.__getitem__, some.sources)]

    def _looked_up(self, producer: str, sources: Sequence[str], arrived: int) -> dict[str, int]:
        """Return the numbers of these sources, and remember as many as there is room for."""
        found = {
            source: self._numbers[producer, source]
            for source in sources
            if (producer, source) in self._numbers
        }
        asked = [source for source in sources if source not in found]
        known = f"SELECT source, no FROM source WHERE producer = ? AND {self._db.among('source')}"
        found.update(self._db.execute(known, (producer, self._db.listed(asked))))
        new = [source for source in asked if source not in found]
        (last,) = self._db.execute("SELECT coalesce(max(no), 0) FROM source").fetchone()
        rows = [(no, producer, source, arrived) for no, source in enumerate(new, last + 1)]
        self._db.insert("source", rows)
        found.update({source: no for no, _, source, _ in rows})
        if len(self._numbers) + len(asked) > MOST_NUMBERS:
            self._numbers.clear()
        some = asked[:MOST_NUMBERS]
        self._numbers.update({(producer, source): found[source] for source in some})
        return found

    def forget(self) -> None:
        """Drop what was remembered of rows that were rolled back."""
        self._numbers.clear()
        self._log.forget()

    def _leave_out_known(self, harvest: Harvest) -> Sequence[Ready]:
        """Drop events whose identity is held: the same bytes are a duplicate, others a conflict."""
        now: dict[tuple[str, str, str], bytes] = {}
        for entry in harvest.entries:
            fresh, conflicts = self._new_of(entry, now)
            entry.duplicates += len(entry.events) - len(fresh) - len(conflicts)
            entry.events = fresh
            harvest.dead += conflicts
        return self.ready(sealed(harvest.told()))

    def _new_of(
        self, entry: Entry, now: dict[tuple[str, str, str], bytes]
    ) -> tuple[list[Event], list[DeadLetter]]:
        """Return the events that are new, and those in conflict; `now` is what this batch said."""
        arrival = entry.arrival
        fresh: list[Event] = []
        conflicts: list[DeadLetter] = []
        held = self.bodies(arrival.producer, entry.events)
        for event in entry.events:
            identity = (arrival.producer, event.source, event.id)
            body = now.get(identity) or held.get(identity[1:])
            now[identity] = event.body if body is None else body
            if body is None:
                fresh.append(event)
            elif body not in (b"", event.body):  # one that was erased is not heard again
                detail = f"{event.source} has used id {event.id} before, for other bytes"
                letter = put_aside(arrival, event.position, "conflict", detail, event.body)
                conflicts.append(letter)
        return fresh, conflicts

    def bodies(self, producer: str, events: Iterable[Event]) -> dict[tuple[str, str], bytes]:
        """Return the bodies that are held of these events' identities, by source and id."""
        found = {}
        for event in events:
            body = self._db.execute(_BODY, (event.id, producer, event.source)).fetchone()
            if body is not None:
                found[event.source, event.id] = bytes(body[0])
        return found


def _said_before(arrival: Arrival, seqs: dict[tuple[str, int], bytes]) -> bytes | None:
    """Return the digest that was said before under this `seq`; remember what is said now."""
    if arrival.seq is None:
        return None
    key = (arrival.producer, arrival.seq)
    if key in seqs:
        return seqs[key]
    seqs[key] = arrival.digest
    return None
