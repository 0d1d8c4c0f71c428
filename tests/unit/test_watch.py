"""The watch: who is heard of, what is ready, and figures that a restart does not change."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.watch.board import Board
from service.watch.bulletin import Bulletin, figures_of, spelled, tell
from service.watch.catalogue import ABSENT, AGES, CATALOGUE, Form
from service.watch.exposing import exposed
from service.watch.looking import Look
from service.watch.lookout import Lookout
from service.watch.teller import Teller
from service.watch.words import Figures, Spread, spread
from tests.producing import until


def said(role: str, *complaints: str, age_s: float = 0.0, **figures: float) -> Bulletin:
    told: Figures = {name: {(): value} for name, value in figures.items()}
    return Bulletin(role=role, quiet_s=8, age_s=age_s, complaints=complaints, figures=spelled(told))


# --- spreads and their exposition


def test_a_value_on_a_bound_lies_below_it() -> None:
    assert spread((1.0, 2.0), [0.5, 1.0, 1.5, 2.0, 3.0]).counts == [2, 2, 1]


def test_prometheus_reads_back_what_was_measured() -> None:
    figures: Figures = {
        "fq_events_stored_total": {(): 7},
        "fq_events_dead_lettered_total": {("bad_json",): 2, ('odd"\n',): 1},
        "fq_review_age_seconds": {(): spread(AGES, [1, 100, 10**8])},
    }
    content, content_type = exposed(figures)
    assert content_type.startswith("text/plain")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    }
    assert samples["fq_events_stored_total",] == 7
    assert samples["fq_events_dead_lettered_total", 'odd"\n'] == 1
    assert samples["fq_review_age_seconds_bucket", "60.0"] == 1
    assert samples["fq_review_age_seconds_bucket", "600.0"] == 2
    assert samples["fq_review_age_seconds_count",] == 3
    assert samples["fq_review_age_seconds_sum",] == 10**8 + 101
    assert len({name for name, *_ in samples}) == 5, "what was not measured is not shown as 0"


def test_openmetrics_is_spoken_to_who_asks_for_it() -> None:
    content, content_type = exposed(
        {"fq_log_size": {(): 1}}, "application/openmetrics-text; version=1.0.0"
    )
    assert content_type.startswith("application/openmetrics-text")
    assert content.endswith(b"# EOF\n")


def test_a_figure_that_the_catalogue_does_not_name_is_a_bug() -> None:
    with pytest.raises(KeyError, match="fq_made_up"):
        exposed({"fq_made_up": {(): 1}})


def test_names_keep_to_the_conventions_and_none_is_both_there_and_absent() -> None:
    names = [metric.name for metric in CATALOGUE]
    assert len(set(names)) == len(names)
    assert not {*names} & {*ABSENT}
    for metric in CATALOGUE:
        assert metric.name.startswith("fq_")
        assert (metric.form is Form.COUNTER) == metric.name.endswith("_total"), metric.name
        assert bool(metric.bounds) == (metric.form is Form.HISTOGRAM), metric.name
        assert metric.help.endswith("."), metric.name


def test_what_operators_expect_is_there_or_it_is_said_why_not() -> None:
    expected = """
        fq_events_published_total fq_events_stored_total fq_events_duplicate_total
        fq_events_dead_lettered_total fq_stream_pending fq_stream_lag fq_oldest_pending_seconds
        fq_conservation_gap fq_ingest_batch_seconds fq_store_commit_seconds fq_quarantine_records
        fq_quarantine_age_seconds fq_source_risk fq_sources_flagged fq_collusion_components
        fq_gold_accuracy fq_review_queue_depth fq_review_decision_seconds fq_approvals_total
        fq_policy_denials_total fq_releases_total fq_release_records fq_budget_used_ratio
        fq_revocations_total fq_log_verified_index fq_log_verify_failures_total
        fq_signature_failures_total fq_clock_skew_seconds fq_build_info
    """
    assert {*expected.split()} <= {metric.name for metric in CATALOGUE} | ABSENT.keys()


# --- bulletins and the board


def test_a_bulletin_carries_figures_there_and_back() -> None:
    figures: Figures = {
        "fq_log_size": {(): 3.0},
        "fq_requests": {("pending",): 1.0, ("stale",): 2.0},
        "fq_release_records": {(): Spread((1.0, 2.0), [1, 0, 2], 9.5)},
    }
    bulletin = Bulletin(role="x", quiet_s=1, age_s=0, figures=spelled(figures))
    again = Bulletin.model_validate_json(bulletin.model_dump_json())
    assert figures_of(again) == figures


def test_a_role_that_never_spoke_is_missing_and_no_role_hangs_for_it() -> None:
    board = Board(("intake", "scoring"))
    board.hear(said("intake"), 100.0)
    assert board.missing() == ["scoring: not started yet"]
    assert board.silent(101.0) == {}
    assert board.complaints(101.0) == {"intake": [], "scoring": ["scoring: not started yet"]}


def test_a_loop_that_does_not_turn_hangs_however_often_its_process_says_so() -> None:
    board = Board(("intake",))
    board.hear(said("intake", age_s=7.0), 100.0)
    assert board.silent(100.5) == {}
    board.hear(said("intake", age_s=8.5), 100.6)
    assert board.silent(100.6) == {"intake": ["intake: its loop has not turned for 8 s"]}


def test_a_process_that_is_gone_hangs_and_its_figures_are_not_shown_any_more() -> None:
    board = Board(("intake",))
    board.hear(said("intake", fq_log_size=1.0), 100.0)
    assert board.figures(101.0) == {"fq_log_size": {(): 1.0}}
    assert board.figures(109.0) == {}
    assert board.silent(109.0).keys() == {"intake"}


def test_what_does_not_work_is_told_by_who_it_is_and_strangers_are_not_heard() -> None:
    board = Board(("intake",))
    board.hear(said("intake", "store: full"), 100.0)
    board.hear(said("stranger", "anything", fq_log_size=9.0), 100.0)
    assert board.complaints(101.0) == {"intake": ["intake: store: full"]}
    assert board.figures(101.0) == {}


def test_telling_nobody_is_no_error(tmp_path: Path) -> None:
    assert not tell(tmp_path / "nobody", said("intake"))
    (tmp_path / "file").touch()
    assert not tell(tmp_path / "file", said("intake"))


def test_a_teller_tells_that_its_loop_turned_and_what_it_was_told(tmp_path: Path) -> None:
    place, heard = tmp_path / "s", list[Bulletin]()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(str(place))
        door.listen()
        door.settimeout(20)
        figures: Figures = {"fq_log_size": {(): 5.0}}
        with Teller(place, "scoring", quiet_s=60, figures=lambda: figures) as teller:
            teller.turn(["no store"])
            line, _ = door.accept()
            with line:
                heard.append(Bulletin.model_validate_json(line.makefile("rb").read()))
    assert heard[0].role == "scoring"
    assert heard[0].complaints == ("no store",)
    assert 0 <= heard[0].age_s < 20
    assert figures_of(heard[0]) == figures


# --- the lookout


@dataclass
class Patient:
    """Looks at nothing, and takes as long as it is let."""

    complaints: list[str] = field(default_factory=list)
    looks: int = 0
    free: threading.Event = field(default_factory=threading.Event)

    def ready(self) -> Look:
        self.looks += 1
        assert self.free.wait(20)
        found = Look()
        found.complaints["store"] += self.complaints
        return found

    def all(self) -> Look:
        found = self.ready()
        found.figures["fq_log_size"] = {(): 4.0}
        return found


async def test_ready_is_every_part_and_every_role() -> None:
    looker, board = Patient(["store: full"]), Board(("intake",))
    looker.free.set()
    lookout = Lookout(looker.ready, looker.all, board)
    assert await lookout.ready() == ["store: full", "intake: not started yet"]
    board.hear(said("intake", "bus: gone"), asyncio.get_running_loop().time())
    assert await lookout.ready() == ["store: full", "intake: bus: gone"]
    assert lookout.alive() == [], "who cannot work is alive all the same"


async def test_many_who_ask_at_once_make_one_look() -> None:
    looker = Patient()
    lookout = Lookout(looker.ready, looker.all, Board(()))
    asked = [asyncio.create_task(lookout.ready()) for _ in range(20)]
    await asyncio.sleep(0)
    looker.free.set()
    assert await asyncio.gather(*asked) == [[]] * 20
    assert looker.looks == 1


async def test_a_part_that_lets_us_wait_makes_nobody_else_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.watch.lookout.ANSWER_S", 0.01)
    looker = Patient()
    lookout = Lookout(looker.ready, looker.all, Board(()))
    assert await lookout.ready() == ["bus, store: they do not answer in time"]
    assert await lookout.ready() == ["bus, store: they do not answer in time"]
    assert looker.looks == 1, "the look under way is waited for, not begun again"
    looker.free.set()
    while await lookout.ready():
        assert looker.looks == 1
    await lookout.close()


async def test_counting_that_takes_long_holds_readiness_up_for_nobody() -> None:
    quick, slow = Patient(), Patient()
    quick.free.set()
    lookout = Lookout(quick.ready, slow.all, Board(()))
    figures = asyncio.create_task(lookout.figures())
    await until(lambda: slow.looks, "its thread starts")
    assert await lookout.ready() == []
    slow.free.set()
    assert (await figures)["fq_log_size"] == {(): 4.0}
    await lookout.close()


async def test_once_started_it_stays_started() -> None:
    looker, board = Patient(), Board(("intake",))
    looker.free.set()
    lookout = Lookout(looker.ready, looker.all, board)
    assert await lookout.started() == ["intake: not started yet"]
    board.hear(said("intake"), asyncio.get_running_loop().time())
    assert await lookout.started() == []
    board.hear(said("intake", "store: full"), asyncio.get_running_loop().time())
    assert await lookout.started() == []


async def test_figures_say_of_each_part_whether_it_works() -> None:
    looker, board = Patient(["store: full"]), Board(("intake",))
    looker.free.set()
    board.hear(said("intake", fq_log_size=9.0), asyncio.get_running_loop().time())
    figures = await Lookout(looker.ready, looker.all, board).figures()
    assert figures["fq_part_ready"] == {
        ("bus",): 1.0,
        ("store",): 0.0,
        ("disk",): 1.0,
        ("log",): 1.0,
        ("intake",): 1.0,
    }
