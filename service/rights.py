"""What a producer's user on the bus may do: publish to its own stream, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, cast

import redis
from redis.exceptions import NoPermissionError

from quarantine.model import INBOUND
from service.bus import DEAD, NOTICES, stream_of

_GLOBS: Final = frozenset("*?[")
_OWN: Final = "{own}"
_OTHER: Final = stream_of("somebody-else")

FORBIDDEN: Final[Sequence[tuple[str, tuple[str, ...]]]] = (
    ("publish to others' streams", ("XADD", _OTHER, "*", "f", "v")),
    ("read its stream", ("XRANGE", _OWN, "-", "+")),
    ("read its stream", ("XREAD", "STREAMS", _OWN, "0")),
    ("read the notices", ("XRANGE", NOTICES, "-", "+")),
    ("write dead letters", ("XADD", DEAD, "*", "f", "v")),
    ("delete from its stream", ("XDEL", _OWN, "1-1")),
    ("trim its stream", ("XTRIM", _OWN, "MAXLEN", "0")),
    ("delete keys", ("DEL", _OWN)),
    ("touch the group", ("XGROUP", "DESTROY", _OWN, "g")),
    ("run scripts", ("EVAL", "return 1", "0")),
    ("run scripts", ("FUNCTION", "LIST")),
    ("run dangerous commands", ("FLUSHALL",)),
    ("run dangerous commands", ("CONFIG", "GET", "maxmemory")),
    ("run dangerous commands", ("KEYS", "*")),
    ("run dangerous commands", ("ACL", "LIST")),
    ("use channels", ("PUBLISH", "channel", "m")),
)
"""What it must not do, each with a command that shows it."""


def producers_rights(client: redis.Redis, known: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each producer's user that may do too much, and what; asked of the server (ACL DRYRUN).

    A producer's user has the name of a `known` producer, or may write to one inbound stream
    alone. Yields nothing where this user may not look at others.
    """
    registered = frozenset(known)
    try:
        users = client.acl_users()
        for user in (name.decode() if isinstance(name, bytes) else name for name in users):
            stream = _only_stream(client, user) or (stream_of(user) if user in registered else "")
            excess = _excess(client, user, stream) if stream else []
            if excess:
                yield user, excess
    except NoPermissionError:
        return


def _only_stream(client: redis.Redis, user: str) -> str:
    """Return the inbound stream that is all a user may touch, nothing where there is more."""
    found = cast("dict[str, list[str]]", client.acl_getuser(user))
    keys = [key.rpartition("~")[2] for key in found["keys"]]
    alone = len(keys) == 1 and keys[0].startswith(INBOUND) and not _GLOBS & set(keys[0])
    return keys[0] if alone else ""


def _excess(client: redis.Redis, user: str, own: str) -> list[str]:
    found = []
    for what, words in FORBIDDEN:
        command = [own if word == _OWN else word for word in words]
        if client.acl_dryrun(user, *command) in (b"OK", "OK", True):
            found.append(what)
    return list(dict.fromkeys(found))
