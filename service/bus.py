"""Words about the bus: its address, its streams, the one consumer group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import redis

from quarantine.errors import UsageError
from quarantine.model import INBOUND, PRODUCER_NAME

GROUP: Final = "quarantine"
"""All intake processes are consumers of this one group."""
DEAD: Final = "feedback:dead"
NOTICES: Final = "feedback:notices"
CONNECT_S: Final = 5.0
SCHEMES: Final = ("redis", "rediss", "unix")

_SCAN: Final = 1000


def address(url: str) -> str:
    """Return the URL to connect with: RESP 2, because streams deliver nothing under RESP 3.

    Raises `UsageError` when the URL has no scheme that a Redis has.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise UsageError(f"a bus is redis://, rediss:// or unix://, not {shown(url)!r}")
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "protocol"]
    return _joined(parts._replace(query=urlencode([*query, ("protocol", "2")])))


def shown(url: str) -> str:
    """Return the URL without its password, as it may be shown and logged."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "password"]
    netloc = f"{user.partition(':')[0]}{at}{host}"
    return _joined(parts._replace(netloc=netloc, query=urlencode(query)))


def _joined(parts: SplitResult) -> str:
    """Spell a URL with both slashes, also where it has no host (`unix:///path`)."""
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + (
        f"?{parts.query}" if parts.query else ""
    )


def connect(url: str) -> redis.Redis:
    """Return a client of the bus; nothing is sent yet. Replies are bytes."""
    return redis.Redis.from_url(address(url), socket_connect_timeout=CONNECT_S, socket_timeout=60.0)


def stream_of(producer: str) -> str:
    """Return the key of a producer's stream."""
    return INBOUND + producer


def inbound(client: redis.Redis) -> Iterator[str]:
    """Yield every inbound stream that the bus has and whose name could be a producer's.

    Other names cannot be consumed by name and nobody can be registered under them.
    """
    for key in client.scan_iter(match=f"{INBOUND}*", count=_SCAN, _type="stream"):
        name = key.decode("ascii", "replace").removeprefix(INBOUND)
        if PRODUCER_NAME.fullmatch(name):
            yield INBOUND + name
