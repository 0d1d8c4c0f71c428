"""Cut off, blocked, or stopped for a while: intake says so, comes back, has no double effect."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.faults import dying
from tests.faults.asking import answer, answering
from tests.faults.dying import CLAIM_MS, Fate
from tests.faults.proxy import way_to
from tests.faults.traffic import traffic
from tests.producing import PATIENCE_S, Site, until


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut", "blocked"])
async def test_t8_an_intake_that_was_cut_off_comes_back_and_says_so_meanwhile(
    site: Site, tmp_path: Path, how: str
) -> None:
    with (
        traffic(site, tmp_path) as sent,
        way_to(site.url) as way,
        answering(site) as (place, listener),
    ):
        process = dying.started(site, None, "--tell", str(listener), url=way.url)
        sent.publish(20)
        await sent.drained()
        await until(lambda: answer(place, "readyz") == 200, "it is ready")
        getattr(way, how).set()
        sent.publish(20)
        await until(
            lambda: [answer(place, each) for each in ("readyz", "livez")] == [503, 200],
            "it is not ready, and alive",
        )
        assert answer(place, "else") == 404
        getattr(way, how).clear()
        await until(lambda: answer(place, "readyz") == 200, "it is ready again")
        await sent.drained()
        assert dying.told_to_end(process, PATIENCE_S) == 0
        sent.judge()


@pytest.mark.slow
async def test_t9_over_a_way_that_lets_a_few_bytes_pass_at_a_time_all_comes_once(
    site: Site, tmp_path: Path
) -> None:
    with traffic(site, tmp_path) as sent, way_to(site.url) as way:
        way.narrow.set()
        process = dying.started(site, None, url=way.url)
        sent.publish(20)
        await sent.drained()
        way.narrow.clear()
        assert dying.told_to_end(process, PATIENCE_S) == 0
        sent.judge()


@pytest.mark.slow
@pytest.mark.parametrize("point", ["read", "before ack"])
async def test_t9_an_intake_that_slept_while_another_took_over_changes_nothing_when_it_wakes(
    site: Site, tmp_path: Path, point: str
) -> None:
    with traffic(site, tmp_path) as sent:
        sent.publish(30)
        asleep = dying.started(site, Fate(point, 1, signal.SIGSTOP))
        await until(lambda: _stopped(asleep.pid), "it sleeps")
        assert site.waiting(sent.stream) > 0
        other = dying.started(site)
        await sent.drained()
        sent.judge()
        os.kill(asleep.pid, signal.SIGCONT)
        sent.publish(30)
        await sent.drained()
        for process in (asleep, other):
            assert dying.told_to_end(process, PATIENCE_S) == 0
        sent.judge()


@pytest.mark.slow
async def test_while_one_sleeps_in_its_transaction_the_others_wait_and_go_on_when_it_wakes(
    site: Site, tmp_path: Path
) -> None:
    with traffic(site, tmp_path) as sent:
        sent.publish(30)
        asleep = dying.started(site, Fate("before commit", 1, signal.SIGSTOP))
        await until(lambda: _stopped(asleep.pid), "it sleeps")
        other = dying.started(site)
        await until(lambda: _idle_ms(site, sent.stream) > 2 * CLAIM_MS, "time to take over")
        os.kill(asleep.pid, signal.SIGCONT)
        await sent.drained()
        for process in (asleep, other):
            assert dying.told_to_end(process, PATIENCE_S) == 0
        sent.judge()


def _stopped(pid: int | None) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _idle_ms(site: Site, stream: str) -> int:
    groups = site.client.xinfo_consumers(stream, "quarantine")
    return max((each["idle"] for each in groups), default=0)
