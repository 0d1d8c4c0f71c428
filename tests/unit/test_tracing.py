"""Traces from publish to stored: both ends speak of the same one, and nothing is sent for it."""

from __future__ import annotations

import base64
import gzip
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from quarantine.arrivals import Taken
from quarantine.errors import UsageError
from service import wiring
from service.door import Passed
from service.options import Options
from service.producer import Publisher
from service.traced import Untraced, trace_id
from service.tracing import Tracing
from tests.producing import Site, batch_of, event, until

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(kept: InMemorySpanExporter) -> Iterator[Tracing]:
    made = Tracing(kept, "test")
    yield made
    made.close()


def passed(seq: int, sig: str) -> Passed:
    fields = {b"seq": b"%d" % seq, b"sig": sig.encode(), b"batch": b"[]", b"key": b"k"}
    return Passed("feedback:in:app", [(f"{seq}-0", fields)], Taken(1, 0, []), AT, 0.25, [0.1])


def spans(tracing: Tracing, kept: InMemorySpanExporter) -> list[ReadableSpan]:
    tracing._provider.force_flush()
    return list(kept.get_finished_spans())


def test_what_was_stored_stands_beneath_what_was_published(
    tracing: Tracing, kept: InMemorySpanExporter
) -> None:
    with tracing.publishing("app", [(1, "s1"), (2, "s2")]):
        pass
    tracing.passed(passed(2, "s2"))
    first, second, stored = spans(tracing, kept)
    assert f"{second.context.trace_id:032x}" == trace_id("app", b"2", b"s2")
    assert stored.context.trace_id == second.context.trace_id != first.context.trace_id
    assert stored.parent is not None
    assert stored.parent.span_id == second.context.span_id
    assert (second.parent, second.kind, stored.kind) == (None, SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert second.attributes == {
        "messaging.system": "redis",
        "messaging.destination.name": "feedback:in:app",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
    }
    assert stored.attributes is not None
    assert stored.attributes["messaging.message.id"] == "2-0"
    assert stored.start_time == int(AT.timestamp()) * 10**9
    assert stored.end_time == stored.start_time + 250_000_000


def test_both_ends_keep_the_same_share() -> None:
    there, here = InMemorySpanExporter(), InMemorySpanExporter()
    producer, intake = Tracing(there, "a", share=0.3), Tracing(here, "b", share=0.3)
    for seq in range(200):
        with producer.publishing("app", [(seq, "s")]):
            pass
        intake.passed(passed(seq, "s"))
    for each in (producer, intake):
        each.close()
    sent, stored = (
        {span.context.trace_id for span in each.get_finished_spans()} for each in (there, here)
    )
    assert sent == stored
    assert 30 < len(sent) < 90


def test_an_entry_that_says_nothing_right_is_traced_all_the_same(
    tracing: Tracing, kept: InMemorySpanExporter
) -> None:
    tracing.passed(Passed("feedback:in:x", [("1-0", {})], Taken(0, 0, []), AT, 0.0, []))
    (span,) = spans(tracing, kept)
    assert span.name == "process feedback:in:x"


def test_without_an_endpoint_nothing_is_traced() -> None:
    with wiring.traces(Options(), "intake") as made:
        assert isinstance(made, Untraced)
        with made.publishing("app", [(1, "s")]):
            made.passed(passed(1, "s"))


def test_an_endpoint_without_the_library_is_refused_with_the_mend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "service.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    refused = pytest.raises(UsageError, match=r"pip install 'feedback-quarantine\[otel\]'")
    with refused, wiring.traces(Options(otlp="http://127.0.0.1:1/v1/traces"), "intake"):
        pass


class _Collector(BaseHTTPRequestHandler):
    """Takes what OTLP posts."""

    taken: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        self.taken.append((self.path, content))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_spans_reach_a_collector_over_http() -> None:
    collector = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    thread = threading.Thread(target=collector.serve_forever, args=(0.01,))
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{collector.server_port}/v1/traces"
        with wiring.traces(Options(otlp=endpoint), "intake") as spans_:
            spans_.passed(passed(7, "s7"))
    finally:
        collector.shutdown()
        collector.server_close()
        thread.join()
    ((path, content),) = _Collector.taken
    assert path == "/v1/traces"
    assert bytes.fromhex(trace_id("app", b"7", b"s7")) in content
    assert b"feedback:in:app" in content
    assert b"intake" in content


async def test_from_publish_to_stored_over_a_real_bus(
    site: Site, tmp_path: Path, tracing: Tracing, kept: InMemorySpanExporter
) -> None:
    app = site.register("app")
    intake = site.intake()
    intake.door.told = tracing.passed
    with Publisher(site.url, "app", app.key, tmp_path / "ledger", spans=tracing) as sending:
        sending.publish([batch_of([event(1)])[1:-1]])
        async with site.taking_in(intake):
            await until(lambda: site.received("app") == 1)
    sent, stored = spans(tracing, kept)
    assert stored.parent is not None
    assert stored.parent.span_id == sent.context.span_id
    assert stored.context.trace_id == sent.context.trace_id
    assert base64.b64encode(b"x") not in str(stored.attributes).encode()
