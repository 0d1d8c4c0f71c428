"""Langfuse scores, asked for at its public interface (`GET /api/public/v3/scores`).

Langfuse has no webhook for scores. An annotation names the person who made it; a score that came
through the interface names nobody, and an evaluator is named by its score alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Literal

from approvals.model import Assurance
from quarantine.errors import MalformedError
from service.adapting.words import (
    Adapter,
    Ask,
    Camel,
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


class _Subject(Payload):
    kind: str
    id: str


class _Score(Camel):
    id: str
    name: str
    value: bool | float | str
    data_type: Literal["NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT", "CORRECTION"]
    source: Literal["ANNOTATION", "API", "EVAL"]
    timestamp: str
    updated_at: str
    subject: _Subject
    comment: str | None = None
    author_user_id: str | None = None


class _Meta(Payload):
    cursor: str | None = None


class _Page(Payload):
    data: list[object]
    meta: _Meta


def read(record: object, terms: Terms) -> Iterator[Found]:
    """Read one score."""
    score = _Score.model_validate(record)
    if score.data_type in {"TEXT", "CORRECTION"}:
        raise MalformedError("no_kind", f"a {score.data_type} holds no prompt and no completion")
    source, assurance = _who(score)
    automated = score.source == "EVAL"
    kind, data = judged(score.value, terms.term(score.name), name=score.name, automated=automated)
    yield Said(
        native=score.id,
        version=in_utc(score.updated_at),
        source=source,
        subject=f"{score.subject.kind}/{score.subject.id}",
        kind=kind,
        time=in_utc(score.timestamp),
        data=with_text(data, score.comment),
        assurance=assurance,
        name=score.name,
    )


def _who(score: _Score) -> tuple[str, Assurance]:
    if score.source == "ANNOTATION" and score.author_user_id:
        return f"user/{score.author_user_id}", Assurance.PLATFORM_USER
    if score.source == "EVAL":
        return f"evaluator/{score.name}", Assurance.SELF_DECLARED
    return "unattributed", Assurance.NONE


def records(fetch: Fetch, place: Place) -> Iterator[object]:
    """Yield the scores since a time, page by page."""
    asked = [
        ("fields", "details,subject,annotation"),
        ("limit", str(place.most)),
        ("fromTimestamp", place.since),
        *place.query.items(),
    ]
    cursor: str | None = ""
    while cursor is not None:
        more = [("cursor", cursor)] if cursor else []
        page = _Page.model_validate(fetch(Ask("/api/public/v3/scores", [*asked, *more])))
        yield from page.data
        cursor = page.meta.cursor


def headers(secret: str) -> Mapping[str, str]:
    """Return basic authentication: the secret is `PUBLIC_KEY:SECRET_KEY`."""
    return {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}


ADAPTER = Adapter("langfuse", "Langfuse scores", read, poll=Poll(records, headers))
