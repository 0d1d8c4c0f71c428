"""What the bus said of each stream: how many entries were ever added, over all its lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quarantine.arrivals import Mark
from quarantine.rows.engine import Engine

Asking = Callable[[str], Mark]


def seen(
    database: Engine, producer: str, stream: str, mark: Asking, *, again: Asking | None
) -> int:
    """Remember what was ever added to `stream`; knowing fewer than before is a new life."""
    _, added, last = _life(database, stream)
    now = mark(last)
    if (now.added, now.last) != (added, last):
        with database.writing():
            life, added, last = _life(database, stream)
            now = mark(last)
            if now.known < added and again is not None:
                now = again(last)
            anew = now.known < added
            database.execute(
                "INSERT INTO stream VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (stream, life) DO UPDATE"
                " SET added = excluded.added, last = excluded.last",
                (stream, life + anew, producer, *now[:2], now.known if anew else 0),
            )
    return ever_added(database).get(producer, now.added)


def ever_added(database: Engine) -> Mapping[str, int]:
    """Return the entries ever added, by producer."""
    return dict(
        database.execute("SELECT producer, sum(added - known) FROM stream GROUP BY producer")
    )


def lives(database: Engine) -> Mapping[str, int]:
    """Return how often each producer's stream began anew."""
    return dict(
        database.execute(
            "SELECT producer, sum(life) FROM"
            " (SELECT producer, max(life) AS life FROM stream GROUP BY producer, stream) AS newest"
            " GROUP BY producer"
        )
    )


def _life(database: Engine, stream: str) -> tuple[int, int, str]:
    newest = database.execute(
        "SELECT life, added, last FROM stream WHERE stream = ? ORDER BY life DESC LIMIT 1",
        (stream,),
    ).fetchone()
    return newest or (0, -1, "0-0")
