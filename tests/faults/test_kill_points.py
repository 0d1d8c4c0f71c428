"""SIGKILL at each step of a batch: nothing is lost, nothing doubled, nothing waits for ever."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from service.bus import DEAD
from tests.faults import dying
from tests.faults.dying import POINTS, Fate
from tests.faults.traffic import Traffic, traffic
from tests.producing import PATIENCE_S, Site, until

ENTRIES = 36
"""More than two reads' worth."""
_OFTEN = {"split": ENTRIES, "written": 2, "before commit": 2, "committed": 2}
"""How many times at least a step is passed while so many entries are taken in; else once."""


@pytest.mark.slow
async def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(
    either: Site, tmp_path: Path, say: Callable[[str], None], *, soak: bool
) -> None:
    site = either
    seeds = 20 if soak else 2
    with traffic(site, tmp_path) as sent:
        for seed in range(seeds):
            for point in POINTS:
                sent.publish(ENTRIES)
                _strike(site, point, random.Random(seed))
                await _mended(site, sent)
        sent.judge()
        say(f"{seeds * len(POINTS)} kills, {seeds} at each step, {sent.events} events")
    assert [id_.decode() for id_, _ in site.client.xrange(DEAD)] == [
        f"{number}-0" for number in range(1, sent.malformed + 1)
    ], "each dead letter is copied once, in order"


def _strike(site: Site, point: str, chance: random.Random) -> None:
    if point == "claimed":
        _strike(site, "read", chance)  # so that there is something to claim
    nth = chance.randint(1, _OFTEN.get(point, 1))
    process = dying.started(site, Fate(point, nth))
    code = dying.ended(process, PATIENCE_S)
    assert code == -signal.SIGKILL, f"never came to {point!r} for the {nth}. time"


async def _mended(site: Site, sent: Traffic) -> None:
    """Let a process that nothing strikes finish what was left."""
    survivor = dying.started(site)
    await sent.drained()
    await until(lambda: site.client.xlen(DEAD) == sent.malformed, "every copy is made")
    assert dying.told_to_end(survivor, PATIENCE_S) == 0
