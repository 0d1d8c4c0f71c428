"""OpenTelemetry events `gen_ai.evaluation.result`, as OTLP, which an SDK or a collector sends.

The convention is in development and names no evaluator: who sent it is what the resource says of
itself, and nobody is surer than self-declared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import ValidationError

from approvals.model import Assurance
from quarantine.errors import MalformedError
from quarantine.model import from_micros
from quarantine.record import spell_time
from service.adapting.otlp import export_of
from service.adapting.proofs import require_bearer
from service.adapting.words import (
    Adapter,
    Aside,
    Camel,
    Found,
    Said,
    Terms,
    bytes_of,
    judged,
    misshapen,
    with_text,
)

EVENT: Final = "gen_ai.evaluation.result"
_PREFIX: Final = "gen_ai.evaluation."


class _Value(Camel):
    string_value: str | None = None
    double_value: float | None = None
    int_value: int | str | None = None
    bool_value: bool | None = None


class _Attribute(Camel):
    key: str
    value: _Value = _Value()


class _Log(Camel):
    event_name: str = ""
    time_unix_nano: int | str = 0
    observed_time_unix_nano: int | str = 0
    trace_id: str = ""
    span_id: str = ""
    attributes: tuple[_Attribute, ...] = ()


class _Scope(Camel):
    log_records: tuple[object, ...] = ()


class _Resource(Camel):
    attributes: tuple[_Attribute, ...] = ()


class _Logs(Camel):
    resource: _Resource = _Resource()
    scope_logs: tuple[_Scope, ...] = ()


class _Export(Camel):
    resource_logs: list[_Logs]


def read(record: object, terms: Terms) -> Iterator[Found]:
    """Read one export: each evaluation in it is one signal, or a label where it has no score."""
    for logs in _Export.model_validate(record).resource_logs:
        service = _named(logs.resource.attributes).get("service.name")
        for log in (log for scope in logs.scope_logs for log in scope.log_records):
            yield _heard(log, str(service or ""), terms)


def _heard(record: object, service: str, terms: Terms) -> Found:
    """Return what one log record says; one that is spoilt spoils no other of its export."""
    try:
        log = _Log.model_validate(record)
        if log.event_name != EVENT:
            return Aside("no_feedback", f"{log.event_name[:64]!r} is no evaluation")
        return _evaluation(log, service, terms)
    except ValidationError as error:
        return misshapen(error)
    except MalformedError as error:
        return Aside(error.reason, error.detail)


def _evaluation(log: _Log, service: str, terms: Terms) -> Said:
    told = _named(log.attributes)
    name = str(told.get(f"{_PREFIX}name") or "")
    about = told.get("gen_ai.response.id") or "/".join(filter(None, (log.trace_id, log.span_id)))
    if not name or not about:
        raise MalformedError("unreadable", "an evaluation names itself and what it is about")
    value = told.get(f"{_PREFIX}score.value")
    if value is None:
        value = told.get(f"{_PREFIX}score.label")
    kind, data = judged(value, terms.term(name), name=name, automated=True)
    explained = told.get(f"{_PREFIX}explanation")
    nanos = _nanos(log)
    spelled = bytes_of([log.model_dump(), service])
    return Said(
        native=hashlib.sha256(spelled).hexdigest()[:32],
        version=str(nanos),
        source=f"evaluator/{service}/{name}" if service else "unattributed",
        subject=f"response/{about}",
        kind=kind,
        time=spell_time(from_micros(nanos // 1000)),
        data=with_text(data, str(explained) if explained else None),
        assurance=Assurance.SELF_DECLARED if service else Assurance.NONE,
        name=name,
    )


def _nanos(log: _Log) -> int:
    """Return when it was, in ns since 1970; OTLP spells such numbers as texts."""
    spelled = str(log.time_unix_nano or log.observed_time_unix_nano)
    if not (spelled.isascii() and spelled.isdecimal() and 0 < int(spelled) < 2**63):
        raise MalformedError("bad_time", "an evaluation says when it was")
    return int(spelled)


def _named(attributes: Sequence[_Attribute]) -> dict[str, object]:
    return {each.key: _plain(each.value) for each in attributes}


def _plain(value: _Value) -> object:
    if isinstance(value.int_value, str):
        return int(value.int_value) if value.int_value.lstrip("-").isdecimal() else None
    said = (value.string_value, value.double_value, value.int_value, value.bool_value)
    return next((each for each in said if each is not None), None)


ADAPTER = Adapter(
    "otel", "OpenTelemetry evaluations", read, authentic=require_bearer, opened=export_of
)
