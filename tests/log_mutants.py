"""Mutants of a log: one thing changed in the store behind it, past its guards, by chance."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from approvals.attest import seal, unseal
from approvals.ports import Signer
from quarantine.log import act_leaf
from tests.mutants import Mutant

CELLS: Final = (
    *(
        ("event", name)
        for name in (
            *("source", "id", "arrived", "key", "salt", "body", "leaf", "kind", "scope"),
            *("target", "question", "answer", "value", "place", "claimed"),
        )
    ),
    *(("act", name) for name in ("kind", "at", "body", "leaf")),
)
"""What a cell of the log can be; `aspect` is read from the body alone."""
ERASED: Final = ("kind", "scope")
"""What is left beside an erased event, and what no proof of it says any more."""


def cell(chance: random.Random, raw: sqlite3.Connection, _: Signer) -> Mutant:
    """Change one cell of one event or act."""
    table, column = chance.choice(CELLS)
    index = _some(chance, raw, table)
    while column in ERASED and raw.execute("SELECT 1 FROM erased WHERE idx=?", (index,)).fetchall():
        index = _some(chance, raw, table)
    query = f"SELECT {column} FROM {table} WHERE idx = ?"
    ((value,),) = raw.execute(query, (index,)).fetchall()
    raw.execute(f"UPDATE {table} SET {column} = ? WHERE idx = ?", (_changed(chance, value), index))
    return Mutant(f"{column} of {table} {index}", (f"row {index})", f"row {index} "))


def _changed(chance: random.Random, value: object) -> object:
    if isinstance(value, bytes):
        content = bytearray(value or b"\0")
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        return bytes(content) if value else b"x"
    if isinstance(value, str):
        return chance.choice([f"{value}x", value[1:] or "y", value.upper() + "z"])
    return 0.123 if value is None else value + 1  # type: ignore[operator]


def gone(chance: random.Random, raw: sqlite3.Connection, _: Signer) -> Mutant:
    """Delete one event or act."""
    table = chance.choice(["event", "act"])
    index = _some(chance, raw, table)
    raw.execute(f"DELETE FROM {table} WHERE idx = ?", (index,))
    return Mutant(f"{table} {index} is deleted", (f"row {index} ", "cut off"))


def again(chance: random.Random, raw: sqlite3.Connection, _: Signer) -> Mutant:
    """Append an act of the log once more, with the leaf it had."""
    index, size = _some(chance, raw, "act"), _size(raw)
    raw.execute(
        "INSERT INTO act SELECT ?, kind, at, body, leaf FROM act WHERE idx=?", (size, index)
    )
    return Mutant(f"act {index} is there again", (f"row {size})",))


def moved(chance: random.Random, raw: sqlite3.Connection, _: Signer) -> Mutant:
    """Swap the places of two events, or of two acts."""
    table = chance.choice(["event", "act"])
    one, two = _some(chance, raw, table), _some(chance, raw, table)
    while one == two:
        two = _some(chance, raw, table)
    for before, after in ((one, -9), (two, one), (-9, two)):
        raw.execute(f"UPDATE {table} SET idx = ? WHERE idx = ?", (after, before))
    return Mutant(
        f"{table} {one} and {two} are swapped", (f"row {one} ", f"row {two} ", "rewritten")
    )


def truncated(chance: random.Random, raw: sqlite3.Connection, _: Signer) -> Mutant:
    """Cut the last rows off, and whatever was made of them."""
    size = _size(raw)
    left = size - chance.randrange(1, 40)
    for table in ("event", "act"):
        raw.execute(f"DELETE FROM {table} WHERE idx >= ?", (left,))
    raw.execute("DELETE FROM tile WHERE number >= ?", (left // 256,))
    raw.execute("DELETE FROM checkpoint WHERE size > ?", (left,))
    return Mutant(f"the last {size - left} rows are cut off", ("cut off", "figures", "tiles"))


def forged(chance: random.Random, raw: sqlite3.Connection, stranger: Signer) -> Mutant:
    """Sign an act with a wrong key, and give it the leaf that follows; behind the last tile."""
    whole = _size(raw) // 256 * 256
    rows = raw.execute("SELECT idx FROM act WHERE idx >= ? ORDER BY idx", (whole,)).fetchall()
    (index,) = chance.choice(rows)
    query = "SELECT kind, at, body FROM act WHERE idx = ?"
    ((kind, at, body),) = raw.execute(query, (index,)).fetchall()
    envelope = unseal(body)
    body = seal(envelope.payload, envelope.payload_type, [stranger])
    leaf = act_leaf(kind.encode(), at, body)
    raw.execute("UPDATE act SET body = ?, leaf = ? WHERE idx = ?", (body, leaf, index))
    return Mutant(f"act {index} is signed with a wrong key", (f"row {index})",))


def beside(chance: random.Random, raw: sqlite3.Connection, _: Signer) -> Mutant:
    """Change what stands beside the log: frozen rows, marks, names, first times, figures, tiles."""
    statement, *names = chance.choice(BESIDE)
    while not raw.execute(statement.format(chance.randrange(1 << 30))).rowcount:
        pass
    return Mutant(statement, tuple(names))


_MARK: Final = "INSERT INTO revoked SELECT idx, 0 FROM event"
BESIDE: Final = (
    ("DELETE FROM revoked WHERE idx = {} % 400", "and is not marked"),
    (f"{_MARK} WHERE idx = {{}} % 400 AND idx NOT IN (SELECT idx FROM revoked)", "nobody did"),
    ("DELETE FROM member WHERE idx = {} % 400", "frozen with request"),
    ("UPDATE member SET leaf = zeroblob(32) WHERE idx = {} % 400", "frozen with request"),
    ("UPDATE source SET first_seen = first_seen - 1 WHERE no = {} % 9", "first heard"),
    ("UPDATE source SET source = source || 'x' WHERE no = {} % 9", "row "),
    ("UPDATE tile SET root = zeroblob(32) WHERE number = {} % 2", "tile "),
    ("UPDATE tile SET hashes = zeroblob(8192) WHERE number = {} % 2", "tile"),
    ("DELETE FROM tile WHERE number = {} % 2", "tiles"),
    ("UPDATE tally SET stored = stored + 1 + {} % 5", "figures of"),
    ("UPDATE span SET last = last + 1 + {} % 5", "counters kept of"),
    ("DELETE FROM entry WHERE entry = ({} % 9) || '-0'", "of app"),
    ("UPDATE checkpoint SET note = x'00' WHERE size > {} % 400", "checkpoint"),
    ("DELETE FROM erased WHERE idx = {} % 400", "row "),
    ("UPDATE erased SET commitment = zeroblob(32) WHERE idx = {} % 400", "row "),
    ("UPDATE erased SET act = act - 1 WHERE idx = {} % 400", "row "),
)

LOG: Final[Sequence[Callable[[random.Random, sqlite3.Connection, Signer], Mutant]]] = (
    cell,
    cell,
    gone,
    again,
    moved,
    truncated,
    forged,
    beside,
    beside,
)


def mutate_store(
    chance: random.Random,
    store: Path,
    how: Callable[[random.Random, sqlite3.Connection, Signer], Mutant],
    stranger: Signer,
) -> Mutant:
    """Change the store's file past its guards, as whoever owns the file could."""
    with closing(sqlite3.connect(store, isolation_level=None)) as raw:
        for (name,) in raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("PRAGMA synchronous = OFF")
        return how(chance, raw, stranger)


def _some(chance: random.Random, raw: sqlite3.Connection, table: str) -> int:
    rows = raw.execute(f"SELECT idx FROM {table} ORDER BY idx").fetchall()
    return int(chance.choice(rows)[0])


def _size(raw: sqlite3.Connection) -> int:
    query = "SELECT max(idx) + 1 FROM (SELECT idx FROM event UNION ALL SELECT idx FROM act)"
    return int(raw.execute(query).fetchone()[0])
