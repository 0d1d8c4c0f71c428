"""A bus that sentinels watch: its server dies, the copy takes over, intake and producer follow."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis

from service import wiring
from service.embedded import server_binary
from service.settings import State
from tests.faults import dying
from tests.faults.cluster import free_port
from tests.faults.traffic import traffic
from tests.producing import PATIENCE_S, Site, until

MASTER = "main"


class Watched:
    """A server, its copy, and a sentinel beside them."""

    def __init__(self, folder: Path) -> None:
        self.ports = [free_port() for _ in range(3)]
        first, second, sentinel = self.ports
        self.url = f"redis+sentinel://127.0.0.1:{sentinel}/{MASTER}"
        self.first = _server(folder / "first", first)
        self.second = _server(folder / "second", second, "--replicaof", f"127.0.0.1 {first}")
        told = folder / "sentinel.conf"
        told.write_text(
            f"port {sentinel}\ndir {folder}\nbind 127.0.0.1\n"
            f"sentinel monitor {MASTER} 127.0.0.1 {first} 1\n"
            f"sentinel down-after-milliseconds {MASTER} 500\n"
            f"sentinel failover-timeout {MASTER} 2000\n"
        )
        self.sentinel = _started(str(told), "--sentinel")

    @property
    def copied(self) -> bool:
        """Say whether the sentinel knows the copy, and the copy has all that the server has."""
        with (
            contextlib.suppress(redis.RedisError, OSError, KeyError),
            redis.Redis(port=self.ports[0]) as first,
            redis.Redis(port=self.ports[2]) as asked,
        ):
            replicas = asked.execute_command("SENTINEL", "REPLICAS", MASTER)
            told = first.info("replication")
            return bool(replicas) and told["slave0"]["offset"] == told["master_repl_offset"]
        return False

    def end(self) -> None:
        for process in (self.sentinel, self.second, self.first):
            process.kill()
            process.wait()


def _server(folder: Path, port: int, *more: str) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True)
    words = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    return _started(*words, "--appendonly", "yes", "--repl-diskless-sync-delay", "0", *more)


def _started(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([str(server_binary()), *words], stdout=subprocess.DEVNULL)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    made = Watched(tmp_path / "watched")
    try:
        await until(lambda: made.copied, "the copy is there")
        yield made
    finally:
        made.end()


@pytest.mark.slow
async def test_when_the_server_dies_its_copy_is_published_to_and_read(
    state: State, watched: Watched, tmp_path: Path
) -> None:
    with wiring.open_store(state) as store:
        site = Site(state, watched.url, store, tmp_path)
        with traffic(site, tmp_path) as sent:
            process = dying.started(site)
            sent.publish(20)
            await sent.drained()
            await until(lambda: watched.copied, "the copy has all")
            watched.first.send_signal(signal.SIGKILL)
            sent.publish(20)
            await sent.drained()
            assert dying.told_to_end(process, PATIENCE_S) == 0
            assert sent.entries_counted() == {
                "added": 40,
                "received": 40,
                "lost": 0,
                "pending": 0,
                "gap": 0,
            }
            sent.judge_events()
        site.client.close()
