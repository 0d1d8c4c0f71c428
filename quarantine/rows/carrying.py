"""A store carried whole into another, empty one: every row as it is, so every proof holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from quarantine.errors import UsageError
from quarantine.rows.engine import Engine

CHUNK: Final = 10_000
EVENT: Final = (
    *("idx", "source", "id", "arrived", "key", "salt", "body", "leaf", "kind", "scope", "target"),
    *("aspect", "claimed", "question", "answer", "value", "place"),
)
"""The columns of an event as stores hand them on; `question` and `answer` are text there."""
_WORDS: Final = (EVENT.index("question"), EVENT.index("answer"))
_TABLES: Final = {
    "source": "no",
    "act": "idx",
    "event": "idx",
    "tile": "number",
    "checkpoint": "size",
    "entry": "stream, entry",
    "dead_letter": "no",
    "loss": "producer, first",
    "member": "request, idx",
    "revoked": "idx",
    "erased": "idx",
    "erased_letter": "no",
    "stream": "stream, life",
    "dossier": "source",
    "pass": "at",
    "dead_kept": "producer, hour",
    "tally": "producer",
    "span": "producer, first",
}
"""Every table that is not made anew from others, and the order of its rows."""


def carry(database: Engine, to: Engine) -> None:
    """Copy every row as it is at one moment, in one transaction: all of them, or none.

    Raises `UsageError` when there is something in `to` already, or some of it was let go.
    """
    with database.reading(), to.writing():
        if database.retired():
            raise UsageError(
                "events of this store were let go: copy it with the server's own means (pg_dump)"
            )
        if to.execute("SELECT 1 FROM source UNION ALL SELECT 1 FROM act LIMIT 1"):
            raise UsageError("there is a store already, and nothing is written over")
        for table, order in _TABLES.items():
            columns = ", ".join(EVENT) if table == "event" else "*"
            query = f"SELECT {columns} FROM {table} ORDER BY {order}"
            for rows in database.chunks(query, size=CHUNK):
                to.insert(table, _worded(rows) if table == "event" else rows)


def _worded(rows: list[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        told = [*row]
        for place in _WORDS:
            word = told[place]
            told[place] = word.decode() if isinstance(word, bytes) else word
        yield tuple(told)
