"""What OpenTelemetry exporters and collectors send, in the forms in which they send it."""

from __future__ import annotations

import copy
import gzip
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from quarantine.errors import MalformedError
from service.adapting.bodies import RefusedRequestError, unpacked
from service.adapting.config import Config, adapters
from service.adapting.otlp import export_of
from service.adapting.words import Aside, Found, Said, bytes_of, readings

RECORDED = json.loads((Path(__file__).parents[1] / "recorded" / "otel.json").read_text())
EXPORT = RECORDED["records"][0]
TERMS = Config.model_validate(RECORDED["config"])


def said(body: bytes) -> list[Found]:
    return list(readings(adapters()["otel"], body, TERMS))


def in_protobuf(export: Any) -> bytes:
    """Spell an export as exporters do; its ids are bytes there."""
    plain = copy.deepcopy(export)
    logs = plain["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    ids = [(bytes.fromhex(log.pop("traceId")), bytes.fromhex(log.pop("spanId"))) for log in logs]
    made = ParseDict(plain, ExportLogsServiceRequest())
    for log, (trace, span) in zip(
        made.resource_logs[0].scope_logs[0].log_records, ids, strict=True
    ):
        log.trace_id, log.span_id = trace, span
    return bytes(made.SerializeToString())


def test_protobuf_says_the_same_as_json_under_the_same_ids() -> None:
    found = said(in_protobuf(EXPORT))
    assert found == said(bytes_of(EXPORT))
    assert [type(each) for each in found] == [Said, Said, Aside, Aside]
    about = [each.subject for each in found if isinstance(each, Said)]
    assert about[1] == "response/5b8efff798038103d269b633813fc60c/eee19b7ec3c1b174"


def test_one_spoilt_evaluation_spoils_no_other_of_its_export() -> None:
    spoilt = copy.deepcopy(EXPORT)
    logs = spoilt["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    logs[0]["attributes"][1]["value"]["doubleValue"] = "NaN"
    found = said(in_protobuf(spoilt))
    assert [type(each) for each in found] == [Aside, Said, Aside, Aside]
    assert found == said(bytes_of(spoilt))
    logs[0] = "no record"
    assert [type(each) for each in said(bytes_of(spoilt))] == [Aside, Said, Aside, Aside]


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\xff\xff", b"{", b"\n\x7f", b"\x0b" * 500])
def test_what_is_neither_is_put_aside(body: bytes) -> None:
    (aside,) = said(body)
    assert isinstance(aside, Aside)


def test_without_the_library_protobuf_is_put_aside_with_the_mend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "google.protobuf.json_format", None)
    with pytest.raises(MalformedError, match=r"feedback-quarantine\[otel\]"):
        export_of(in_protobuf(EXPORT))
    assert export_of(bytes_of(EXPORT)) == EXPORT


def test_gzip_is_unpacked_up_to_the_limit_and_nothing_else_is() -> None:
    assert unpacked(b"as it is", "", 10) == unpacked(b"as it is", "identity", 10) == b"as it is"
    assert unpacked(gzip.compress(b"x" * 1000), "GZIP", 1000) == b"x" * 1000


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b"x" * 1001, mtime=0), "gzip", 413),
        (gzip.compress(b"x", mtime=0)[:-1], "gzip", 400),
        (gzip.compress(b"x", mtime=0) * 2, "gzip", 400),
        (zlib.compress(b"x"), "gzip", 400),
        (b"", "gzip", 400),
        (zlib.compress(b"x"), "deflate", 415),
        (gzip.compress(b"x", mtime=0), "gzip, gzip", 415),
    ],
)
def test_what_cannot_be_unpacked_is_refused(body: bytes, encoding: str, status: int) -> None:
    with pytest.raises(RefusedRequestError) as refused:
        unpacked(body, encoding, 1000)
    assert refused.value.status == status
