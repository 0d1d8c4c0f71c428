"""Many rows at once: a binary COPY into a table of this session alone, and from there an INSERT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import psycopg

EVENT: Final = (
    "idx bigint, arrived bigint, claimed bigint, value double precision, source integer,"
    " place integer, salt bytea, leaf bytea, id text, key text, kind text, scope text, target text,"
    " aspect text, question bytea, answer bytea, body bytea"
)
"""The columns of `event`, in the order of its table: who writes it need not be able to read it."""


Connection = psycopg.Connection[tuple[Any, ...]]


def prepared(connection: Connection, table: str) -> str:
    """Return the name of this session's own table with the columns of `table`.

    It is empty again when a transaction ends.
    """
    place = f"poured_{table}"
    shape = EVENT if table == "event" else f"LIKE {table}"
    made = f"CREATE TEMP TABLE IF NOT EXISTS {place} ({shape}) ON COMMIT DELETE ROWS"
    connection.execute(made.encode())
    return place


def pour(connection: Connection, place: str, rows: Iterable[Sequence[object]]) -> None:
    """Copy rows into the table `place`, inside a transaction."""
    with connection.cursor() as cursor:
        columns = cursor.execute(f"SELECT * FROM {place} LIMIT 0".encode()).description or ()
        types = [column.type_code for column in columns]
        with cursor.copy(f"COPY {place} FROM STDIN (FORMAT BINARY)".encode()) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
