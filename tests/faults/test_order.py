"""Entries one to five times, in any order: what is held in the end is what the run in order has."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from approvals.attest import record_of
from quarantine.stores.sqlite import STORE
from service.door import Door
from tests.producing import Site, batch_of, event, fields_of

ENTRIES = 60
BATCH = 4
Read = list[tuple[str, dict[bytes, bytes]]]


def _entries(site: Site) -> Read:
    """Return what a producer sent: good and malformed events, and one entry that is none."""
    key = site.register("app").key
    found: Read = []
    for seq in range(1, ENTRIES + 1):
        events = [event(f"{seq}-{n}", source=f"rater/{(seq * n) % 7}") for n in range(BATCH)]
        if seq % 5 == 0:
            events[1]["data"] = {"value": "x", "low": 1, "high": 5}
        batch = b"[broken" if seq == 33 else batch_of(events)
        fields = fields_of(key, "app", seq, batch)
        found.append((f"1-{seq}", {_bytes(name): _bytes(value) for name, value in fields.items()}))
    return found


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _end_state(
    site: Site, into: Path, reads: Sequence[Read]
) -> dict[str, list[tuple[object, ...]]]:
    """Take these reads into a store of its own; return every byte that does not speak of order."""
    with STORE(str(into)) as store:
        store.record([logged.act for logged in site.store.acts()])
        at = record_of(next(store.acts()).act).at  # one moment for all: leaves cover it
        door = Door(store, site.state.secrets, lambda: at)
        for read in reads:
            door.take("feedback:in:app", read)
        counts = store.counts()["app"]
        assert counts.received == counts.stored + counts.duplicates + counts.dead_lettered
        assert list(store.verify()) == []
        once = (counts.received - counts.duplicates, counts.stored, counts.dead_lettered)
        seqs = [*store.spans("app")]
    with closing(sqlite3.connect(into)) as db:
        events = db.execute(
            "SELECT e.leaf, s.producer, s.source, e.id, e.arrived, e.key, e.salt, e.body, e.kind,"
            " e.scope, e.target, e.claimed FROM event e JOIN source s ON s.no = e.source ORDER BY 1"
        ).fetchall()
        dead = db.execute(
            "SELECT producer, position, reason, detail, at, size, digest, content"
            " FROM dead_letter ORDER BY digest, position"
        ).fetchall()
    return {"events": events, "dead": dead, "counts": [once], "seqs": seqs}


@pytest.mark.slow
def test_t19_repeated_and_shuffled_entries_end_as_the_run_in_order_does(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, soak: bool
) -> None:
    monkeypatch.setattr(os, "urandom", bytes)  # the same salt for all: leaves are comparable
    entries = _entries(site)
    straight = _end_state(site, tmp_path / "straight.db", [[each] for each in entries])
    assert len(straight["events"]) == (ENTRIES - 1) * BATCH - ENTRIES // 5
    for seed in range(20 if soak else 3):
        chance = random.Random(seed)
        again = [each for each in entries for _ in range(chance.randint(1, 5))]
        chance.shuffle(again)
        # Half of the repetitions are deliveries of the same entry, half the producer's own: the
        # same bytes under another entry.
        sent = [(id_ if chance.random() < 0.5 else f"2-{n}", f) for n, (id_, f) in enumerate(again)]
        reads = _cut(sent, chance)
        mixed = _end_state(site, tmp_path / f"mixed-{seed}.db", reads)
        assert mixed == straight, f"seed {seed}"


def _cut(sent: Read, chance: random.Random) -> list[Read]:
    reads, at = [], 0
    while at < len(sent):
        size = chance.randint(1, 16)
        reads.append(sent[at : at + size])
        at += size
    return reads


def test_the_comparison_would_notice_one_other_byte(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "urandom", bytes)
    entries = _entries(site)
    straight = _end_state(site, tmp_path / "straight.db", [entries])
    assert _end_state(site, tmp_path / "short.db", [entries[:-1]]) != straight
