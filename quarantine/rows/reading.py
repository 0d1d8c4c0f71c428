"""Reading the store: frames for scoring, whole rows for releases, dead letters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from quarantine.arrivals import DeadLetter
from quarantine.log import commit, event_leaf
from quarantine.model import Held, Member
from quarantine.rows.engine import Engine, as_bytes, as_text

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 10_000
LAST = 2**63 - 1
"""No log gets so long."""
_TYPES = (int, str, str, str, int, str, bytes, bytes, bytes)
_AT_ONCE: Final = 500
_HELD = "SELECT e.idx, e.source, e.id, e.arrived, e.key, e.salt, e.body, e.leaf FROM event e"
_AMONG: Final = f"{_HELD} WHERE {{}} ORDER BY e.idx"
_RANGE: Final = f"{_HELD} WHERE e.idx >= ? AND e.idx <= ? ORDER BY e.idx"
_EVERY = (
    "SELECT e.idx, s.producer, s.source, e.id, e.arrived, e.key, e.salt, e.body, e.leaf "
    "FROM event e LEFT JOIN source s ON s.no = e.source ORDER BY e.idx"
)
_LETTER = "no, producer, stream, entry, position, reason, detail, at, size, digest, content, vouch"
_FRAME = "SELECT e.source, {} FROM event e WHERE e.idx >= ? AND e.idx < ? AND length(e.salt) > 0"
_SOURCE: Final = ("producer", "source")
_SECOND: Final = itemgetter(1)
_MEMBERS: Final = (
    "SELECT m.idx, e.source, m.leaf, m.cluster, coalesce(e.target, '') FROM member m"
    " LEFT JOIN event e ON e.idx = m.idx WHERE m.request = ? ORDER BY m.idx"
)


class Names:
    """The names of sources by their number in the store, each of them looked up once."""

    def __init__(self, database: Engine) -> None:
        """Know none yet."""
        self._db = database
        self._known: dict[object, tuple[str, str]] = {}

    def of(self, numbers: Iterable[object]) -> dict[object, tuple[str, str]]:
        """Return the producer and source of every number that is known now, these among them."""
        new = [each for each in set(numbers) - self._known.keys() if isinstance(each, int)]
        if new:
            asked = f"SELECT no, producer, source FROM source WHERE {self._db.among('no')}"
            rows = self._db.execute(asked, (self._db.listed(new),))
            self._known.update((no, (as_text(one), as_text(other))) for no, one, other in rows)
        return self._known

    def beside(self, rows: Sequence[tuple[Any, ...]]) -> list[Sequence[Any]]:
        """Return rows as columns, the number in the second replaced by the two names of a source.

        A row whose source is not there is left out: nobody said it.
        """
        numbers = [*map(_SECOND, rows)]
        known = self.of(numbers)
        if not known.keys() >= set(numbers):
            rows = [row for row in rows if row[1] in known]
        if not rows:
            return []
        first, by, *rest = zip(*rows, strict=True)
        return [first, *zip(*map(known.__getitem__, by), strict=True), *rest]


def frame(
    database: Engine, since: int, until: int, only: Collection[str] | None = None
) -> pa.Table:
    """Return held events from `since` to before `until` as `EVENT_SCHEMA`, read in chunks.

    Where not all columns are needed `only` names those that are.
    """
    import pyarrow as pa  # noqa: PLC0415  intake and the command line never read frames

    from quarantine.evidence import EVENT_SCHEMA  # noqa: PLC0415

    names = [name for name in EVENT_SCHEMA.names if only is None or name in only]
    told = [each for each in EVENT_SCHEMA if each.name in {"index", *names}.difference(_SOURCE)]
    asked = ", ".join("e.idx" if field.name == "index" else f"e.{field.name}" for field in told)
    query = f"{_FRAME.format(asked)} ORDER BY e.idx"
    batches, numbers = [], []
    for rows in database.chunks(query, (since, until), size=CHUNK):
        by, *columns = zip(*rows, strict=True)
        numbers.append([number if isinstance(number, int) else None for number in by])
        arrays = [
            pa.array(column, type=field.type) for column, field in zip(columns, told, strict=True)
        ]
        batches.append(pa.record_batch(arrays, schema=pa.schema(told)))
    table = pa.Table.from_batches(batches, schema=pa.schema(told))
    for name, column in _named(database, pa.chunked_array(numbers, pa.int64())):
        table = table.append_column(EVENT_SCHEMA.field(name), column)
    if table.column("source").null_count:  # a row whose source is not there is no event
        table = table.filter(table.column("source").is_valid())
    return table.select(names)


def _named(database: Engine, numbers: pa.ChunkedArray) -> Iterator[tuple[str, pa.Array]]:
    """Yield by name of a column what the sources of these numbers are called, null of nobody's."""
    import pyarrow as pa  # noqa: PLC0415  as above

    encoded = numbers.combine_chunks().dictionary_encode()
    every = encoded.dictionary.to_pylist()
    known = Names(database).of(every)
    spoken = [known.get(number, (None, None)) for number in every]
    for place, name in enumerate(_SOURCE):
        words = pa.array([each[place] for each in spoken], pa.string()).dictionary_encode()
        codes = words.indices.take(encoded.indices)
        yield name, pa.DictionaryArray.from_arrays(codes, words.dictionary)


def held(database: Engine, indexes: Sequence[int]) -> Iterator[Held]:
    """Yield whole rows at `indexes`; one that is missing is simply not yielded."""
    names = Names(database)
    among = _AMONG.format(database.among("e.idx"))
    for start in range(0, len(indexes), _AT_ONCE):
        some = indexes[start : start + _AT_ONCE]
        if some[-1] - some[0] == len(some) - 1:  # a range costs a row a fifth less than a list
            rows = database.execute(_RANGE, (some[0], some[-1]))
        else:
            rows = database.execute(among, (database.listed(some),))
        yield from _wholes(names.beside(rows))


def members(database: Engine, request: int) -> list[Member]:
    """Return a request's members by index, with what their rows say today."""
    rows = database.execute(_MEMBERS, (request,))
    known = Names(database).of(map(_SECOND, rows))
    made, nobody = tuple.__new__, ("", "")
    return [
        made(Member, (index, leaf, cluster, *known.get(number, nobody), target, ""))
        for index, number, leaf, cluster, target in rows
    ]


def every_held(database: Engine) -> Iterator[Held]:
    """Yield every held row, in log order, also one whose source is not there."""
    for rows in database.chunks(_EVERY, size=1000):
        yield from _wholes([*zip(*rows, strict=True)])


def _wholes(columns: Sequence[Sequence[Any]]) -> Iterator[Held]:
    """Make held events of columns; where each has its type throughout, that is asked once."""
    rows = zip(*columns, strict=True)
    if all(set(map(type, each)) == {kind} for each, kind in zip(columns, _TYPES, strict=False)):
        return map(tuple.__new__, repeat(Held), rows)  # less dear than `_make`
    return map(_whole, rows)


def _whole(row: tuple[object, ...]) -> Held:
    """Make a held event of a row; what was edited to another type hashes to another leaf."""
    if tuple(map(type, row)) == _TYPES:
        return Held._make(row)
    index, producer, source, id_, arrived, key, salt, body, leaf = row
    return Held(
        int(str(index)),
        as_text(producer),
        as_text(source),
        as_text(id_),
        arrived if isinstance(arrived, int) else -1,
        as_text(key),
        as_bytes(salt),
        as_bytes(body),
        as_bytes(leaf),
    )


def leaf_of(row: Held, commitment: bytes | None = None) -> bytes:
    """Recompute the leaf of a held row from its facts; of an erased one from its `commitment`."""
    return event_leaf(
        (row.producer, row.source, row.id),
        row.arrived,
        row.key,
        commitment if row.is_erased and commitment else commit(row.salt, row.body),
    )


def dead(database: Engine, since: int, limit: int) -> list[tuple[int, DeadLetter]]:
    """Return dead letters after number `since`."""
    rows = database.execute(
        f"SELECT {_LETTER} FROM dead_letter WHERE no > ? ORDER BY no LIMIT ?", (since, limit)
    )
    return [(no, DeadLetter(*rest)) for no, *rest in rows]
