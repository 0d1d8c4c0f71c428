"""Reading the store: frames for scoring, whole rows for releases, dead letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from quarantine.arrivals import DeadLetter
from quarantine.log import commit, event_leaf
from quarantine.model import Held
from quarantine.rows.engine import Engine, as_bytes, as_text

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 50_000
LAST = 2**63 - 1
"""No log gets so long."""
_TYPES = (int, str, str, str, int, str, bytes, bytes, bytes)
_HELD = (
    "SELECT e.idx, s.producer, s.source, e.id, e.arrived, e.key, e.salt, e.body, e.leaf "
    "FROM event e JOIN source s ON s.no = e.source"
)
_EVERY = _HELD.replace(" JOIN ", " LEFT JOIN ")
_LETTER = "no, producer, stream, entry, position, reason, detail, at, size, digest, content, vouch"
_FRAME = (
    "SELECT e.idx, s.producer, s.source, e.id, e.kind, e.scope, e.target, e.question, e.answer,"
    " e.value, e.place, e.arrived, e.claimed "
    "FROM event e JOIN source s ON s.no = e.source"
    " WHERE e.idx >= ? AND e.idx < ? AND length(e.salt) > 0 ORDER BY e.idx"
)


def frame(database: Engine, since: int, until: int) -> pa.Table:
    """Return held events from `since` to before `until` as `EVENT_SCHEMA`, read in chunks."""
    import pyarrow as pa  # noqa: PLC0415  intake and the command line never read frames

    from quarantine.evidence import EVENT_SCHEMA  # noqa: PLC0415

    batches = []
    for rows in database.chunks(_FRAME, (since, until), size=CHUNK):
        columns = [
            pa.array(column, type=field.type)
            for column, field in zip(zip(*rows, strict=True), EVENT_SCHEMA, strict=True)
        ]
        batches.append(pa.record_batch(columns, schema=EVENT_SCHEMA))
    return pa.Table.from_batches(batches, schema=EVENT_SCHEMA)


def held(database: Engine, indexes: Sequence[int]) -> Iterator[Held]:
    """Yield whole rows at `indexes`; one that is missing is simply not yielded."""
    for start in range(0, len(indexes), 500):
        some = indexes[start : start + 500]
        query = f"{_HELD} WHERE {database.among('e.idx')} ORDER BY e.idx"
        yield from _wholes(database.execute(query, (database.listed(some),)))


def every_held(database: Engine) -> Iterator[Held]:
    """Yield every held row, in log order, also one whose source is not there."""
    for rows in database.chunks(f"{_EVERY} ORDER BY e.idx", size=1000):
        yield from _wholes(rows)


def _wholes(rows: Sequence[tuple[object, ...]]) -> Iterator[Held]:
    """Make held events of rows; where every column has its type, that is asked once a column."""
    columns = zip(*rows, strict=True)
    if all(set(map(type, each)) == {kind} for each, kind in zip(columns, _TYPES, strict=False)):
        return map(Held._make, rows)
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
