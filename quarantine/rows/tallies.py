"""The law's figures kept while rows are written, so that nobody counts all rows to know them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Final, Protocol

from quarantine.arrivals import AGAIN, Arrival, Counts, DeadLetter
from quarantine.rows.engine import Engine

Span = tuple[int, int]

_LAST: Final = 2**63 - 1
_ADD: Final = (
    "INSERT INTO tally VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (producer) DO UPDATE SET"
    " entries = tally.entries + excluded.entries, received = tally.received + excluded.received,"
    " stored = tally.stored + excluded.stored, dead = tally.dead + excluded.dead,"
    " duplicates = tally.duplicates + excluded.duplicates"
)
_SPAN: Final = (
    "INSERT INTO span VALUES (?, ?, ?)"
    " ON CONFLICT (producer, first) DO UPDATE SET last = excluded.last"
)
_BESIDE: Final = (
    "SELECT first, last FROM span WHERE producer = ? AND first <= ? ORDER BY first DESC LIMIT 2"
)
_WITHIN: Final = "SELECT first, last FROM span WHERE producer = ? AND first <= ? AND last >= ?"
_COUNTED: Final = (
    "SELECT producer, count(*) - sum(again), sum(received) - sum(again), 0, sum(duplicates),"
    " -sum(again) FROM (SELECT producer, received, duplicates,"
    f" CASE WHEN entry LIKE '%{AGAIN}%' THEN 1 ELSE 0 END AS again FROM entry) AS each"
    " GROUP BY producer"
    " UNION ALL SELECT s.producer, 0, 0, sum(n), 0, 0 FROM source s JOIN"
    " (SELECT source, count(*) AS n FROM {} GROUP BY source) AS e ON e.source = s.no"
    " GROUP BY s.producer"
    " UNION ALL SELECT producer, 0, 0, 0, 0, count(*) FROM dead_letter GROUP BY producer"
)
_ISLANDS: Final = (
    "SELECT producer, min(seq), max(seq) FROM (SELECT producer, seq, seq - row_number()"
    " OVER (PARTITION BY producer ORDER BY seq) AS island FROM entry WHERE seq IS NOT NULL) AS runs"
    " GROUP BY producer, island ORDER BY producer, min(seq)"
)


class Counted(Protocol):
    """An entry as it was just written: what came with it, and what became of that."""

    @property
    def arrival(self) -> Arrival:
        """Return what arrived."""

    @property
    def seq(self) -> int | None:
        """Return its counter, where it was new."""

    @property
    def received(self) -> int:
        """Return how many events it brought."""

    @property
    def duplicates(self) -> int:
        """Return how many of them were known."""

    @property
    def events(self) -> Sized:
        """Return those that are held."""


def add(database: Engine, entries: Sequence[Counted], dead: Iterable[DeadLetter]) -> None:
    """Count what was just written, inside the transaction that writes it."""
    figures: defaultdict[str, list[int]] = defaultdict(lambda: [0] * 5)
    seqs: defaultdict[str, list[int]] = defaultdict(list)
    for entry in entries:
        producer = entry.arrival.producer
        sums = figures[producer]
        # A dead letter on its second way came from the bus once, and is dead no longer.
        again = AGAIN in entry.arrival.entry
        sums[0] += 1 - again
        sums[1] += entry.received - again
        sums[2] += len(entry.events)
        sums[3] += entry.duplicates
        sums[4] -= again
        if entry.seq is not None:
            seqs[producer].append(entry.seq)
    for letter in dead:
        figures[letter.producer][4] += 1
    database.executemany(_ADD, [(producer, *each) for producer, each in figures.items()])
    for producer, some in seqs.items():
        for first, last in _spans(sorted(some)):
            _join(database, producer, first, last)


def spans(database: Engine, producer: str) -> list[Span]:
    """Return the counters received from `producer` as ranges, rising and with gaps between."""
    return database.execute(
        "SELECT first, last FROM span WHERE producer = ? ORDER BY first", (producer,)
    ).fetchall()


def counts(database: Engine) -> dict[str, Counts]:
    """Return the law's figures by producer; call inside one snapshot."""
    kept = {
        producer: figures
        for producer, *figures in database.execute("SELECT * FROM tally ORDER BY producer")
    }
    lost = _lost(database)
    return {
        producer: _counts(kept.get(producer, [0] * 5), lost.get(producer, 0))
        for producer in sorted({*kept, *lost})
    }


def differences(database: Engine) -> Iterator[str]:
    """Count every row anew, and say where that is not what was kept; reads all entries."""
    counted: defaultdict[str, list[int]] = defaultdict(lambda: [0] * 5)
    for producer, *figures in database.execute(_COUNTED.format(database.identities)):
        counted[producer] = [a + b for a, b in zip(counted[producer], figures, strict=True)]
    kept = {name: figures for name, *figures in database.execute("SELECT * FROM tally")}
    for producer in sorted({*counted, *kept}):
        if counted.get(producer, [0] * 5) != kept.get(producer, [0] * 5):
            yield f"the figures of {producer} are not those of its rows"
    islands = database.execute(_ISLANDS).fetchall()
    known = database.execute("SELECT * FROM span ORDER BY producer, first").fetchall()
    for producer in sorted({row[0] for row in {*islands} ^ {*known}}):
        yield f"the counters kept of {producer} are not those of its rows"


def _counts(figures: Sequence[int], lost: int) -> Counts:
    entries, received, stored, duplicates, dead = figures
    return Counts(
        entries_received=entries,
        entries_lost=lost,
        received=received,
        stored=stored,
        duplicates=duplicates,
        dead_lettered=dead,
    )


def _lost(database: Engine) -> Mapping[str, int]:
    """Count what was reported lost, less what came after all: that is received."""
    found: Counter[str] = Counter()
    for producer, first, last in database.execute("SELECT producer, first, last FROM loss"):
        came = sum(
            min(last, end) - max(first, start) + 1
            for start, end in database.execute(_WITHIN, (producer, last, first))
        )
        found[producer] += last - first + 1 - came
    return found


def _join(database: Engine, producer: str, first: int, last: int) -> None:
    """Add a range of which nothing was known, joined to those that it touches."""
    after = min(last + 1, _LAST)
    for start, end in database.execute(_BESIDE, (producer, after)).fetchall():
        if start == last + 1:
            database.execute("DELETE FROM span WHERE producer = ? AND first = ?", (producer, start))
            last = end
        elif end == first - 1:
            first = start
    database.execute(_SPAN, (producer, first, last))


def _spans(seqs: Sequence[int]) -> Iterator[Span]:
    """Yield the ranges that rising numbers make."""
    first = last = None
    for seq in seqs:
        if first is None or last is None:
            first = last = seq
        elif seq == last + 1:
            last = seq
        else:
            yield first, last
            first = last = seq
    if first is not None and last is not None:
        yield first, last
