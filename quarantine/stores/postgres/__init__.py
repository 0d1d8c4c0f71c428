"""The store in PostgreSQL, for more than one machine: the same rows, by URL (extra `postgres`)."""

from __future__ import annotations

from collections.abc import Callable

from quarantine.errors import UsageError
from quarantine.ports import Store


def _open(location: str) -> Store:
    """Open the database at a URL (libpq's); `UsageError` where its driver is not installed."""
    try:
        from quarantine.stores.postgres.store import PostgresStore  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "quarantine":
            raise  # half of an installation: no extra mends that
        raise UsageError(
            f"a store in PostgreSQL needs {error.name}: pip install 'feedback-quarantine[postgres]'"
        ) from error
    return PostgresStore(location)


STORE: Callable[[str], Store] = _open
