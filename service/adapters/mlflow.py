"""MLflow assessments of traces, asked for at its REST interface (`/api/3.0/mlflow/traces/search`).

MLflow has no webhook for assessments. `[query] experiment` names the experiment by its id. Whoever
logs an assessment also says who it is from, so nobody is surer than self-declared. MLflow lists by
when a trace began; `[query] questions` names feedback (commas between) whose traces are listed
whatever their age.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from approvals.model import Assurance
from quarantine.errors import MalformedError, UsageError
from quarantine.model import to_micros
from service.adapting.words import (
    Adapter,
    Aside,
    Ask,
    Fetch,
    Found,
    Json,
    Payload,
    Place,
    Poll,
    Said,
    Terms,
    in_utc,
    judged,
    with_text,
)

CUT = "..."
"""How MLflow ends a preview that it has cut."""


class _Source(Payload):
    source_type: Literal["HUMAN", "LLM_JUDGE", "CODE", "AI_JUDGE", "SOURCE_TYPE_UNSPECIFIED"]
    source_id: str = "default"


class _Value(Payload):
    value: bool | float | str | None = None


class _Assessment(Payload):
    assessment_id: str
    assessment_name: str
    source: _Source
    create_time: str
    last_update_time: str
    feedback: _Value | None = None
    expectation: _Value | None = None
    rationale: str | None = None
    overrides: str | None = None
    valid: bool = True


class _Trace(Payload):
    trace_id: str
    assessments: tuple[_Assessment, ...] = ()
    request_preview: str = ""
    response_preview: str = ""


class _Page(Payload):
    traces: tuple[object, ...] = ()
    next_page_token: str | None = None


def read(record: object, terms: Terms) -> Iterator[Found]:
    """Read all assessments of one trace; one that another overrides is a state of the same word."""
    trace = _Trace.model_validate(record)
    first = _origins(trace.assessments)
    for each in trace.assessments:
        try:
            kind, data = _judgement(trace, each, terms)
        except MalformedError as error:
            yield Aside(error.reason, f"{each.assessment_id}: {error.detail}")
            continue
        yield Said(
            native=first[each.assessment_id],
            version=in_utc(each.last_update_time),
            source=f"{each.source.source_type.lower()}/{each.source.source_id}",
            subject=f"trace/{trace.trace_id}",
            kind=kind,
            time=in_utc(each.create_time),
            data=with_text(data, each.rationale),
            assurance=Assurance.SELF_DECLARED,
            name=each.assessment_name,
        )


def _origins(assessments: Sequence[_Assessment]) -> dict[str, str]:
    """Return, for each assessment, the first one of the chain in which it overrides another."""
    before = {each.assessment_id: each.overrides for each in assessments}
    found = {}
    for id_ in before:
        first, seen = id_, {id_}
        while (older := before.get(first)) and older not in seen:
            first = older
            seen.add(first)
        found[id_] = first
    return found


def _judgement(trace: _Trace, each: _Assessment, terms: Terms) -> tuple[str, Json]:
    if each.expectation is not None:
        return "correction", _corrected(trace, each.expectation.value)
    value = each.feedback.value if each.feedback else None
    return judged(
        value,
        terms.term(each.assessment_name),
        name=each.assessment_name,
        automated=each.source.source_type != "HUMAN",
    )


def _corrected(trace: _Trace, expected: object) -> Json:
    prompt, completion = trace.request_preview, trace.response_preview
    if not (isinstance(expected, str) and prompt and completion):
        raise MalformedError("no_kind", "an expectation of a text needs the trace's both ends")
    if prompt.endswith(CUT) or completion.endswith(CUT):
        raise MalformedError("cut", "MLflow keeps only the beginning of this prompt or answer")
    return {"prompt": prompt, "completion": completion, "corrected": expected}


def records(fetch: Fetch, place: Place) -> Iterator[object]:
    """Yield the traces of an experiment since a time, each with its assessments.

    Of those from before, the ones that have an answer to one of the questions that are named.
    """
    experiment = place.query.get("experiment")
    if not experiment:
        raise UsageError("say which experiment, by its id: [query] experiment = …")
    millis = to_micros(datetime.fromisoformat(place.since)) // 1000
    yield from _traces(fetch, experiment, f"attributes.timestamp_ms >= {millis}", place.most)
    for question in _questions(place) if millis else ():
        asked = f"attributes.timestamp_ms < {millis} AND feedback.`{question}` IS NOT NULL"
        yield from _traces(fetch, experiment, asked, place.most)


def _questions(place: Place) -> list[str]:
    named = [each.strip() for each in place.query.get("questions", "").split(",")]
    if any("`" in each for each in named):
        raise UsageError("[query] questions: a name with ` cannot be asked for")
    return [each for each in named if each]


def _traces(fetch: Fetch, experiment: str, asked: str, most: int) -> Iterator[object]:
    sent: Json = {
        "locations": [
            {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
        ],
        "filter": asked,
        "max_results": most,
    }
    token: str | None = ""
    while token is not None:
        more: Json = {"page_token": token} if token else {}
        answer = fetch(Ask("/api/3.0/mlflow/traces/search", sent={**sent, **more}))
        page = _Page.model_validate(answer)
        yield from page.traces
        token = page.next_page_token or None


def headers(secret: str) -> Mapping[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {secret}"}


ADAPTER = Adapter("mlflow", "MLflow assessments", read, poll=Poll(records, headers))
