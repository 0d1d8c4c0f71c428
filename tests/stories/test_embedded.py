"""The bus that comes with the package: private, durable, found again."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from quarantine.errors import RefusedError, UnavailableError, UsageError
from service import embedded, health
from service.bus import connect
from tests.producing import until


def test_is_private_and_listens_on_no_port(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "bus") as bus, connect(bus.url) as client:
        socket = Path(bus.url.removeprefix("unix://"))
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert client.config_get("port") == {"port": "0"}


def test_keeps_through_a_kill_what_it_acknowledged(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "bus") as bus, connect(bus.url) as client:
        for number in range(500):
            client.xadd("feedback:in:app", {"n": number})
        assert bus.process is not None
        os.kill(bus.process.pid, signal.SIGKILL)
        bus.process.wait()
    with embedded.start(tmp_path / "bus") as bus, connect(bus.url) as client:
        assert client.xlen("feedback:in:app") == 500
        assert client.xinfo_stream("feedback:in:app")["entries-added"] == 500


def test_one_that_runs_is_adopted_and_left_running(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "bus") as first:
        with embedded.start(tmp_path / "bus") as second:
            assert second.process is None
        assert embedded.answers(first.url)
    assert not embedded.answers(first.url)


def test_who_wants_it_alone_is_refused_with_the_number_of_who_has_it(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "bus") as first:
        with pytest.raises(UsageError, match=f"process {os.getpid()} keeps the bus of"):
            embedded.start_alone(tmp_path / "bus")
        assert embedded.answers(first.url)
    with embedded.start_alone(tmp_path / "bus") as again:
        assert again.process is not None


STARTS = """
import pathlib, sys
from service import embedded
with embedded.start(pathlib.Path(sys.argv[1])) as bus:
    print(0 if bus.process is None else bus.process.pid, bus.url, flush=True)
    sys.stdin.read()
"""


def starting(directory: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", STARTS, str(directory)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def told(running: subprocess.Popen[str]) -> list[str]:
    assert running.stdout is not None
    return running.stdout.readline().split()


def test_of_several_that_start_at_once_one_starts_the_server(tmp_path: Path) -> None:
    with ExitStack() as every:
        running = [every.enter_context(starting(tmp_path / "bus")) for _ in range(3)]
        said = [told(each) for each in running]
        servers = [pid for pid, _ in said if pid != "0"]
        assert len(servers) == 1, "two servers on one append-only file would ruin it"
        assert len({url for _, url in said}) == 1
        for each in running:
            each.communicate()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child")
def test_one_whose_starter_was_killed_is_waited_for_and_started_anew(tmp_path: Path) -> None:
    with starting(tmp_path / "bus") as running:
        before = told(running)[0]
        running.kill()
    with embedded.start_alone(tmp_path / "bus") as bus:
        assert bus.process is not None
        assert str(bus.process.pid) != before


def test_a_long_path_gets_a_short_socket_that_is_found_again(tmp_path: Path) -> None:
    directory = tmp_path / ("long-" * 12) / ("longer-" * 12) / "bus"
    with embedded.start(directory) as bus:
        socket = Path(bus.url.removeprefix("unix://"))
        assert len(os.fsencode(socket)) <= embedded.LONGEST_SOCKET
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert embedded.recorded(directory) == bus.url
        assert embedded.start(directory).process is None
    assert not socket.parent.exists()


def test_is_safe_to_run_on(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "bus") as bus:
        assert health.preflight(bus.url) == []
        health.require(bus.url, allow_volatile=False)


def test_a_bus_that_forgets_is_refused_unless_told(tmp_path: Path) -> None:
    with embedded.start(tmp_path / "bus") as bus, connect(bus.url) as client:
        client.config_set("appendonly", "no")
        client.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(RefusedError, match=r"appendonly yes.*noeviction"):
            health.require(bus.url, allow_volatile=False)
        health.require(bus.url, allow_volatile=True)


def test_a_bus_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        health.require("unix:///nowhere/bus.sock", allow_volatile=True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child")
async def test_does_not_outlive_who_started_it(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys; from service import embedded;"
        "print(embedded.start(pathlib.Path(sys.argv[1])).url, flush=True); os.kill(os.getpid(), 9)"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "bus")]
    ended = await asyncio.to_thread(subprocess.run, words, stdout=subprocess.PIPE, check=False)
    url = ended.stdout.decode().strip()
    assert url
    await until(lambda: not embedded.answers(url))
