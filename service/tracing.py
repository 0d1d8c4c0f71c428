"""OpenTelemetry spans from publish to stored, where an endpoint is set; one a bus entry.

The extra `otel` brings the library; without an endpoint it is not even loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags

from quarantine.model import INBOUND, to_micros
from service.door import Passed
from service.traced import entered, span_id, trace_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

SYSTEM: Final = "redis"
EXPORT_S: Final = 3.0
"""How long a collector may take to answer; who ends waits for it, and is itself waited for."""
_NS: Final = 1000


class Tracing:
    """Makes the spans of entries; `share` of the traces are kept, the same ones at both ends."""

    def __init__(self, exporter: SpanExporter, service: str, *, share: float = 1.0) -> None:
        """Send spans of `service` to `exporter`, in the background."""
        self._ids = _Given()
        self._sampler = ParentBased(TraceIdRatioBased(share))
        self._provider = TracerProvider(
            sampler=self._sampler,
            id_generator=self._ids,
            resource=Resource.create({"service.name": service}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("feedback-quarantine")
        self._share = TraceIdRatioBased(share)

    @contextmanager
    def publishing(self, producer: str, entries: Iterable[tuple[int, str]]) -> Iterator[None]:
        """Make the root span of each entry (`seq`, `sig`) that is sent within the block."""
        stream = f"{INBOUND}{producer}"
        spans = [self._sending(stream, (producer, b"%d" % n, sig.encode())) for n, sig in entries]
        try:
            yield
        finally:
            for span in spans:
                span.end()

    def _sending(self, stream: str, named: tuple[str, bytes, bytes]) -> Span:
        with self._ids.given(int(trace_id(*named), 16), int(span_id(*named), 16)):
            return self._tracer.start_span(
                f"send {stream}",
                context=trace.set_span_in_context(trace.INVALID_SPAN),
                kind=SpanKind.PRODUCER,
                attributes=_about(stream, "send"),
            )

    def passed(self, what: Passed) -> None:
        """Make a span of each entry that went through the door, beneath that of its publishing."""
        producer = what.stream.removeprefix(INBOUND)
        since = to_micros(what.started) * _NS
        until = since + int(what.seconds * 1e9)
        for entry, fields in what.entries:
            named = entered(producer, fields)
            sent = SpanContext(
                int(trace_id(*named), 16),
                int(span_id(*named), 16),
                is_remote=True,
                trace_flags=self._flags(int(trace_id(*named), 16)),
            )
            span = self._tracer.start_span(
                f"process {what.stream}",
                context=trace.set_span_in_context(NonRecordingSpan(sent)),
                kind=SpanKind.CONSUMER,
                start_time=since,
                attributes={**_about(what.stream, "process"), "messaging.message.id": entry},
            )
            span.end(until)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def _flags(self, trace_: int) -> TraceFlags:
        """Say of a trace what its publisher said: both keep the same share, by its id alone."""
        kept = self._share.should_sample(None, trace_, "").decision is Decision.RECORD_AND_SAMPLE
        return TraceFlags(TraceFlags.SAMPLED if kept else TraceFlags.DEFAULT)


def to_endpoint(endpoint: str, service: str, *, share: float = 1.0) -> Tracing:
    """Send spans to an OTLP collector over HTTP: `endpoint` is the URL of its traces."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415  loads much
        OTLPSpanExporter,
    )

    return Tracing(OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_S), service, share=share)


class _Given(IdGenerator):
    """Gives the ids that were named before, and random ones where none were."""

    def __init__(self) -> None:
        """Have no ids named."""
        self._random = RandomIdGenerator()
        self._named = threading.local()

    def given(self, trace_: int, span: int) -> _Naming:
        """Name the ids of the span that this thread starts within the block."""
        return _Naming(self._named, trace_, span)

    def generate_trace_id(self) -> int:
        """Return the trace that was named."""
        return getattr(self._named, "trace", None) or self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        """Return the span that was named."""
        return getattr(self._named, "span", None) or self._random.generate_span_id()


class _Naming:
    def __init__(self, named: threading.local, trace_: int, span: int) -> None:
        self._named, self._ids = named, (trace_, span)

    def __enter__(self) -> None:
        self._named.trace, self._named.span = self._ids

    def __exit__(self, *_: object) -> None:
        self._named.trace = self._named.span = None


def _about(stream: str, operation: str) -> dict[str, str]:
    """Return what OpenTelemetry's messaging conventions ask for."""
    return {
        "messaging.system": SYSTEM,
        "messaging.destination.name": stream,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
