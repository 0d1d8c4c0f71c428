"""The MLflow adapter against MLflow itself, which `make test` installs beside."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from quarantine.envelope import read
from quarantine.model import to_micros
from service import wiring
from service.adapting.config import Config
from service.adapting.forwarding import Forwarder
from service.adapting.polling import pull
from service.settings import State
from tests.contracts.test_adapter_bodies import Press
from tests.faults.cluster import free_port
from tests.product import program, served

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
SPEAKS = """
import mlflow, sys
from mlflow.entities import AssessmentSource
mlflow.set_tracking_uri(sys.argv[1])
print(mlflow.set_experiment("answers").experiment_id)
answer = mlflow.trace(lambda question: "because")
answer("why?")
trace = mlflow.get_last_active_trace_id()
mlflow.flush_trace_async_logging()
ana = AssessmentSource(source_type="HUMAN", source_id="ana@example.org")
judge = AssessmentSource(source_type="LLM_JUDGE", source_id="judge-1")
first = mlflow.log_feedback(trace_id=trace, name="helpful", value=True, source=ana)
mlflow.log_feedback(trace_id=trace, name="score", value=0.5, source=judge)
mlflow.log_expectation(trace_id=trace, name="expected", value="for reasons", source=ana)
mlflow.override_feedback(
    trace_id=trace, assessment_id=first.assessment_id, value=False, source=ana
)
"""


LATER = """
import mlflow, sys
from mlflow.entities import AssessmentSource
mlflow.set_tracking_uri(sys.argv[1])
(trace,) = mlflow.search_traces(locations=[sys.argv[2]], return_type="list")
mlflow.log_feedback(
    trace_id=trace.info.trace_id,
    name="is it so?",
    value=True,
    source=AssessmentSource(source_type="HUMAN", source_id="ben@example.org"),
)
"""


@pytest.fixture
def mlflow() -> Path:
    return program("mlflow", "mlflow")


@pytest.fixture
def url(mlflow: Path, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    place = f"http://127.0.0.1:{port}"
    store = ("--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db")
    command = [str(mlflow), "server", "--port", str(port), "--workers", "1", *store]
    with served(command, up=f"{place}/health", folder=tmp_path, env=QUIET):
        yield place


@pytest.mark.slow
def test_what_mlflow_holds_is_said_in_our_words(mlflow: Path, url: str, tmp_path: Path) -> None:
    spoken = subprocess.run(
        [str(mlflow.parent / "python"), "-c", SPEAKS, url],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, **QUIET},
    )
    config = Config.model_validate(
        {
            "adapter": "mlflow",
            "scope": "helpful",
            "url": url,
            "query": {"experiment": spoken.stdout.split()[0]},
            "send": [{"assurance": "none", "producer": "mlflow", "sign": "key.pem"}],
        }
    )
    press = Press()
    with Forwarder("mlflow", config, State(tmp_path), press.open) as forwarder:
        pull(forwarder, wiring.now)
        assert pull(forwarder, wiring.now).events == 0
        assert list(forwarder.inbox.aside()) == []
    _hears_of_old_traces(mlflow, url, tmp_path, config)
    now = to_micros(wiring.now())
    said = [
        (read(body, position=0, arrived=now), json.loads(body)["data"]) for _, body in press.said
    ]
    assert sorted((event.source, event.kind) for event, _ in said) == [
        ("human/ana@example.org", "correction"),
        ("human/ana@example.org", "rating"),
        ("human/ana@example.org", "rating"),
        ("llm_judge/judge-1", "signal"),
    ]
    overriding = [data for _, data in said if "supersedes" in data]
    assert [data["value"] for data in overriding] == [0.0]


def _hears_of_old_traces(mlflow: Path, url: str, root: Path, config: Config) -> None:
    """Say something of a trace that is older than what is asked for by time."""
    experiment = config.query["experiment"]
    subprocess.run(
        [str(mlflow.parent / "python"), "-c", LATER, url, experiment],
        capture_output=True,
        check=True,
        cwd=root,
        env={**os.environ, **QUIET},
    )
    days = [wiring.now() + timedelta(days=day) for day in (3, 6)]
    found = []
    for query in ({}, {"questions": "nobody asked, is it so?"}):
        more = config.model_copy(update={"query": {**config.query, **query}})
        with Forwarder(f"old-{len(found)}", more, State(root), Press().open) as forwarder:
            forwarder.inbox.move("from", days[0].isoformat())
            found.append(pull(forwarder, lambda: days[1]).records)
    assert found == [0, 1], "by the question alone"
