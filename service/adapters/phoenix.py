"""Phoenix annotations of spans, asked for at its interface (`/v1/projects/…/span_annotations`).

`[query] project` names the project. Phoenix lists annotations by span, so its spans come first.
What people say in its app carries their user's id, by which it is listed whatever the span's age,
newest first: `[query] annotators` names them (ids of users with commas between, or `all`, which
takes an administrator's key).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal
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

APP: Final = "px-app:"
"""How Phoenix's app begins the identifier of an annotation; the id of its user follows."""
EVERYBODY: Final = "all"


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


class _Annotations(Payload):
    data: list[object]


class _Paged(Payload):
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


class _User(Payload):
    id: str


class _Users(Payload):
    data: list[_User]


class _Made(Payload):
    created_at: str


def records(fetch: Fetch, place: Place) -> Iterator[object]:
    """Yield the annotations of all spans that began since a time, and of annotators since then."""
    project = place.query.get("project")
    if not project:
        raise UsageError("say which project: [query] project = …")
    root = f"/v1/projects/{quote(project, safe='')}"
    for spans in _spans(fetch, root, place):
        if spans:
            which = [("span_ids", each) for each in spans]
            yield from _annotations(fetch, root, which, place)
    for annotator in _annotators(fetch, place):
        yield from _newest(
            _annotations(fetch, root, [("identifier", APP + annotator)], place), place
        )


def _newest(notes: Iterator[object], place: Place) -> Iterator[object]:
    """Yield annotations that come newest first, as far back as a time."""
    for note in notes:
        if in_utc(_Made.model_validate(note).created_at) < place.since:
            return
        yield note


def _annotations(
    fetch: Fetch, root: str, which: Sequence[tuple[str, str]], place: Place
) -> Iterator[object]:
    for answer in _pages(fetch, f"{root}/span_annotations", [*which, ("limit", str(place.most))]):
        yield from _Annotations.model_validate(answer).data


def _spans(fetch: Fetch, root: str, place: Place) -> Iterator[list[str]]:
    asked = [("start_time", place.since), ("limit", str(place.most))]
    for answer in _pages(fetch, f"{root}/spans", asked):
        yield [span.context.span_id for span in _Spans.model_validate(answer).data]


def _annotators(fetch: Fetch, place: Place) -> Iterator[str]:
    named = place.query.get("annotators", "")
    if named.strip() != EVERYBODY:
        yield from named.replace(",", " ").split()
        return
    for answer in _pages(fetch, "/v1/users", [("limit", str(place.most))]):
        yield from (user.id for user in _Users.model_validate(answer).data)


def _pages(fetch: Fetch, path: str, asked: Sequence[tuple[str, str]]) -> Iterator[object]:
    cursor: str | None = ""
    while cursor is not None:
        more = [("cursor", cursor)] if cursor else []
        answer = fetch(Ask(path, [*asked, *more]))
        yield answer
        cursor = _Paged.model_validate(answer).next_cursor


def headers(secret: str) -> Mapping[str, str]:
    """Return the header that carries the API key."""
    return {"Authorization": f"Bearer {secret}"}


ADAPTER = Adapter("phoenix", "Phoenix annotations", read, poll=Poll(records, headers))
