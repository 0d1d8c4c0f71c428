"""What scoring thought last: the newest dossier of each source, and when it was made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from quarantine.model import Dossier, SourceKey
from quarantine.rows.engine import Engine

_KEEP = (
    "INSERT INTO dossier SELECT no, ?, ?, ?, ? FROM source WHERE producer = ? AND source = ?"
    " ON CONFLICT (source) DO UPDATE SET at = excluded.at, score = excluded.score,"
    " verdict = excluded.verdict, body = excluded.body"
)
_LINKED = (
    "SELECT s.producer, s.source, d.body FROM dossier d JOIN source s ON s.no = d.source"
    " ORDER BY d.score DESC, d.source"
)


def judge(database: Engine, dossiers: Sequence[Dossier], at: int, size: int) -> None:
    """Replace the newest dossiers by those given; call inside a transaction."""
    database.executemany(
        _KEEP,
        [
            (at, each.score, each.verdict.value, each.canonical(), each.producer, each.source)
            for each in dossiers
        ],
    )
    database.execute("DELETE FROM pass")
    database.execute("INSERT INTO pass VALUES (?, ?)", (at, size))


def dossiers(database: Engine, keys: Iterable[SourceKey] | None) -> list[Dossier]:
    """Return the newest dossiers, worst first; of `keys` in their order where they are given."""
    bodies: list[tuple[bytes]] = []
    query = "SELECT body FROM dossier"
    if keys is None:
        bodies = database.execute(f"{query} ORDER BY score DESC, source")
    else:
        where = f"{query} WHERE source = (SELECT no FROM source WHERE producer = ? AND source = ?)"
        for key in keys:
            bodies += database.execute(where, tuple(key))
    return [Dossier.model_validate_json(body) for (body,) in bodies]


def linked(database: Engine) -> dict[SourceKey, str]:
    """Return the cluster of every source that has a dossier, worst first."""
    return {
        SourceKey(producer, source): str(json.loads(body)["cluster"])
        for producer, source, body in database.execute(_LINKED)
    }


def judged(database: Engine) -> tuple[int | None, int]:
    """Return when scoring last finished (µs), if ever, and how much of the log it saw."""
    at, size = database.execute("SELECT max(at), max(size) FROM pass").fetchone()
    return at, int(size or 0)
