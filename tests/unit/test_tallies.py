"""The figures kept beside the rows are what counting the rows gives, whatever came and how."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarantine.arrivals import Arrival, put_aside
from quarantine.stores.sqlite import STORE
from tests.holding import entry, made_older, said

SEQS = st.integers(1, 14)
EVENTS = st.lists(st.integers(0, 30).map(str), max_size=4)
PRODUCERS = st.sampled_from(["app", "bot"])
PIECES = st.lists(st.tuples(SEQS, EVENTS, PRODUCERS, st.booleans(), st.booleans()), max_size=6)


def arrival(number: int, piece: tuple[int, list[str], str, bool, bool]) -> Arrival:
    """Make an entry that may repeat a counter, an event, bytes; it may bring a dead letter."""
    seq, events, producer, bad, vouched = piece
    made = replace(
        entry(number, *map(said, events), seq=seq, digest=f"{seq}{events}{bad}".encode()),
        producer=producer,
        stream=f"feedback:in:{producer}",
    )
    made = made if vouched else replace(made, seq=None)
    return replace(made, dead=[put_aside(made, 99, "bad_json", "", b"{")] if bad else [])


@given(st.lists(PIECES, max_size=5))
@settings(max_examples=60, deadline=None)
def test_what_is_kept_is_what_is_counted(batches: list[list[object]]) -> None:
    with tempfile.TemporaryDirectory() as folder, STORE(f"{folder}/store.db") as store:
        number = 0
        for batch in batches:
            store.take([arrival(number + n, piece) for n, piece in enumerate(batch)])  # type: ignore[arg-type]
            number += len(batch)
        assert list(store.verify()) == []
        for name, counts in store.counts().items():
            assert counts.received == counts.stored + counts.duplicates + counts.dead_lettered
            with closing(sqlite3.connect(f"{folder}/store.db")) as db:
                rows = db.execute("SELECT seq FROM entry WHERE producer = ? AND seq > 0", (name,))
                seqs = {seq for (seq,) in rows}
            spans = store.spans(name)
            assert {seq for first, last in spans for seq in range(first, last + 1)} == seqs
            assert all(a[1] + 1 < b[0] for a, b in pairwise(spans))


def test_a_redriven_letter_and_the_last_number_there_can_be_are_counted(tmp_path: Path) -> None:
    with STORE(str(tmp_path / "store.db")) as store:
        dead = put_aside(entry(1), -1, "unknown_producer", "", b"x")
        store.take([replace(entry(1), seq=None, dead=[dead])])
        store.take([replace(entry(1, said("a")), entry=dead.again, seq=2**63 - 1)])
        store.take([entry(2, said("b"), seq=2**63 - 2), entry(3, said("c"), seq=1)])
        assert list(store.verify()) == []
        assert store.spans("app") == [(1, 1), (2**63 - 2, 2**63 - 1)]


def test_a_store_from_before_they_were_kept_is_counted_once_when_it_is_opened(
    tmp_path: Path,
) -> None:
    file = tmp_path / "store.db"
    with STORE(str(file)) as store:
        dead = put_aside(entry(9), 3, "bad_json", "", b"{")
        store.take([entry(number, said(str(number))) for number in (1, 2, 3, 6)])
        store.take([replace(entry(9, said("9")), dead=[dead]), entry(10, said("1"))])
        store.take([replace(entry(9, said("z")), entry=dead.again, seq=None)])
        before = store.counts(), store.spans("app")
    made_older(file, "0005_tallies.sql")
    with STORE(str(file)) as store:
        assert (store.counts(), store.spans("app")) == before
        assert list(store.verify()) == []


@pytest.mark.parametrize(
    ("edit", "said_of"),
    [
        ("UPDATE tally SET stored = stored + 1", "the figures of app"),
        ("DELETE FROM tally", "the figures of app"),
        ("UPDATE span SET last = last + 1", "the counters kept of app"),
        ("INSERT INTO span VALUES ('app', 8, 8)", "the counters kept of app"),
    ],
)
def test_figures_that_were_edited_are_named_when_the_store_is_verified(
    tmp_path: Path, edit: str, said_of: str
) -> None:
    file = tmp_path / "store.db"
    with STORE(str(file)) as store:
        store.take([entry(1, said("a"))])
        with closing(sqlite3.connect(file)) as db, db:
            db.execute(edit)
        assert list(store.verify()) == [f"{said_of} are not those of its rows"]
