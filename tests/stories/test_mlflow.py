"""The MLflow adapter against MLflow itself, where one is there (`FQ_TEST_MLFLOW`, else on PATH)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from quarantine.envelope import read
from service.adapting.config import Config
from service.adapting.forwarding import Forwarder
from service.adapting.polling import pull
from service.settings import State
from tests.contracts.test_adapter_bodies import LATER, NOW, Press
from tests.faults.cluster import free_port

MLFLOW = os.environ.get("FQ_TEST_MLFLOW") or shutil.which("mlflow")
DEADLINE_S = 120
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

pytestmark = pytest.mark.skipif(MLFLOW is None, reason="no mlflow on PATH, none in FQ_TEST_MLFLOW")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    server = subprocess.Popen(
        [
            *(str(MLFLOW), "server", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"),
        ],
        cwd=tmp_path,
        env=quiet,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    place = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not _up(place):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield place
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def _up(place: str) -> bool:
    with urllib3.PoolManager(retries=False) as pool:
        try:
            return bool(pool.request("GET", f"{place}/health").status == 200)
        except urllib3.exceptions.HTTPError:
            return False


@pytest.mark.slow
def test_what_mlflow_holds_is_said_in_our_words(url: str, tmp_path: Path) -> None:
    python = Path(str(MLFLOW)).parent / "python"
    spoken = subprocess.run(
        [str(python), "-c", SPEAKS, url], capture_output=True, text=True, check=True, cwd=tmp_path
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
        pull(forwarder, lambda: NOW)
        assert pull(forwarder, lambda: NOW).events == 0
        assert list(forwarder.inbox.aside()) == []
    said = [
        (read(body, position=0, arrived=LATER), json.loads(body)["data"]) for _, body in press.said
    ]
    assert sorted((event.source, event.kind) for event, _ in said) == [
        ("human/ana@example.org", "correction"),
        ("human/ana@example.org", "rating"),
        ("human/ana@example.org", "rating"),
        ("llm_judge/judge-1", "signal"),
    ]
    overriding = [data for _, data in said if "supersedes" in data]
    assert [data["value"] for data in overriding] == [0.0]
