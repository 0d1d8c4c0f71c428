"""Where words stand in the log, range by range: kept beside the rows, and made anew from them.

An index on targets or keys would be written at random with every commit. This is written once a
range, when the range is full. It is derived and proves nothing: what it says is looked up in the
rows, and a range for which it lacks anything, or has something else, is read as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from quarantine.errors import TamperedError
from quarantine.rows.citing import BUCKETS, MOST, cited, sealed
from quarantine.rows.engine import Engine, as_bytes, as_text
from quarantine.rows.logbook import Logbook

COLUMNS: Final = ("source", "key", "target")
"""Columns of `event` whose words are looked for."""
_TIME: Final = "arrived"
"""Stands beside them, in one part: when the range's first event came, and its last."""
_WIDE: Final = 8
_CHUNK: Final = 1000
_READ: Final = (
    f"SELECT idx, {_TIME}, {', '.join(COLUMNS)} FROM event WHERE idx >= ? AND idx < ? ORDER BY idx"
)
_ERASED: Final = "SELECT count(*) FROM erased WHERE idx >= ? AND idx < ?"
_THERE: Final = "SELECT first FROM concordance WHERE name = ? AND bucket = 0"
_SAID: Final = "SELECT name, bucket, first, part, seal FROM concordance"
_PARTS: Final = f"{_SAID} WHERE name = ? AND bucket = ?"
_DROP: Final = "DELETE FROM concordance WHERE name = ? AND bucket = ? AND first = ?"
_ALL: Final = ((_TIME, 0), *((name, bucket) for name in COLUMNS for bucket in range(BUCKETS)))

Row = tuple[str, int, int, bytes, bytes]


class Written(NamedTuple):
    """What is to be said of the range from `first` on; `erased` of its events were gone."""

    first: int
    erased: int
    rows: list[Row]


class Concordance:
    """Ranges of the log that are full, and where their words stand."""

    def __init__(self, database: Engine, logbook: Logbook, width: int = MOST) -> None:
        """Keep it in `database`, of ranges of `width` rows of the log: whole tiles, 2^n of them."""
        self.width = width
        self._db = database
        self._log = logbook
        self._roots: dict[int, bytes] = {}
        self._sound: set[int] | None = None

    def rows(self) -> int:
        """Return how many rows of the log are there still."""
        return self._log.size() - self._db.retired()

    def parts(self, name: str, bucket: int) -> dict[int, bytes]:
        """Return what is said in one bucket of a column, by the start of the range; sound alone."""
        return {
            first: part
            for _, _, first, part, _ in filter(
                self._holds, map(_row, self._db.execute(_PARTS, (name, bucket)))
            )
        }

    def spans(self) -> dict[int, tuple[int, int]]:
        """Return when the events of each range came: the first and the last (µs), by its start."""
        return {
            first: (_number(part[:_WIDE]), _number(part[_WIDE:]))
            for first, part in self.parts(_TIME, 0).items()
        }

    def lacking(self) -> list[int]:
        """Return the starts of full ranges of which not all is said, or not soundly, rising.

        All that is said is looked through the first time, and when somebody else has written.
        """
        there = {first for (first,) in self._db.execute(_THERE, (_TIME,))}
        if self._sound is None or not there <= self._sound:
            found = Counter(first for _, _, first, _, _ in filter(self._holds, self._every()))
            self._sound = {first for first, parts in found.items() if parts == len(_ALL)}
        good = self._sound & there
        start = -(-self._db.retired() // self.width) * self.width
        stop = self._log.size() // self.width * self.width
        full = range(start, stop, self.width)
        return [first for first in full if first not in good and self._root(first)]

    def read(self, first: int) -> Written:
        """Read one full range; outside of a transaction, so that nobody waits for it."""
        span = (first, first + self.width)
        (erased,) = self._db.execute(_ERASED, span).fetchone()
        return Written(first, erased, self._said(first, self._db.execute(_READ, span)))

    def write(self, written: Written) -> None:
        """Say what was read of a range, inside a transaction; nothing if some was erased since."""
        first = written.first
        (erased,) = self._db.execute(_ERASED, (first, first + self.width)).fetchone()
        if erased != written.erased:
            return
        self.forget([first])
        self._db.insert("concordance", written.rows)
        if self._sound is not None:
            self._sound.add(first)

    def forget(self, indexes: Iterable[int]) -> None:
        """Say nothing any more of the ranges these log indexes are in, inside a transaction."""
        starts = sorted({index - index % self.width for index in indexes})
        self._db.executemany(_DROP, [(*part, first) for first in starts for part in _ALL])

    def differences(self) -> Iterator[str]:
        """Name each range of which something else is said than its rows say; reads all of them."""
        found = Counter(first for _, _, first, _, _ in self._every())
        for first, parts in sorted(found.items()):
            if first % self.width or not self._root(first):
                yield f"the concordance speaks of log row {first}, where no range begins"
            elif parts != len(_ALL) or not all(map(self._stands, self.read(first).rows)):
                last = first + self.width - 1
                yield f"the concordance of log rows {first} to {last} is not that of its rows"

    def _said(self, first: int, rows: Iterable[tuple[object, ...]]) -> list[Row]:
        """Return the rows that say where the words of a range's rows stand."""
        indexes, times, *columns = [*zip(*rows, strict=True)] or [()] * (2 + len(COLUMNS))
        at = [int(str(index)) - first for index in indexes]
        came = [time for time in times if isinstance(time, int)]
        span = _spelled(min(came, default=0)) + _spelled(max(came, default=0))
        said = {(_TIME, 0): span}
        for name, column in zip(COLUMNS, columns, strict=True):
            parts = cited(zip(at, column, strict=True))
            said.update({(name, bucket): part for bucket, part in enumerate(parts)})
        return [
            (name, bucket, first, part, self._seal(name, bucket, first, part))
            for (name, bucket), part in said.items()
        ]

    def _seal(self, name: str, bucket: int, first: int, part: bytes) -> bytes:
        return sealed(self._root(first), f"{name} {bucket} {first} {self.width}", part)

    def _holds(self, row: Row) -> bool:
        """Say whether what is said was said of these leaves, and arrived whole."""
        name, bucket, first, part, seal = row
        return bool(self._root(first)) and self._seal(name, bucket, first, part) == seal

    def _stands(self, row: Row) -> bool:
        query = f"{_PARTS} AND first = ?"
        return [*map(_row, self._db.execute(query, row[:3]))] == [row]

    def _root(self, first: int) -> bytes:
        """Return the root of a full range's leaves; nothing where there is no such range."""
        if first not in self._roots:
            level, number = self.width.bit_length() - 1, first // self.width
            try:
                self._roots[first] = self._log.node(level, number)
            except TamperedError:
                return b""
        return self._roots[first]

    def _every(self) -> Iterator[Row]:
        for rows in self._db.chunks(_SAID, size=_CHUNK):
            yield from map(_row, rows)


def _row(row: Sequence[object]) -> Row:
    """Return a row as it should be; one that was edited to other types fits no seal."""
    name, bucket, first, part, seal = row
    numbers = [each if isinstance(each, int) else -1 for each in (bucket, first)]
    return (as_text(name), numbers[0], numbers[1], as_bytes(part), as_bytes(seal))


def _spelled(number: int) -> bytes:
    return number.to_bytes(_WIDE, signed=True)


def _number(spelled: bytes) -> int:
    return int.from_bytes(spelled, signed=True)
