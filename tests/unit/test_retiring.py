"""Events are let go by the partition, oldest first: who spoke, the proofs and the figures stay."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from quarantine.arrivals import Taken
from quarantine.envelope import read
from quarantine.errors import NotAuthorisedError, UsageError
from quarantine.log import root_of
from quarantine.model import Act, Named, SourceKey, to_micros
from quarantine.rows.narrowing import narrowed
from quarantine.rows.store import RowStore
from quarantine.stores.postgres.store import PostgresStore
from tests.holding import entry, said
from tests.postgres import Server
from tests.room import START, body
from tests.shell import Shell


@pytest.fixture
def url(postgres: Server) -> str:
    """Return where 900 events came, a hundred in a second, in partitions of 256 rows of the log."""
    made = postgres.new()
    with PostgresStore(made) as store:
        with psycopg.connect(made, autocommit=True) as owner:
            owner.execute("UPDATE pace SET least = 256, most = 256")
        for n in range(1, 10):
            events = [said(f"{n}-{i}", source=f"rater/{i % 7}") for i in range(100)]
            store.take([replace(entry(n, *events), arrived=n * 1_000_000)])
            store.record([Act("tried", n, b"x")])
    return made


def act(first: int, until: int) -> Act:
    return Act("events-retired", 9, f"{first}-{until}".encode())


def partitions(url: str) -> list[str]:
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event'::regclass"
    with psycopg.connect(url) as owner:
        return sorted(name for (name,) in owner.execute(query))


def test_a_partition_is_a_range_of_the_log_and_the_next_is_opened_when_it_is_full(
    url: str,
) -> None:
    assert partitions(url) == ["event_0", "event_256", "event_512", "event_768"]
    with PostgresStore(url) as store:
        assert list(store.verify()) == []


def test_whole_partitions_go_and_everything_else_holds(url: str) -> None:
    with PostgresStore(url) as store:
        leaves, counts = store.leaves(0, store.size()), store.counts()
        assert store.retire(6_000_000, act) == (0, 256), "the second has one that came later"
        assert store.retire(6_000_001, act) == (256, 512)
        assert partitions(url) == ["event_512", "event_768"]
        assert store.leaves(0, 909) == leaves
        assert store.leaves(500, 520) == leaves[500:520]
        assert store.frontier(909).root() == root_of(leaves)
        assert store.node(4, 3) == root_of(leaves[48:64])
        assert store.counts() == counts
        assert SourceKey("app", "rater/3") in store.sources()
        assert [row.index for row in store.held([0, 511, 513])] == [513]
        assert min(store.frame().column("index").to_pylist()) == 512
        assert len(list(store.acts())) == 11
        assert list(store.verify()) == []


def test_what_was_let_go_and_comes_again_is_a_duplicate(url: str) -> None:
    with PostgresStore(url) as store:
        store.retire(4_000_000, act)
        once, other = said("1-0", source="rater/0"), said("1-1", source="rater/1", body=b"other")
        assert store.take([entry(20, once, other)]) == Taken(0, 2, [])
        assert list(store.verify()) == []


def test_the_newest_partition_stays_and_nothing_to_do_records_nothing(url: str) -> None:
    with PostgresStore(url) as store:
        assert store.retire(1, act) == (0, 0)
        assert store.size() == 909
        assert store.retire(2**60, act) == (0, 768)
        assert store.retire(2**60, act) == (768, 768)
        assert store.size() == 910
        store.take([replace(entry(30, said("later")), arrived=10_000_000)])
        assert list(store.verify()) == []


def test_a_store_that_let_go_is_copied_by_the_server_alone(url: str, postgres: Server) -> None:
    with PostgresStore(url) as store:
        store.retire(4_000_000, act)
        with pytest.raises(UsageError, match="pg_dump"):
            store.copy(postgres.new())


def test_a_partition_dropped_by_hand_is_no_retirement(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("DROP TABLE event_0")
    with PostgresStore(url) as store:
        assert any("log row 0" in each for each in store.verify())


def test_only_the_owner_lets_go(url: str) -> None:
    with PostgresStore(url.replace("keeper@", "operator@")) as store:
        with pytest.raises(NotAuthorisedError):
            store.retire(2**60, act)
        assert store.size() == 909


def test_the_command_says_what_was_let_go_and_the_audit_finds_nothing_wrong(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell, made = Shell(tmp_path / "state"), postgres.new()
    monkeypatch.setenv("FQ_STORE", made)
    words = ("store", "retire", "--because", "kept for a year", "--json", "--before")
    with PostgresStore(made) as store:
        with psycopg.connect(made, autocommit=True) as owner:
            owner.execute("UPDATE pace SET least = 256, most = 256")
        for n in range(1, 4):
            events = [
                read(body(f"rater/{i % 7}", f"{n}-{i}", "a"), position=i, arrived=to_micros(START))
                for i in range(150)
            ]
            store.take([replace(entry(n, *events), arrived=to_micros(START))])
    assert shell.run("store", "show").code == 0, "its owner begins a state directory by this"
    told = shell.run(*words, "2026-01-01T00:00:00Z")
    assert (told.code, json.loads(told.out)["until"]) == (0, 0), told
    told = shell.run(*words, "2026-01-02T01:00:00+01:00")
    before = "2026-01-02T00:00:00.000000Z"
    assert json.loads(told.out) == {"first": 0, "until": 256, "before": before}
    assert shell.run("audit", "verify").code == 0
    assert json.loads(shell.run("store", "show", "--json").out)["rows"] > 450
    monkeypatch.delenv("FQ_STORE")
    other = Shell(tmp_path / "other")
    assert other.run("store", "show").code == 0
    refused = other.run(*words, "2026-01-02T00:00:00Z")
    assert refused.code == 2
    assert "erase" in refused.err


def test_nothing_says_any_more_where_to_find_what_was_let_go(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RowStore, "concorded", 256)
    with PostgresStore(url) as store:
        before = store.find(Named(source="rater/3"))
        assert store.concord(9) == 0
        _, until = store.retire(7_000_000, act)
        assert until == 512
        assert store.find(Named(source="rater/3")) == [each for each in before if each >= until]
        with psycopg.connect(url) as owner:
            kept = owner.execute("SELECT DISTINCT first FROM concordance").fetchall()
        assert kept == [(512,)]
        monkeypatch.setattr("quarantine.rows.narrowing.MOST_LACKING", 1)
        looked = narrowed(store._concordance, {"source": [4]}, (None, None))
        assert looked is not None, "what was let go is nothing that it lacks"
        assert store.concord(0) == 0
        assert list(store.verify()) == []
