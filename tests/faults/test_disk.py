"""The disk is full, or fails: nothing is acknowledged that is not kept, and a failure is final."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service import wiring
from service.embedded import EmbeddedBus
from service.settings import State
from tests.faults import dying
from tests.faults.asking import answer, answering
from tests.faults.traffic import Traffic, traffic
from tests.producing import PATIENCE_S, Site, until

SMALL = "24m"
"""The size of the small disk."""
BALLAST = 20_000_000


def _traceable() -> bool:
    """Say whether strace may inject errors here."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(
        ["strace", "-qq", "-e", "inject=fsync:error=EIO", "true"], capture_output=True, check=False
    )
    return tried.returncode == 0


traced = pytest.mark.skipif(not _traceable(), reason="strace is missing or may not trace here")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("a small disk needs the right to mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
async def test_t10_a_full_disk_makes_intake_wait_and_say_so_until_there_is_room(
    small_disk: Path, bus: EmbeddedBus, tmp_path: Path
) -> None:
    state = State(small_disk / "state")
    wiring.prepare(state)
    with wiring.open_store(state) as store:
        site = Site(state, bus.url, store, tmp_path)
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * BALLAST)
        with traffic(site, tmp_path) as sent, answering(site) as (place, listener):
            process = dying.started(site, None, "--tell", str(listener))
            await until(lambda: answer(place, "readyz") == 200, "it is ready")
            sent.publish(1200)
            await until(
                lambda: [answer(place, each) for each in ("readyz", "livez")] == [503, 200],
                "it is not ready, and alive",
            )
            assert site.received("app") < sent.entries, "the disk was not full"
            ballast.unlink()
            await sent.drained()
            await until(lambda: answer(place, "readyz") == 200, "it is ready again")
            assert dying.told_to_end(process, PATIENCE_S) == 0
            sent.judge()
        site.client.close()


@traced
@pytest.mark.slow
async def test_t10_no_write_that_finds_no_room_loses_anything(
    site: Site, tmp_path: Path, say: Callable[[str], None], *, soak: bool
) -> None:
    tried = range(1, 201) if soak else (20,)
    with traffic(site, tmp_path) as sent:
        for nth in tried:
            rule = f"pwrite64:error=ENOSPC:when={nth}..{nth + 2}"
            with _traced(site, tmp_path, rule) as process:
                await _struck(sent, tmp_path / "trace")
                await sent.drained()
                process.terminate()
                assert process.wait(PATIENCE_S) == 0
        sent.judge()
        say(f"{len(tried)} times no room at the n-th write, {sent.events} events")


@traced
@pytest.mark.slow
async def test_t11_after_a_failed_fsync_intake_stops_and_the_next_start_checks_the_store(
    site: Site, tmp_path: Path, say: Callable[[str], None], *, soak: bool
) -> None:
    tried = (1,) * 20 if soak else (1,)
    with traffic(site, tmp_path) as sent:
        for nth in tried:
            rule = f"fdatasync,fsync:error=EIO:when={nth}"
            with _traced(site, tmp_path, rule) as process:
                await _struck(sent, tmp_path / "trace")
                assert process.wait(PATIENCE_S) == 1, "it stops, with an error"
            assert _writes_after_failure(tmp_path / "trace") == 0, "it tried again"
            doubt = site.state.store.with_name("store.db.doubt")
            assert doubt.exists()
            survivor = dying.started(site)
            await sent.drained()
            assert not doubt.exists(), "the store was checked"
            assert dying.told_to_end(survivor, PATIENCE_S) == 0
        sent.judge()
        say(f"{len(tried)} failed fsyncs, {sent.events} events")


async def test_a_store_in_doubt_that_does_not_verify_is_not_opened(
    site: Site, tmp_path: Path
) -> None:
    with traffic(site, tmp_path) as sent:
        sent.publish(3)
        async with site.taking_in():
            await sent.drained()
    _edit(site.state.store)
    site.state.store.with_name("store.db.doubt").touch()
    process = dying.started(site)
    assert dying.ended(process, PATIENCE_S) == 1


def _edit(store: Path) -> None:
    edit = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]);"
        "db.execute('DROP TRIGGER event_update');"
        "db.execute(\"UPDATE event SET body = 'x' WHERE idx = (SELECT max(idx) FROM event)\");"
        "db.commit()"
    )
    subprocess.run([sys.executable, "-c", edit, str(store)], check=True)


@contextmanager
def _traced(site: Site, tmp_path: Path, rule: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run an intake process whose store meets this failure; the n-th call of a thread fails."""
    store = str(site.state.store)
    (tmp_path / "trace").unlink(missing_ok=True)
    calls = {"fsync", "fdatasync", "pwrite64"}
    process = subprocess.Popen(
        [
            # -D: the process is ours and strace stands beside it.
            *("strace", "-D", "-f", "-qq", "-o", str(tmp_path / "trace")),
            *("-P", store, "-P", f"{store}-wal"),
            *("-e", f"trace={','.join(sorted(calls))}", "-e", f"inject={rule}"),
            *(sys.executable, "-m", "service.roles.intake", "--idle-ms", str(dying.CLAIM_MS)),
            *("--state", str(site.state.root), "--bus", site.url),
        ],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def _struck(sent: Traffic, trace: Path) -> None:
    """Publish until the failure struck."""

    def struck() -> bool:
        sent.publish(5)
        return trace.exists() and "(INJECTED)" in trace.read_text()

    await until(struck, "the failure struck")


def _writes_after_failure(trace: Path) -> int:
    """Count what was written to the store's log after the failure: a retry would be that."""
    after = trace.read_text().partition("(INJECTED)")[2]
    return len(re.findall(r"pwrite64\(", after))
