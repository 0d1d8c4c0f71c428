"""LangSmith feedback, asked for at its interface (`GET /api/v1/feedback`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from approvals.model import Assurance
from quarantine.errors import MalformedError
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


class _Source(Payload):
    type: str | None = None
    user_id: str | None = None


class _Feedback(Payload):
    id: str
    key: str
    created_at: str
    modified_at: str
    run_id: str | None = None
    trace_id: str | None = None
    score: bool | float | None = None
    value: bool | float | str | None = None
    comment: str | None = None
    feedback_source: _Source | None = None


def read(record: object, terms: Terms) -> Iterator[Found]:
    """Read one feedback: its score, or its value where it has no score."""
    feedback = _Feedback.model_validate(record)
    about = feedback.run_id or feedback.trace_id
    if about is None:
        raise MalformedError("no_subject", "it is about no run")
    origin = feedback.feedback_source or _Source()
    automated = origin.type in {"model", "auto_eval"}
    value = feedback.value if feedback.score is None else feedback.score
    kind, data = judged(value, terms.term(feedback.key), name=feedback.key, automated=automated)
    source, assurance = _who(feedback.key, origin, automated=automated)
    yield Said(
        native=feedback.id,
        version=in_utc(feedback.modified_at),
        source=source,
        subject=f"run/{about}",
        kind=kind,
        time=in_utc(feedback.created_at),
        data=with_text(data, feedback.comment),
        assurance=assurance,
        name=feedback.key,
    )


def _who(key: str, origin: _Source, *, automated: bool) -> tuple[str, Assurance]:
    if automated:
        return f"evaluator/{key}", Assurance.SELF_DECLARED
    if origin.user_id and origin.type == "app":
        return f"user/{origin.user_id}", Assurance.PLATFORM_USER
    if origin.user_id:
        return f"user/{origin.user_id}", Assurance.SELF_DECLARED
    return "unattributed", Assurance.NONE


def records(fetch: Fetch, place: Place) -> Iterator[object]:
    """Yield the feedback since a time, page by page (by offset)."""
    offset = 0
    asked = [
        ("limit", str(place.most)),
        ("min_created_at", place.since),
        *place.query.items(),
    ]
    while True:
        page = fetch(Ask("/api/v1/feedback", [*asked, ("offset", str(offset))]))
        if not isinstance(page, list):
            raise MalformedError("unreadable", "the answer is no list of feedback")
        yield from page
        if len(page) < place.most:
            return
        offset += len(page)


def headers(secret: str) -> Mapping[str, str]:
    """Return the header that carries the API key."""
    return {"X-API-Key": secret}


ADAPTER = Adapter("langsmith", "LangSmith feedback", read, poll=Poll(records, headers))
