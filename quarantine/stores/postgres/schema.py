"""The schema of a store in PostgreSQL: brought up to date, each step whole or not at all."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Final

from quarantine.errors import NotAuthorisedError, UnavailableError
from quarantine.rows.migrations import pending, shipped
from quarantine.stores.postgres.session import GATE, Session

_LOCK: Final = 0x71756172  # "quar": one program at a time, also before there is any table
_THERE: Final = "SELECT to_regclass('migration')"
_APPLIED: Final = "SELECT name, digest FROM migration ORDER BY number"
# Temporary tables come last: what a function of the owner names is never a caller's own table.
_HERE: Final = (
    "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)"
)
_MADE: Final = (
    "CREATE TABLE IF NOT EXISTS migration"
    " (number integer PRIMARY KEY, name text NOT NULL, digest text NOT NULL)"
)


ROLES: Final = ("intake", "scorer", "reviewer", "releaser", "operator", "exporter")
"""The database's roles that are given rights, where they are."""
_STANDS: Final = (
    "SELECT pg_has_role(relowner, 'USAGE'),"
    " (SELECT coalesce(string_agg(rolname || ' ' || oid, ' ' ORDER BY rolname), '')"
    " FROM pg_roles WHERE rolname = ANY(?)),"
    " (SELECT max(number) FROM migration), (SELECT said FROM granted)"
    " FROM pg_class WHERE oid = 'act'::regclass"
)
_GRANTED: Final = (
    "INSERT INTO granted (said) VALUES (?) ON CONFLICT (one) DO UPDATE SET said = excluded.said"
)


def migrate(database: Session) -> None:
    """Bring the schema up to date; every script is one transaction, so one that was killed is not.

    Raises `TamperedError` when a script that was applied is not the one that is shipped or the
    schema is newer, `UnavailableError` when it is older and this role may not change it.
    """
    known, place = shipped("quarantine.stores.postgres"), database.shown
    for script in pending(known, _applied(database), place):
        try:
            _apply_if_lacking(database, script.number)
        except NotAuthorisedError as error:
            raise UnavailableError(
                f"{place} lacks {script.name}: open it once as the owner of its tables"
            ) from error
    _grant(database)


def _grant(database: Session) -> None:
    """Give the roles their rights, as the owner, when the rights or the roles are not those given.

    The newest script that was applied counts as well: it may have brought a table.
    """
    text = (resources.files("quarantine.stores.postgres") / "roles.sql").read_text("utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()

    def wanted() -> str:
        """Return what is to be given out, nothing where that is so already, or not ours to do."""
        ((owns, roles, newest, given),) = database.execute(_STANDS, ([*ROLES],))
        said = f"{digest} {newest} {roles}"
        return said if owns and given != said else ""

    if wanted():
        with database.alone(_LOCK):
            database.execute(GATE)  # who writes may open a partition, which is not to meet a GRANT
            if said := wanted():
                database.script(text)
                database.execute(_GRANTED, (said,))


def _apply_if_lacking(database: Session, number: int) -> None:
    with database.alone(_LOCK):
        database.execute(_HERE)
        database.execute(_MADE)
        known = shipped("quarantine.stores.postgres")
        for script in pending(known, _applied(database), database.shown):
            if script.number == number:
                database.script(script.script)
                database.execute("INSERT INTO migration VALUES (?, ?, ?)", script[:3])


def _applied(database: Session) -> list[tuple[str, str]]:
    ((table,),) = database.execute(_THERE)
    return database.execute(_APPLIED) if table is not None else []
