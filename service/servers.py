"""The servers that make up the bus: one, the one that sentinels point at, or a cluster's."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import redis
from redis.cluster import ClusterNode
from redis.connection import parse_url
from redis.exceptions import RedisClusterException
from redis.sentinel import Sentinel

from service.bus import CLUSTER, CONNECT_S, SENTINEL, SOCKET_S, Address, connect, inbound, located

# (1) redis-py leaves these without types.


class Bus(Protocol):
    """Says which server a key is on; whoever talks about one key talks to that server alone."""

    def of(self, key: str) -> redis.Redis:
        """Return a client of the server that has `key`. Raises `redis.ConnectionError`."""

    def primaries(self) -> Sequence[redis.Redis]:
        """Return a client of each server that is written to. Raises `redis.ConnectionError`."""

    def everyone(self) -> Sequence[redis.Redis]:
        """Return a client of each server, also of those that only copy."""

    def look_again(self) -> None:
        """Ask anew which server has what, after one did not answer or sent us elsewhere."""

    def close(self) -> None:
        """Let go of all connections."""


def open_bus(url: str) -> Bus:
    """Return the bus at `url` (`bus.located`); nothing is sent yet. Replies are bytes."""
    found = located(url)
    if found.form == CLUSTER:
        return ClusterBus(found)
    if found.form == SENTINEL:
        return OneServer(_watched(found))
    return OneServer(connect(url))


def streams(bus: Bus) -> Iterator[str]:
    """Yield every inbound stream that the bus has, whichever server it is on."""
    for client in bus.primaries():
        yield from inbound(client)


class OneServer:
    """A bus of one server: all keys are there."""

    def __init__(self, client: redis.Redis) -> None:
        """Speak through `client`, which may find its server by itself."""
        self._client = client

    def of(self, key: str) -> redis.Redis:  # noqa: ARG002  there is only one
        """Return the one client."""
        return self._client

    def primaries(self) -> Sequence[redis.Redis]:
        """Return the one client."""
        return (self._client,)

    def everyone(self) -> Sequence[redis.Redis]:
        """Return the one client."""
        return (self._client,)

    def look_again(self) -> None:
        """Do nothing: where it is does not change."""

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()


class ClusterBus:
    """A Redis Cluster: a stream is one key, so it is whole on the server that has its slot.

    Each server is spoken to by itself, in transactions too. One that has a slot no more answers
    `MOVED`, a `redis.RedisError` as any: then `look_again`, and try again.
    """

    def __init__(self, found: Address) -> None:
        """Prepare; the cluster is asked for its servers when the first is needed."""
        self._address = found
        self._lock = threading.Lock()
        self._known: redis.RedisCluster | None = None

    def of(self, key: str) -> redis.Redis:
        """Return a client of the primary that has the slot of `key`."""
        with _answering():
            cluster = self._cluster()
            node = cluster.get_node_from_key(key)  # type: ignore[no-untyped-call]  # (1)
            return cluster.get_redis_connection(node)

    def primaries(self) -> Sequence[redis.Redis]:
        """Return a client of each primary."""
        with _answering():
            cluster = self._cluster()
            nodes = cluster.get_primaries()  # type: ignore[no-untyped-call]  # (1)
            return [cluster.get_redis_connection(node) for node in nodes]

    def everyone(self) -> Sequence[redis.Redis]:
        """Return a client of each primary and each replica."""
        with _answering():
            cluster = self._cluster()
            nodes = cluster.get_nodes()  # type: ignore[no-untyped-call]  # (1)
            return [cluster.get_redis_connection(node) for node in nodes]

    def look_again(self) -> None:
        """Ask the servers that are known who has which slot now."""
        if self._known is not None:
            with _answering():
                self._known.nodes_manager.initialize()

    def close(self) -> None:
        """Let go of all connections."""
        if self._known is not None:
            self._known.close()

    def _cluster(self) -> redis.RedisCluster:
        with self._lock:
            if self._known is None:
                others = [
                    ClusterNode(*place)  # type: ignore[no-untyped-call]  # (1)
                    for place in self._address.places[1:]
                ]
                self._known = redis.RedisCluster.from_url(
                    self._address.url,
                    startup_nodes=others,
                    socket_connect_timeout=CONNECT_S,
                    socket_timeout=SOCKET_S,
                )
            return self._known


@contextmanager
def _answering() -> Iterator[None]:
    """Say that a cluster does not answer as every other bus says it."""
    try:
        yield
    except RedisClusterException as error:
        raise redis.ConnectionError(f"the cluster does not answer: {error}") from error


def _watched(found: Address) -> redis.Redis:
    """Return a client of the server that the sentinels say is the master, whichever it is then."""
    given = parse_url(found.url)  # type: ignore[no-untyped-call]  # (1)
    options = {
        name: value
        for name, value in given.items()
        if name not in {"host", "port", "connection_class"}
    }
    sentinels = Sentinel(  # type: ignore[no-untyped-call]  # (1)
        [*found.places],
        sentinel_kwargs={"socket_connect_timeout": CONNECT_S, "socket_timeout": CONNECT_S},
        socket_connect_timeout=CONNECT_S,
        socket_timeout=SOCKET_S,
        ssl=found.url.startswith("rediss:"),
        **options,
    )
    client: redis.Redis = sentinels.master_for(  # type: ignore[no-untyped-call]  # (1)
        found.master
    )
    return client
