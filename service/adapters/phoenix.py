"""Phoenix annotations of spans, asked for at its interface (`/v1/projects/…/span_annotations`).

`[query] project` names the project. Phoenix lists annotations by span, so its spans come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import quote

from approvals.model import Assurance
from quarantine.errors import UsageError
from service.adapting.words import (
    Adapter,
    Ask,
    Fetch,
    Found,
    Payload,
    Place,
    Poll,
    Said,
    Terms,
    in_utc,
    judged,
    with_text,
)


class _Result(Payload):
    label: str | None = None
    score: float | None = None
    explanation: str | None = None


class _Annotation(Payload):
    id: str
    name: str
    annotator_kind: Literal["LLM", "CODE", "HUMAN"]
    span_id: str
    created_at: str
    updated_at: str
    result: _Result | None = None
    source: Literal["API", "APP"] = "API"
    user_id: str | None = None


class _Context(Payload):
    span_id: str


class _Span(Payload):
    context: _Context


class _Spans(Payload):
    data: list[_Span]
    next_cursor: str | None = None


class _Annotations(Payload):
    data: list[object]
    next_cursor: str | None = None


def read(record: object, terms: Terms) -> Iterator[Found]:
    """Read one annotation: its score, or its label where it has no score."""
    note = _Annotation.model_validate(record)
    result = note.result or _Result()
    automated = note.annotator_kind != "HUMAN"
    value = result.label if result.score is None else result.score
    kind, data = judged(value, terms.term(note.name), name=note.name, automated=automated)
    source, assurance = _who(note, automated=automated)
    yield Said(
        native=note.id,
        version=in_utc(note.updated_at),
        source=source,
        subject=f"span/{note.span_id}",
        kind=kind,
        time=in_utc(note.created_at),
        data=with_text(data, result.explanation),
        assurance=assurance,
        name=note.name,
    )


def _who(note: _Annotation, *, automated: bool) -> tuple[str, Assurance]:
    if automated:
        return f"evaluator/{note.name}", Assurance.SELF_DECLARED
    if note.user_id is None:
        return "unattributed", Assurance.NONE
    sure = note.source == "APP"
    return f"user/{note.user_id}", Assurance.PLATFORM_USER if sure else Assurance.SELF_DECLARED


def records(fetch: Fetch, place: Place) -> Iterator[object]:
    """Yield the annotations of all spans that began since a time."""
    project = place.query.get("project")
    if not project:
        raise UsageError("say which project: [query] project = …")
    root = f"/v1/projects/{quote(project, safe='')}"
    for spans in _spans(fetch, root, place):
        cursor: str | None = ""
        while spans and cursor is not None:
            asked = [("span_ids", each) for each in spans] + [("limit", str(place.most))]
            more = [("cursor", cursor)] if cursor else []
            answer = fetch(Ask(f"{root}/span_annotations", [*asked, *more]))
            page = _Annotations.model_validate(answer)
            yield from page.data
            cursor = page.next_cursor


def _spans(fetch: Fetch, root: str, place: Place) -> Iterator[list[str]]:
    asked = [("start_time", place.since), ("limit", str(place.most))]
    cursor: str | None = ""
    while cursor is not None:
        more = [("cursor", cursor)] if cursor else []
        page = _Spans.model_validate(fetch(Ask(f"{root}/spans", [*asked, *more])))
        yield [span.context.span_id for span in page.data]
        cursor = page.next_cursor


def headers(secret: str) -> Mapping[str, str]:
    """Return the header that carries the API key."""
    return {"Authorization": f"Bearer {secret}"}


ADAPTER = Adapter("phoenix", "Phoenix annotations", read, poll=Poll(records, headers))
