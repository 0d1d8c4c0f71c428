"""What an administrator of the machine can do past the store: its guards taken off."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def tamper(file: Path, *statements: str) -> int:
    """Run statements on a store's file, its triggers dropped; return how many rows they changed."""
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        names = raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            raw.execute(f'DROP TRIGGER "{name}"')
        changed = sum(raw.execute(statement).rowcount for statement in statements)
        raw.commit()
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed
