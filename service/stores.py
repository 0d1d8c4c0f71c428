"""Which store a state directory has: the SQLite file in it, or a database by URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from quarantine.errors import UsageError
from quarantine.ports import Store
from service.settings import State, options_of

# ruff: noqa: PLC0415  what needs no store loads none, and only one of them

_SCHEMES: Final = ("postgresql", "postgres")
_SECRETS: Final = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
"""Words of a URL of libpq that nobody is shown."""


def location(state: State) -> str:
    """Return where the store is: as the settings say, else as was written down, else the file."""
    said = options_of(state).store
    if said is not None:
        return _fit(said)
    if state.elsewhere.exists():
        return _fit(state.elsewhere.read_text(encoding="utf-8").strip())
    return str(state.store)


def choose(state: State, url: str | None) -> None:
    """Write down that the store is at `url`, for every later command on this state directory.

    Raises `UsageError` for another scheme, a password in it, or where the directory has another
    store already: what is held must not be forgotten by a word on the command line.
    """
    if url is None or _fit(url) == location(state):
        return
    if shown(url) != url:
        raise UsageError(
            "leave the password out of --store: use a passfile, or the variable FQ_STORE"
        )
    if has_store(state):
        raise UsageError(
            f"{state.root} has a store already ({shown(location(state))}):"
            " back it up, and restore it into a new state directory with the other store"
        )
    state.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(state.elsewhere, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(f"{url}\n")


def require_own(state: State) -> None:
    """Refuse to play where it is earnest: what makes up feedback has a store of its own.

    Raises `UsageError` where the settings name another one.
    """
    place = location(state)
    if is_url(place):
        raise UsageError(
            f"this makes up feedback, and the settings name a store in use ({shown(place)}):"
            " run it without FQ_STORE"
        )


def has_store(state: State) -> bool:
    """Say whether there is a store to be asked, without making one."""
    place = location(state)
    return is_url(place) or Path(place).exists()


def opened(place: str) -> Store:
    """Open the store at a path or a URL, made where there is none."""
    if is_url(place):
        from quarantine.stores.postgres import STORE

        return STORE(place)
    from quarantine.stores.sqlite import STORE as FILE

    return FILE(place)


def doubts(place: str) -> list[tuple[str, str]]:
    """Return why not to trust the server of the store at the URL `place`, each with its mend."""
    from quarantine.stores.postgres.store import PostgresStore

    with PostgresStore(place) as store:
        return store.doubts()


def carried(store: Store, place: str) -> None:
    """Copy all that `store` holds at one moment into a new store, of either kind, at `place`."""
    from quarantine.rows.store import RowStore

    with opened(place) as beside:
        if not isinstance(store, RowStore) or not isinstance(beside, RowStore):
            raise UsageError("only what is kept in rows can be carried")
        store.carry(beside)


def is_url(place: str) -> bool:
    """Say whether a place is a URL, and no file."""
    return "://" in place


def shown(place: str) -> str:
    """Return a place without a password, wherever one may stand in it.

    Of a URL in which that cannot be told (a password with `/` or `@` as they are) only the scheme.
    """
    if not is_url(place):
        return str(Path(place).absolute())
    scheme, _, rest = place.partition("://")
    try:
        parts = urlsplit(place)
    except ValueError:
        return f"{scheme}://…"
    user, at, host = parts.netloc.rpartition("@")
    if "@" in rest[len(parts.netloc) :]:
        return f"{scheme}://…"
    query = "&".join(word for word in parts.query.split("&") if not _is_secret(word))
    return f"{scheme}://{user.partition(':')[0]}{at}{host}{parts.path}{'?' * bool(query)}{query}"


def _is_secret(word: str) -> bool:
    return unquote(word.partition("=")[0]) in _SECRETS


def _fit(url: str) -> str:
    if not is_url(url):  # not shown: it may be words with a password
        raise UsageError("what is given as store is no URL: postgresql://USER@HOST/DATABASE")
    if url.partition("://")[0] not in _SCHEMES:
        raise UsageError(f"{shown(url)} is no store: give postgresql://…, or nothing for SQLite")
    return url
