"""Who may run a loop now: a lease for a time, and a token that grows, which fences off who is late.

A lease alone does not do it: its holder may be stopped for longer than it lasts, and then go on as
if nothing had been. So every write says its token, and one that is lower than another that wrote
since is refused (M. Kleppmann, "How to do distributed locking", 2016).
"""

from __future__ import annotations

from quarantine.errors import StaleError
from quarantine.rows.engine import Engine


def lease(database: Engine, name: str, holder: str, *, at: int, until: int) -> int:
    """Let `holder` have the loop `name` from `at` until `until` (µs); return its token, or 0.

    It is 0 while another one has it. Held on, the token stays; one that was without a holder in
    between, or changed hands, has a higher one.
    """
    had, token, ends = _stands(database, name)
    if had == holder and at < ends and 2 * (ends - at) > until - at:
        return token  # more than half of it is left: nothing need be written
    with database.writing():
        had, token, ends = _stands(database, name)
        if had != holder and at < ends:
            return 0
        token += had != holder or at >= ends
        database.execute(
            "INSERT INTO lease VALUES (?, ?, ?, ?, 0)"
            " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder,"
            " token = excluded.token, until = excluded.until",
            (name, holder, token, until),
        )
        return token


def fence(database: Engine, name: str, token: int) -> None:
    """Note that the holder of `token` writes, inside its transaction.

    Raises `StaleError` when the holder of a higher one wrote before.
    """
    (wrote,) = database.execute("SELECT wrote FROM lease WHERE name = ?", (name,)).fetchone()
    if wrote > token:
        raise StaleError(f"another process has taken {name} over: its work stands, this is late")
    if wrote < token:
        database.execute("UPDATE lease SET wrote = ? WHERE name = ?", (token, name))


def _stands(database: Engine, name: str) -> tuple[str, int, int]:
    rows = database.execute("SELECT holder, token, until FROM lease WHERE name = ?", (name,))
    found: tuple[str, int, int] = rows.fetchone() or ("", 0, 0)
    return found
