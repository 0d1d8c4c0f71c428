"""Argilla responses, which its webhooks bring (Standard Webhooks, signed).

One response holds an answer to each question: each is one word of its user. A ranking of two
fields is a preference where `[fields] prompt` names the field that was asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from pydantic import Field

from approvals.model import Assurance
from quarantine.errors import MalformedError
from service.adapting.proofs import require_signature
from service.adapting.words import (
    Adapter,
    Aside,
    Found,
    Gone,
    Json,
    Payload,
    Said,
    Term,
    Terms,
    in_utc,
    judged,
)

SAID: Final = frozenset({"response.created", "response.updated"})
PAIR: Final = 2


class _Option(Payload):
    value: int | float | str


class _Settings(Payload):
    type: str
    options: tuple[_Option, ...] = ()


class _Question(Payload):
    name: str
    settings: _Settings


class _Dataset(Payload):
    name: str
    questions: tuple[_Question, ...] = ()


class _Record(Payload):
    id: str
    fields: dict[str, object] = Field(default_factory=dict)
    dataset: _Dataset


class _User(Payload):
    id: str


class _Answer(Payload):
    value: object = None


class _Response(Payload):
    id: str
    status: Literal["draft", "submitted", "discarded"]
    values: dict[str, _Answer] | None = None
    record: _Record
    user: _User
    updated_at: str


class _Named(Payload):
    id: str


class _Deleted(Payload):
    data: _Named


class _Call(Payload):
    type: str
    timestamp: str


class _Told(Payload):
    data: _Response


def read(record: object, terms: Terms) -> Iterator[Found]:
    """Read one call of a webhook."""
    call = _Call.model_validate(record)
    if call.type == "response.deleted":
        named = _Deleted.model_validate(record).data
        yield Gone(f"response/{named.id}", in_utc(call.timestamp), in_utc(call.timestamp))
    elif call.type in SAID:
        yield from _answers(_Told.model_validate(record).data, terms)
    else:
        yield Aside("no_feedback", f"{call.type[:64]} says nothing of an answer")


def _answers(response: _Response, terms: Terms) -> Iterator[Found]:
    if response.status != "submitted":
        yield Aside(response.status, f"response {response.id} was not submitted")
        return
    changed, said = in_utc(response.updated_at), response.values or {}
    but = frozenset(_native(response, name) for name in said)
    yield Gone(f"response/{response.id}", changed, changed, but=but)
    asked = {each.name: each.settings for each in response.record.dataset.questions}
    for name, answer in said.items():
        try:
            question = asked.get(name) or _Settings(type="unknown")
            kind, data = _judgement(name, answer.value, question, (response.record, terms))
        except MalformedError as error:
            yield Aside(error.reason, f"response {response.id}, {name[:64]}: {error.detail}")
            continue
        yield Said(
            native=_native(response, name),
            version=changed,
            source=f"user/{response.user.id}",
            subject=f"record/{response.record.id}",
            kind=kind,
            time=changed,
            data=data,
            assurance=Assurance.PLATFORM_USER,
            name=name,
        )


def _native(response: _Response, name: str) -> str:
    return f"response/{response.id}/{name}"


def _judgement(
    name: str, value: object, asked: _Settings, about: tuple[_Record, Terms]
) -> tuple[str, Json]:
    options = [option.value for option in asked.options]
    if asked.type == "rating":
        numbers = [each for each in options if not isinstance(each, str)]
        if len(numbers) < PAIR:
            raise MalformedError("no_scale", "the question has no scale")
        return judged(value, Term(min(numbers), max(numbers)), name=name, automated=False)
    if asked.type == "label_selection":
        labels = tuple(str(each) for each in options)
        return judged(value, Term(labels=labels), name=name, automated=False)
    if asked.type == "ranking":
        return "preference", _preferred(value, options, *about)
    raise MalformedError("no_kind", f"a question of type {asked.type[:64]!r} is no judgement")


def _preferred(
    ranking: object, options: Sequence[int | float | str], record: _Record, terms: Terms
) -> Json:
    prompt = record.fields.get(terms.fields.get("prompt", ""))
    ranks = _ranks(ranking)
    if len(ranks) != PAIR or len(set(ranks.values())) != PAIR:
        raise MalformedError("no_kind", "only a ranking of two, without a tie, is a preference")
    better, worse = sorted(ranks, key=ranks.__getitem__)
    texts = [record.fields.get(name) for name in (better, worse)]
    if not all(isinstance(text, str) for text in (prompt, *texts)):
        raise MalformedError("no_texts", "say in [fields] prompt which field was asked about")
    shown = [record.fields[str(name)] for name in options if str(name) in ranks]
    return {"prompt": prompt, "chosen": texts[0], "rejected": texts[1], "shown": shown}


def _ranks(ranking: object) -> Mapping[str, int]:
    if not isinstance(ranking, list):
        raise MalformedError("unreadable", "a ranking is a list")
    found: dict[str, int] = {}
    for each in ranking:
        if not isinstance(each, dict) or not isinstance(each.get("rank"), int):
            raise MalformedError("unreadable", "a ranking holds values with their ranks")
        found[str(each.get("value"))] = each["rank"]
    return found


ADAPTER = Adapter("argilla", "Argilla responses", read, authentic=require_signature)
