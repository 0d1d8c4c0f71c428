"""A cluster of three real servers, and a site whose bus it is."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from service.bus import located
from service.embedded import server_binary
from tests.producing import Site, until

# A port the kernel gave and took back may be an outgoing one by the time a server asks for it.
_PORTS = itertools.count(10_000 + os.getpid() % 200 * 100)

SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))


@dataclass
class Cluster:
    """Servers that run, in the order of their slots; `client` speaks to all of them."""

    url: str
    servers: list[redis.Redis]
    client: redis.RedisCluster

    def home(self, key: str) -> int:
        """Return the number of the server that has `key` by the slots that were given out."""
        slot = self.client.keyslot(key)
        return next(number for number, (_, last) in enumerate(SLOTS) if slot <= last)

    async def move(self, key: str, number: int) -> None:
        """Move the slot of `key` to another server, and wait until it is there."""
        slot = self.client.keyslot(key)
        there = self.servers[number]
        target = there.execute_command("CLUSTER", "MYID").decode()
        home = self.servers[self.home(key)]
        home.execute_command("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target)
        await until(lambda: _has(there, key), "the stream has moved")


class ClusterSite(Site):
    """A site on a cluster; what a test asks the bus is asked of all of it."""

    def __post_init__(self) -> None:
        self.client: Any = redis.RedisCluster.from_url(located(self.url).url)


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    """Run three servers that share the slots."""
    ports = [(free_port(), free_port()) for _ in SLOTS]
    nodes = [_node(folder / str(port), (port, gossip)) for port, gossip in ports]
    clients = [redis.Redis(port=port) for port, _ in ports]
    try:
        for client in clients:
            await until(lambda client=client: _answers(client), "the server answers")
        _join(clients, ports)
        for client in clients:
            await until(lambda client=client: _agreed(client), "the servers agree")
        first = f"127.0.0.1:{ports[0][0]}"
        with redis.RedisCluster.from_url(f"redis://{first}?protocol=2") as made:
            yield Cluster(f"redis+cluster://{first},127.0.0.1:{ports[1][0]}", clients, made)
    finally:
        for node, client in zip(nodes, clients, strict=True):
            client.close()
            node.kill()
            node.wait()


def _has(client: redis.Redis, key: str) -> bool:
    with contextlib.suppress(redis.ResponseError):
        return bool(client.exists(key))
    return False


def free_port() -> int:
    """Return a port nobody listens on: below those the kernel gives away, apart by process."""
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("there is always a next port")


def _node(folder: Path, ports: tuple[int, int]) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True)
    settings = {
        "port": str(ports[0]),
        "cluster-port": str(ports[1]),
        "bind": "127.0.0.1",
        "cluster-enabled": "yes",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
    }
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return subprocess.Popen([str(server_binary()), *words], stdout=subprocess.DEVNULL)


def _answers(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.RedisError, OSError):
        return bool(client.ping())
    return False


def _join(clients: list[redis.Redis], ports: list[tuple[int, int]]) -> None:
    for epoch, (client, slots) in enumerate(zip(clients, SLOTS, strict=True), 1):
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", *slots)
        client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", epoch)
    for port, gossip in ports[1:]:
        clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port, gossip)


def _agreed(client: redis.Redis) -> bool:
    said = client.execute_command("CLUSTER", "INFO").decode()
    return "cluster_state:ok" in said and "cluster_known_nodes:3" in said
