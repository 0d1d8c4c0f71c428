"""SIGKILL while dead letters go through the door again: each goes through once, none is lost."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from approvals.signers.file import new_key
from service.producer import Publisher
from tests.faults import dying
from tests.faults.checker import complaints
from tests.faults.dying import NEVER, Fate
from tests.producing import PATIENCE_S, Sender, Site, batch_of, event, until

LETTERS = 4


@pytest.mark.slow
async def test_t3_a_redrive_that_is_killed_at_any_step_is_finished_by_the_next(
    site: Site, tmp_path: Path
) -> None:
    ledger, key = tmp_path / "ledger.jsonl", new_key(site.keys / "app.pem")
    steps = [(point, nth) for point in ("written", "before commit", "committed") for nth in (1, 2)]
    with Publisher(site.url, "app", key, ledger) as publisher:
        events = [batch_of([event(n)])[1:-1] for n in range(2 * LETTERS * len(steps))]
        publisher.publish(events, batch=2)
    entries = LETTERS * len(steps)
    async with site.taking_in():
        await until(lambda: site.received("app") == entries)
    assert site.reasons() == ["unknown_producer"] * entries
    site.allow(Sender(site.client, "app", key))
    for point, nth in steps:
        process = dying.redriving(site, Fate(point, nth))
        assert dying.ended(process, PATIENCE_S) == -signal.SIGKILL, f"never came to {point!r}"
        assert list(site.store.verify()) == []
    assert site.store.counts()["app"].stored < len(events), "the last has nothing left to do"
    assert dying.ended(dying.redriving(site, Fate(NEVER)), PATIENCE_S) == 0
    counts = site.store.counts()["app"]
    assert (counts.entries_received, counts.received) == (entries, len(events))
    assert (counts.stored, counts.duplicates, counts.dead_lettered) == (len(events), 0, 0)
    assert complaints(ledger, site.state.store, "app") == []
