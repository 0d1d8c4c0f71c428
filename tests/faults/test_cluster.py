"""A real cluster of three nodes: where the streams come to lie, and which steps work there."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import CrossSlotTransactionError

from service import dead_letters, lives, reclaim
from service.bus import DEAD, GROUP, inbound
from service.embedded import server_binary
from service.passage import Look
from tests.producing import Site, event, until

SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))
NAMES = [f"app-{number}" for number in range(12)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _node(folder: Path, ports: tuple[int, int]) -> subprocess.Popen[bytes]:
    folder.mkdir()
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


@pytest.fixture
async def cluster(tmp_path: Path) -> Any:
    ports = [(_free_port(), _free_port()) for _ in SLOTS]
    nodes = [_node(tmp_path / str(port), (port, gossip)) for port, gossip in ports]
    clients = [redis.Redis(port=port) for port, _ in ports]
    try:
        for client in clients:
            await until(lambda client=client: _answers(client), "the node answers")
        _join(clients, ports)
        for client in clients:
            await until(lambda client=client: _agreed(client), "the nodes agree")
        with redis.RedisCluster.from_url(f"redis://127.0.0.1:{ports[0][0]}?protocol=2") as made:
            yield made
    finally:
        for node, client in zip(nodes, clients, strict=True):
            client.close()
            node.kill()
            node.wait()


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


def _streams() -> Iterator[str]:
    return (f"feedback:in:{name}" for name in NAMES)


@pytest.mark.slow
async def test_each_stream_lies_whole_in_one_slot_and_they_spread_over_the_nodes(
    site: Site, cluster: redis.RedisCluster
) -> None:
    door = site.intake().door
    for name in NAMES:
        sender = site.register(name)
        sender.client = cluster  # type: ignore[assignment]
        sender.say(event(1))
        sender.say(event(2))
    places = {cluster.get_node_from_key(stream).name for stream in _streams()}
    assert len(places) == 3
    assert sorted(inbound(cluster)) == sorted(_streams())  # type: ignore[arg-type]
    for stream in _streams():
        _read_and_die(cluster, stream)
        _take_over(cluster, stream, door)
    counts = site.store.counts()
    assert [counts[name].stored for name in NAMES] == [2] * len(NAMES)


def _read_and_die(cluster: Any, stream: str) -> None:
    cluster.xgroup_create(stream, GROUP, id="0")
    cluster.xreadgroup(GROUP, "the dead", {stream: ">"})


def _take_over(cluster: Any, stream: str, door: Any) -> None:
    """Do with the cluster what intake does with a bus of one node, by the same functions."""
    (chunk,) = reclaim.left_over(cluster, stream, 0)
    message = reclaim.claim(cluster, stream, "alive", chunk, 0)
    ids = [id_.decode() for id_ in message["message_ids"]]
    door.take(stream, list(zip(ids, message["data"], strict=True)))
    cluster.xack(stream, GROUP, *ids)
    reclaim.forget_dead(cluster, stream, "alive", 0)
    assert not lives.read_from_start(cluster, stream, Look(2, 2, b"1-0", {}, b"1-0"))
    assert cluster.xpending(stream, GROUP)["pending"] == 0


@pytest.mark.slow
async def test_dead_letters_need_no_transaction_with_the_stream_they_came_from(
    site: Site, cluster: redis.RedisCluster
) -> None:
    sender = site.register("app-1")
    sender.add({"junk": "1"})
    async with site.taking_in():
        await until(lambda: site.reasons() == ["bad_entry"])
    assert dead_letters.copy(site.store, cluster, 0) == 1  # type: ignore[arg-type]
    assert cluster.xlen(DEAD) == 1
    pipe = cluster.pipeline(transaction=True)
    pipe.xadd(DEAD, {"a": "1"})
    pipe.xack("feedback:in:app-1", GROUP, "1-0")
    with pytest.raises(CrossSlotTransactionError):
        pipe.execute()
