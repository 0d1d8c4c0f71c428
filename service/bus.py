"""Words about the bus: its address, its streams, the one consumer group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import redis

from quarantine.errors import UsageError
from quarantine.model import INBOUND, PRODUCER_NAME

GROUP: Final = "quarantine"
"""All intake processes are consumers of this one group."""
DEAD: Final = "feedback:dead"
NOTICES: Final = "feedback:notices"
OURS: Final = frozenset({"default", "health", "intake", "releasing"})
"""Users of the bus that no producer may be called: it would get their rights, or they its."""
CONNECT_S: Final = 5.0
SOCKET_S: Final = 60.0
CLUSTER: Final = "cluster"
SENTINEL: Final = "sentinel"

_SCHEMES: Final = ("redis", "rediss", "unix")
_FORMS: Final = ("", CLUSTER, SENTINEL)
_PORTS: Final = {"": 6379, CLUSTER: 6379, SENTINEL: 26379}
_SCAN: Final = 1000


class Address(NamedTuple):
    """Where a bus is; `url` is its first server as redis-py takes it.

    `form` is empty for one server, else `cluster` or `sentinel`; then `places` are the hosts and
    ports to ask, and `master` is the name that the sentinels watch.
    """

    url: str
    form: str = ""
    places: tuple[tuple[str, int], ...] = ()
    master: str = ""


def address(url: str) -> str:
    """Return the URL of the first server; raises what `located` does."""
    return located(url).url


def located(url: str) -> Address:
    """Read a URL, with RESP 2 in it, because streams deliver nothing under RESP 3.

    One server is redis://, rediss:// or unix://; a cluster is `redis+cluster://HOST:PORT,…`, and a
    server that sentinels watch is `redis+sentinel://HOST:PORT,…/NAME` (rediss: over TLS). Raises
    `UsageError` when it is none of these.
    """
    parts = urlsplit(url)
    scheme, _, form = parts.scheme.partition("+")
    if scheme not in _SCHEMES or form not in _FORMS or (form and scheme == "unix"):
        raise UsageError(
            "a bus is redis://, rediss:// or unix://, redis+cluster:// or redis+sentinel://,"
            f" not {shown(url)!r}"
        )
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "protocol"]
    parts = parts._replace(scheme=scheme, query=urlencode([*query, ("protocol", "2")]))
    if not form:
        return Address(_joined(parts))
    user, at, hosts = parts.netloc.rpartition("@")
    places = tuple(_place(host, _PORTS[form], url) for host in hosts.split(","))
    master = parts.path.strip("/") if form == SENTINEL else ""
    if form == SENTINEL and not master:
        raise UsageError(f"{shown(url)} names no server for the sentinels: …/NAME")
    host, port = places[0]
    first = parts._replace(netloc=f"{user}{at}{_spelled(host)}:{port}", path="")
    return Address(_joined(first), form, places, master)


def shown(url: str) -> str:
    """Return the URL without its password, as it may be shown and logged."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "password"]
    netloc = f"{user.partition(':')[0]}{at}{host}"
    return _joined(parts._replace(netloc=netloc, query=urlencode(query)))


def _place(spelled: str, port: int, url: str) -> tuple[str, int]:
    """Return the host and the port of one of several servers; an IPv6 host stands in brackets."""
    try:
        found = urlsplit(f"//{spelled}")
        host, given = found.hostname, found.port
    except ValueError:
        host, given = None, None
    if host is None:
        raise UsageError(f"{shown(url)} has a server without a name, or with a port that is none")
    return host, given or port


def _spelled(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _joined(parts: SplitResult) -> str:
    """Spell a URL with both slashes, also where it has no host (`unix:///path`)."""
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + (
        f"?{parts.query}" if parts.query else ""
    )


def connect(url: str) -> redis.Redis:
    """Return a client of a bus of one server; nothing is sent yet. Replies are bytes.

    Raises `UsageError` when the bus has several servers: `servers.open_bus` knows those.
    """
    found = located(url)
    if found.form:
        raise UsageError(f"{shown(url)} is not one server")
    return redis.Redis.from_url(
        found.url, socket_connect_timeout=CONNECT_S, socket_timeout=SOCKET_S
    )


def stream_of(producer: str) -> str:
    """Return the key of a producer's stream."""
    return INBOUND + producer


def inbound(client: redis.Redis) -> Iterator[str]:
    """Yield every inbound stream that one server has and whose name could be a producer's.

    Other names cannot be consumed by name and nobody can be registered under them.
    """
    for key in client.scan_iter(match=f"{INBOUND}*", count=_SCAN, _type="stream"):
        name = key.decode("ascii", "replace").removeprefix(INBOUND)
        if PRODUCER_NAME.fullmatch(name):
            yield INBOUND + name
