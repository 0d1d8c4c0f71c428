"""What PostgreSQL's refusals mean for whoever asked: try again, stop, or not allowed."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import errors

from quarantine.errors import BrokenError, NotAuthorisedError, UnavailableError

_NOT_NOW: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,
    errors.SerializationFailure,
    errors.InFailedSqlTransaction,
    errors.TransactionTimeout,
    errors.IdleInTransactionSessionTimeout,
)
_BROKEN: Final = (errors.DataCorrupted, errors.IndexCorrupted, errors.IoError)


def told(error: psycopg.Error) -> Exception:
    """Return what the caller is to hear of an error, the error itself where it is a bug."""
    sentence = str(error).strip().partition("\n")[0]
    match error:
        case errors.InsufficientPrivilege():
            return NotAuthorisedError(f"the database's role may not do this: {sentence}")
        case _ if isinstance(error, _BROKEN):
            return BrokenError(f"the disk failed under the store: {sentence}")
        case _ if isinstance(error, _NOT_NOW):
            return UnavailableError(f"the store does not answer now: {sentence}")
        case _:
            return error


def unreached(error: psycopg.OperationalError, place: str) -> UnavailableError:
    """Return what the caller is to hear where no connection came about, with the mend."""
    sentence = str(error).strip().partition("\n")[0]
    nameless = error.pgconn is not None and error.pgconn.needs_password
    mend = (
        "put the password into a passfile of mode 0600, and ?passfile=FILE into the URL"
        if nameless
        else "start it, or mend its address, its role or its password"
    )
    return UnavailableError(f"the store at {place} cannot be reached ({sentence}): {mend}")
