"""The service answers over HTTP for all its processes: what hangs, what works, and true figures."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service import embedded, wiring
from service.settings import State
from service.watch.catalogue import CATALOGUE
from tests.faults.asking import answer, children, free_place, role_of
from tests.producing import Site, batch_of, event, fields_of

QUARANTINE = str(Path(sys.executable).parent / "quarantine")
DEADLINE_S = 120
SECRET = "said in confidence"
PASSWORD = "Zq7-opens-the-bus"


@dataclass
class Running:
    """Everything, up, and where it answers."""

    site: Site
    place: str
    process: subprocess.Popen[bytes]

    def until(self, what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not what():
            assert self.process.poll() is None
            assert time.monotonic() < deadline, what
            time.sleep(0.05)

    def ask(self, question: str) -> str:
        with urllib.request.urlopen(
            f"http://{self.place}/{question}", timeout=DEADLINE_S
        ) as answered:
            return str(answered.read().decode())

    def figures(self) -> dict[tuple[str, ...], float]:
        """Return what /metrics says: by name and by label values, in the order of labels' names."""
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(self.ask("metrics"))
            for sample in family.samples
        }

    def role(self, name: str) -> int:
        """Return the process id of a role."""
        mine = children(self.process.pid)
        (pid,) = [each for each in mine if f"service.roles.{name}" in role_of(each)]
        return pid


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("metrics")
    state = State(folder / "state")
    wiring.prepare(state)
    with embedded.start(folder / "bus") as bus, wiring.open_store(state) as store:
        made = Site(state, bus.url, store, folder)
        yield made
        made.client.close()


@pytest.fixture(scope="module")
def running(site: Site) -> Iterator[Running]:
    place = free_place()
    words = [QUARANTINE, "up", "--state", str(site.state.root), "--http", place]
    rights = ("on", f">{PASSWORD}", "~*", "&*", "+@all")
    site.client.execute_command("ACL", "SETUSER", "service", *rights)
    bus = site.url.replace("unix://", f"unix://service:{PASSWORD}@")
    log = {"FQ_LOG": "json", "FQ_LOG_LEVEL": "INFO", "FQ_BUS": bus}
    with (site.keys / "log").open("wb") as lines:
        process = subprocess.Popen(words, stderr=lines, env={**os.environ, **log})
    try:
        made = Running(site, place, process)
        made.until(lambda: answer(place, "startupz") == 200)
        yield made
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()


def test_the_password_of_the_bus_stands_in_no_command_line(running: Running) -> None:
    said = [role_of(pid) for pid in (running.process.pid, *children(running.process.pid))]
    assert sum("service.roles." in each for each in said) == 4
    assert not [each for each in said if PASSWORD in each]


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=" * 500,
        "application/openmetrics-text;version=one",
        "text/plain;version=" + "9" * 5000,
        "\xff",
    ],
    ids=["repeated", "no number", "a long one", "no ASCII"],
)
def test_whatever_is_accepted_there_are_figures(running: Running, accept: str) -> None:
    asked = urllib.request.Request(f"http://{running.place}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(asked, timeout=DEADLINE_S) as answered:
        assert b"quarantine" in answered.read()


@pytest.fixture(scope="module")
def figures(running: Running) -> dict[tuple[str, ...], float]:
    """Figures of two good entries, one with a conflict and rubbish, and one that is forged."""
    site = running.site
    app = site.register("app", scopes=("helpful",))
    data = {"value": 4, "low": 1, "high": 5, "text": SECRET}
    for seq in (1, 2):
        app.send(batch_of(event(f"{seq}-{n}", data=data) for n in range(10)))
    app.send(batch_of([event("1-0"), event("bad", made_up=1)]))
    fields = fields_of(app.key, "app", 4, b"[]")
    app.add({**fields, "sig": "AAAA"})
    running.until(lambda: site.received("app") == 4)
    found: dict[tuple[str, ...], float] = {}

    def told() -> bool:
        """Say whether all roles have told of it: each speaks for itself, every second."""
        found.clear()
        found.update(running.figures())
        return (
            found.get(("fq_quarantine_records", "helpful", "held")) == 20
            and found.get(("fq_ingest_batch_seconds_count",), 0) >= 1
            and found.get(("fq_entries_received_total",)) == 4
        )

    running.until(told)
    return found


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_figures_are_those_of_what_came(figures: dict[tuple[str, ...], float]) -> None:
    wanted = {
        ("fq_events_stored_total",): 20,
        ("fq_events_duplicate_total",): 0,
        ("fq_events_dead_lettered_total", "unknown_field"): 1,
        ("fq_events_dead_lettered_total", "conflict"): 1,
        ("fq_signature_failures_total", "bad_signature"): 1,
        ("fq_entries_received_total",): 4,
        ("fq_entries_added_total",): 4,
        ("fq_entries_lost",): 0,
        ("fq_conservation_gap",): 0,
        ("fq_stream_pending",): 0,
        ("fq_quarantine_age_seconds_count",): 20,
        ("fq_bus_persistent",): 1,
    }
    assert {name: figures.get(name) for name in wanted} == wanted
    assert figures["fq_ingest_batch_seconds_count",] >= 1
    assert figures["fq_store_commit_seconds_count",] >= figures["fq_ingest_batch_seconds_count",]
    assert sum(v for (name, *_), v in figures.items() if name == "fq_source_risk") == 1


def test_no_name_is_unknown_and_no_stranger_makes_a_label(
    figures: dict[tuple[str, ...], float],
) -> None:
    names = {metric.name for metric in CATALOGUE}
    assert {re.sub("_(bucket|count|sum)$", "", name) for name, *_ in figures} <= names
    labels = {label for _, *labels in figures for label in labels}
    assert not {"rater/1", "app"} & labels


@linux
def test_who_answers_may_die_and_no_figure_of_the_store_changes(
    running: Running, figures: dict[tuple[str, ...], float]
) -> None:
    os.kill(running.role("http"), signal.SIGKILL)
    running.until(lambda: answer(running.place, "livez") == 0)
    running.until(lambda: answer(running.place, "startupz") == 200)
    again = running.figures()
    kept = [key for key in figures if key[0].startswith(("fq_events_", "fq_entries_"))]
    assert {key: again.get(key) for key in kept} == {key: figures[key] for key in kept}


@pytest.mark.usefixtures("figures")
def test_decisions_are_lines_without_what_was_said(running: Running) -> None:
    log = (running.site.keys / "log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert lines[0]["message"].startswith("up: intake, scoring, releasing; ")
    letters = {each["reason"]: each for each in lines if each.get("decision") == "dead-lettered"}
    assert letters["unknown_field"]["event_id"] == "bad"
    assert letters["unknown_field"]["source"] == "rater/1"
    assert letters["unknown_field"]["trace_id"] == letters["conflict"]["trace_id"]
    assert sum(each["stored"] for each in lines if each.get("decision") == "held") == 20
    assert SECRET not in log
    assert PASSWORD not in log


@linux
def test_an_intake_that_hangs_is_not_alive_and_one_without_a_bus_is_not_ready(
    running: Running,
) -> None:
    running.until(lambda: answer(running.place, "readyz") == 200)
    intake = running.role("intake")
    os.kill(intake, signal.SIGSTOP)
    running.until(lambda: answer(running.place, "livez") == 503)
    os.kill(intake, signal.SIGCONT)
    running.until(lambda: answer(running.place, "livez") == 200)
    running.until(lambda: answer(running.place, "readyz") == 200)


@linux
def test_back_pressure_makes_it_not_ready_and_leaves_it_alive(running: Running) -> None:
    running.until(lambda: answer(running.place, "readyz") == 200)
    client = running.site.client
    client.config_set("maxmemory", 1)
    # On a busy machine another part may not be ready for a moment: it is the bus that is asked.
    running.until(lambda: running.figures()["fq_part_ready", "bus"] == 0)
    running.until(
        lambda: [answer(running.place, each) for each in ("readyz", "livez")] == [503, 200]
    )
    client.config_set("maxmemory", 0)
    running.until(lambda: answer(running.place, "readyz") == 200)


@linux
def test_nobody_but_the_four_questions_is_answered(running: Running) -> None:
    assert answer(running.place, "else") == 404
    request = urllib.request.Request(f"http://{running.place}/metrics", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.code == 405
    refused.value.close()
    assert running.ask("livez") == "ok\n"


def test_it_answers_for_the_witness_alone_without_any_bus(site: Site) -> None:
    place = free_place()
    words = [QUARANTINE, "up", "--state", str(site.state.root), "--only", "witness"]
    process = subprocess.Popen([*words, "--http", place])
    try:
        made = Running(site, place, process)
        made.until(lambda: answer(place, "readyz") == 200)
        assert ("fq_part_ready", "witness") in made.figures()
        assert ("fq_stream_pending",) not in made.figures(), "of a bus nothing is said"
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("variable", ["FQ_HTPP=127.0.0.1:1", "FQ_LOG=xml"])
def test_a_wrong_setting_ends_it_before_anything_starts(variable: str, tmp_path: Path) -> None:
    name, _, value = variable.partition("=")
    done = subprocess.run(
        [QUARANTINE, "up", "--state", str(tmp_path / "state")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, name: value},
    )
    assert done.returncode == 2
    assert name in done.stderr
    assert not (tmp_path / "state").exists()
