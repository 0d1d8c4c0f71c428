"""What is kept of dead letters: their bytes, while their producer has room in this hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from quarantine.arrivals import KEPT, DeadLetter
from quarantine.rows.engine import Engine

HOUR: Final = 3_600_000_000
_STRANGERS: Final = ""
"""All whom nobody registered share one budget: names cost them nothing."""
_USED: Final = "SELECT bytes FROM dead_kept WHERE producer = ? AND hour = ?"
_USE: Final = (
    "INSERT INTO dead_kept VALUES (?, ?, ?)"
    " ON CONFLICT (producer, hour) DO UPDATE SET bytes = excluded.bytes"
)


def kept(database: Engine, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """Return the letters as they are written, inside the transaction that writes them.

    Beyond the budget of its producer and hour a letter keeps its reason, size and digest only.
    """
    used: dict[tuple[str, int], int] = {}
    found = []
    for letter in letters:
        name = _STRANGERS if letter.reason == "unknown_producer" else letter.producer
        key = (name, letter.at // HOUR)
        if key not in used:
            row = database.execute(_USED, key).fetchone()
            used[key] = row[0] if row else 0
        if used[key] + len(letter.content) > KEPT:
            found.append(replace(letter, content=b""))
        else:
            used[key] += len(letter.content)
            found.append(letter)
    database.executemany(_USE, [(*key, size) for key, size in used.items()])
    return found
