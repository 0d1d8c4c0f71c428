"""Feedback that comes over HTTP and in other systems' files, through the running service."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from service.producer import open_key
from service.vouching import signed_bytes
from tests.contracts.test_adapter_bodies import recorded
from tests.faults.cluster import free_port
from tests.stories.test_command_line import QUARANTINE, House

SECRET = "whsec_" + base64.b64encode(b"a secret of sufficient length").decode()
DEADLINE_S = 120


@dataclass
class Site:
    """A house that answers over HTTP."""

    house: House
    url: str
    http: urllib3.PoolManager

    def post(self, path: str, body: bytes, **headers: str) -> int:
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request("POST", f"{self.url}{path}", body=body, headers=spelled).status

    def stored(self, producer: str) -> int:
        counts = self.house.run("status")["producers"].get(producer)
        return int(counts["events"]["stored"]) if counts else 0

    def until(self, what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not what():
            assert time.monotonic() < deadline
            time.sleep(0.2)


def settings(name: str, **more: Any) -> str:
    """Spell a recorded adapter's settings as TOML."""
    config = {**recorded(name)["config"], **more}
    tables = {key: value for key, value in config.items() if isinstance(value, dict)}
    lists = {key: config[key] for key in ("send", "term") if key in config}
    plain = {key: each for key, each in config.items() if key not in {*tables, *lists}}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for key, table in tables.items():
        lines += [f"[{key}]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
    for key, each in lists.items():
        for table in each:
            lines += [f"[[{key}]]", *(f"{k} = {json.dumps(v)}" for k, v in table.items())]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("site")
    house = House(root)
    state = root / "state"
    (state / "adapters").mkdir(parents=True)
    for name in ("people", "others", "web"):
        house.run("keys", "new", str(state / f"{name}.pem"))
        house.run("producer", "add", name, "--key", str(state / f"{name}.pem.pub"))
    (state / "hook.secret").write_text(SECRET)
    for name in ("argilla", "otel", "label_studio", "table"):
        (state / "adapters" / f"{name}.toml").write_text(settings(name))
    port = free_port()
    place = f"127.0.0.1:{port}"
    up = subprocess.Popen([str(QUARANTINE), "up", "--state", str(state), "--http", place])
    try:
        with urllib3.PoolManager(retries=False) as pool:
            here = Site(house, f"http://{place}", pool)
            here.until(lambda: _answers(here))
            yield here
        up.send_signal(signal.SIGTERM)
        assert up.wait(DEADLINE_S) == 0
    finally:
        up.kill()
        up.wait()


def _answers(site: Site) -> bool:
    try:
        return bool(site.http.request("GET", f"{site.url}/readyz").status == 200)
    except urllib3.exceptions.HTTPError:
        return False


def signed(
    body: bytes, *, at: float | None = None, secret: bytes = b"a secret of sufficient length"
) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    code = hmac.new(secret, b"msg_1." + stamp.encode() + b"." + body, hashlib.sha256).digest()
    return {
        "webhook_id": "msg_1",
        "webhook_timestamp": stamp,
        "webhook_signature": f"v1,{base64.b64encode(code).decode()}",
    }


def test_a_signed_webhook_is_kept_forwarded_and_stored(site: Site) -> None:
    before = site.stored("people")
    for record in recorded("argilla")["records"]:
        body = json.dumps(record).encode()
        assert site.post("/hooks/argilla", body, **signed(body)) == 202
    site.until(lambda: site.stored("people") == before + len(recorded("argilla")["events"]))


@pytest.mark.parametrize(
    "headers",
    [
        dict,
        lambda: signed(b"another body"),
        lambda: signed(b"{}", at=0),
        lambda: signed(b"{}", secret=b"another secret"),
        lambda: {**signed(b"{}"), "webhook_timestamp": "9" * 30},
        lambda: {**signed(b"{}"), "webhook_signature": "v1,"},
        lambda: {"x_quarantine_secret": SECRET},
    ],
)
def test_a_webhook_that_proves_nothing_is_denied_and_not_kept(
    site: Site, headers: Callable[[], dict[str, str]]
) -> None:
    before = site.house.run("adapter", "list")["set_up"]
    # Signed now: what was signed when tests were collected is refused for its age by then.
    assert site.post("/hooks/argilla", b"{}", **headers()) == 401
    assert site.house.run("adapter", "list")["set_up"] == before


def test_other_webhooks_take_their_secret_as_a_header(site: Site) -> None:
    export = json.dumps(recorded("otel")["records"][0]).encode()
    before = site.stored("others")
    assert site.post("/hooks/otel", export, authorization="Bearer wrong") == 401
    assert site.post("/hooks/otel", export, authorization=f"Bearer {SECRET}") == 202
    site.until(lambda: site.stored("others") == before + 2)
    call = json.dumps(recorded("label_studio")["records"][0]).encode()
    assert site.post("/hooks/label_studio", call, x_quarantine_secret=SECRET[:-1]) == 401
    assert site.post("/hooks/label_studio", call, x_quarantine_secret=SECRET) == 202


def evaluate(site: Site, compression: Compression, answers: list[str]) -> None:
    """Have OpenTelemetry's own SDK and exporter send an evaluation of each answer."""
    exporter = OTLPLogExporter(
        endpoint=f"{site.url}/hooks/otel",
        headers={"Authorization": f"Bearer {SECRET}"},
        compression=compression,
    )
    provider = LoggerProvider(resource=Resource.create({"service.name": "judge-2"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    for answer in answers:
        told = {
            "gen_ai.evaluation.name": "Relevance",
            "gen_ai.evaluation.score.value": 4.0,
            "gen_ai.response.id": answer,
        }
        provider.get_logger("evals").emit(
            LogRecord(
                timestamp=time.time_ns(), event_name="gen_ai.evaluation.result", attributes=told
            )
        )
    provider.shutdown()


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_an_evaluation_that_the_sdk_of_opentelemetry_sends_is_stored(
    site: Site, compression: Compression
) -> None:
    before = site.stored("others")
    evaluate(site, compression, [f"{compression.value}-1", f"{compression.value}-2"])
    site.until(lambda: site.stored("others") == before + 2)


def test_what_is_no_feedback_is_put_aside_and_said(site: Site) -> None:
    assert site.post("/hooks/otel", b"no JSON at all", authorization=f"Bearer {SECRET}") == 202
    reasons = {each["reason"] for each in site.house.run("adapter", "aside", "otel")}
    assert reasons  # kept, with why


def test_only_hooks_that_are_called_are_there(site: Site) -> None:
    assert site.post("/hooks/table", b"{}") == 404
    assert site.post("/hooks/nobody", b"{}") == 404


def test_a_batch_over_http_is_the_batch_of_the_bus(site: Site) -> None:
    key = open_key(site.house.root / "state" / "web.pem")
    events = [rating(f"http-{n}") for n in range(3)]
    batch = b"[" + b",".join(events) + b"]"
    seq = 1
    said = {
        "content_type": "application/cloudevents-batch+json",
        "feedback_seq": str(seq),
        "feedback_key": key.key_id,
        "feedback_signature": base64.b64encode(key.sign(signed_bytes("web", seq, batch))).decode(),
    }
    assert site.post("/feedback/web", batch + b" ", **said) == 401
    assert site.post("/feedback/people", batch, **said) == 401
    assert site.post("/feedback/nobody", batch, **said) == 401
    assert site.post("/feedback/web", batch, **{**said, "feedback_seq": "0"}) == 400
    assert site.post("/feedback/web", batch, **{**said, "content_type": "text/plain"}) == 415
    assert site.post("/feedback/web", b" " * (1024 * 1024 + 1), **said) == 413
    without = {name: value for name, value in said.items() if name != "feedback_key"}
    assert site.post("/feedback/web", batch, **without) == 400
    assert site.post("/feedback/web", batch, **said) == 202
    site.until(lambda: site.stored("web") == 3)
    assert site.post("/feedback/web", batch, **said) == 202  # again: a duplicate entry
    site.until(lambda: site.house.run("status")["producers"]["web"]["gap"] == 0)
    assert site.stored("web") == 3


def rating(id_: str) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0",
            "id": id_,
            "source": "rater/1",
            "subject": f"answer/{id_}",
            "type": "feedback.rating.v1",
            "time": "2026-01-01T00:00:00Z",
            "scope": "helpful",
            "data": {"value": 4, "low": 1, "high": 5},
        }
    ).encode()


def test_a_file_of_rows_is_forwarded_by_its_mapping_once(site: Site) -> None:
    file = site.house.root / "rows.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in recorded("table")["records"]))
    first = site.house.run("adapter", "load", "table", str(file))
    assert first == {"records": 3, "events": 1, "aside": 2}
    assert site.house.run("adapter", "load", "table", str(file))["events"] == 0


def test_an_adapter_that_is_not_set_up_is_a_usage_error(site: Site) -> None:
    site.house.run("adapter", "pull", "langfuse", "--once", code=2)
    site.house.run("adapter", "pull", "table", "--once", code=2)
    wrong = Path(site.house.root / "state" / "adapters" / "wrong.toml")
    wrong.write_text('adapter = "fax"\nscope = "x"\nsend = []\n')
    site.house.run("adapter", "pull", "wrong", "--once", code=2)
    wrong.unlink()
