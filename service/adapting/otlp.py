"""Log records as OpenTelemetry sends them over HTTP (OTLP 1): in protobuf, or in JSON.

The SDKs' exporters and the collector send protobuf where nobody asked for JSON.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import cast

from quarantine.errors import MalformedError
from service.adapting.words import Json, json_of

_IDS = ("traceId", "spanId")


def export_of(body: bytes) -> object:
    """Return one export of logs in the form that OTLP has in JSON; raises `MalformedError`.

    JSON is tried first: no export of log records in protobuf is JSON as well. What is neither gets
    the reason that the JSON had.
    """
    try:
        return json_of(body)
    except MalformedError as no_json:
        found = _from_protobuf(body)
        if found is None:
            raise no_json from None
        return found


def _from_protobuf(body: bytes) -> Json | None:
    """Return what an `ExportLogsServiceRequest` says, nothing where the bytes are none."""
    try:
        from google.protobuf.json_format import (  # type: ignore[import-untyped] # noqa: PLC0415
            MessageToDict,
        )
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # noqa: PLC0415
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
            ExportLogsServiceRequest,
        )
    except ImportError:
        raise MalformedError(
            "no_protobuf", "OTLP in protobuf needs: pip install 'feedback-quarantine[otel]'"
        ) from None
    try:
        found = cast("Json", MessageToDict(ExportLogsServiceRequest.FromString(body)))
    except DecodeError:
        return None
    for record in _records(found):
        record.update({name: _hex(record[name]) for name in _IDS if name in record})
    return found


def _records(export: Json) -> Iterator[Json]:
    """Yield the log records; protobuf has seen to their shape."""
    for logs in cast("list[Json]", export.get("resourceLogs", [])):
        for scope in cast("list[Json]", logs.get("scopeLogs", [])):
            yield from cast("list[Json]", scope.get("logRecords", []))


def _hex(spelled: object) -> str:
    """Spell an id as OTLP does in JSON, which is not how protobuf's own JSON does."""
    return base64.b64decode(str(spelled)).hex()
