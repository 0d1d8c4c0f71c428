"""One look: each role of a database shows what it may read, and complains of nothing else."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from approvals.audit import sign_checkpoint
from service import wiring
from service.embedded import EmbeddedBus
from service.settings import State
from service.watch.looking import Looker
from tests.holding import entry, said
from tests.postgres import Server
from tests.producing import Site
from tests.room import crowded, release

LAW = ("fq_events_stored_total", "fq_entries_received_total")
BUS = ("fq_conservation_gap", "fq_stream_pending")


def kept_in(state: State, url: str) -> None:
    """Let the store of `state` be the database at `url`."""
    state.settings.write_text(f'store = "{url}"\n')


@pytest.fixture
def database(postgres: Server, state: State) -> str:
    """A store in which something was taken in and signed, opened by its owner."""
    url = postgres.new()
    kept_in(state, url)
    with wiring.open_store(state) as store:
        store.take([entry(1, *(said(f"e{n}") for n in range(5)))])
        signer = wiring.role_signer(state, "releasing")
        sign_checkpoint(store, signer, origin=wiring.origin(state), witness=state.witness)
    return url


@pytest.mark.parametrize(
    ("role", "shows"),
    [
        ("intake", (*LAW, *BUS)),
        ("scorer", LAW),
        ("reviewer", LAW),
        ("releaser", ()),
        ("operator", (*LAW, *BUS)),
    ],
)
def test_each_role_shows_what_it_may_read(
    role: str, shows: tuple[str, ...], database: str, state: State, bus: EmbeddedBus
) -> None:
    kept_in(state, urlunsplit(urlsplit(database)._replace(netloc=f"{role}@")))
    speaks = role in {"intake", "operator", "releaser"}
    looker = Looker(state, bus.url if speaks else "", wiring.now)
    found = looker.all()
    looker.close()
    assert [said for some in found.complaints.values() for said in some] == []
    assert found.figures["fq_log_verified_index"] == {(): 5}
    assert found.figures["fq_review_queue_depth"] == {(): 0}, "the log is read by all of them"
    for name in shows:
        assert name in found.figures, name
    if shows:
        assert found.figures["fq_events_stored_total"] == {(): 5}


def test_a_database_that_is_gone_is_a_complaint_and_is_opened_again(
    database: str, state: State
) -> None:
    looker = Looker(state, "", wiring.now)
    kept_in(state, "postgresql://intake@/nowhere?host=%2Fnowhere")
    found = looker.all()
    assert found.complaints["store"][0].startswith("store: ")
    assert found.figures.keys() & {*LAW} == set()
    kept_in(state, database)
    assert looker.all().complaints["store"] == []
    looker.close()


def test_a_bus_that_is_gone_is_a_complaint_and_the_stores_figures_stay(site: Site) -> None:
    looker = Looker(site.state, "redis://127.0.0.1:1", wiring.now)
    found = looker.all()
    looker.close()
    assert found.complaints["bus"][0].startswith("bus: ")
    assert found.complaints["store"] == []
    assert {*LAW} <= found.figures.keys()
    assert not {*BUS} & found.figures.keys(), "of a bus that does not answer nothing is said"


def test_a_store_of_another_program_is_a_complaint(state: State) -> None:
    import sqlite3

    with wiring.open_store(state):
        pass
    with sqlite3.connect(state.store) as raw:
        raw.execute("INSERT INTO migration SELECT number + 1000, name, digest FROM migration")
    raw.close()
    looker = Looker(state, "", wiring.now)
    found = looker.ready()
    assert "run the newer program" in found.complaints["store"][0]


def test_requests_are_counted_by_where_they_stand_at_most_once_a_minute(tmp_path: Path) -> None:
    room = crowded(tmp_path)
    state = State(tmp_path)
    wiring.prepare(state)
    state.policy.write_text(room.policy.text)
    shutil.copy(tmp_path / "operator.pem.pub", state.key("operator").with_suffix(".pem.pub"))
    looker = Looker(state, "", lambda: room.at)
    request, _, _ = room.ask()
    assert looker.all().figures["fq_requests"]["pending",] == 1
    looked = room.at
    release(room, request)
    room.at = looked + timedelta(seconds=59)
    assert looker.all().figures["fq_requests"]["released",] == 0
    room.at = looked + timedelta(seconds=60)
    counted = looker.all().figures["fq_requests"]
    assert (counted["released",], counted["pending",]) == (1, 0)
    looker.close()
    room.store.close()
