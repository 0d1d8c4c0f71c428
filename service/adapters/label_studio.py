"""Label Studio annotations, which its webhooks bring.

Label Studio signs nothing: give its webhook a header `X-Quarantine-Secret` with a secret of yours.
Whoever sends it an annotation may write anybody into `completed_by`, and a later change by somebody
else leaves that as it was; `updated_by` is the login that asked, so that is the source.
A pairwise choice becomes a preference where `[fields]` says which fields of the task's data are
`prompt`, `left` and `right`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import Field

from approvals.model import Assurance
from quarantine.errors import MalformedError
from quarantine.record import spell_time
from service.adapting.paths import at_path
from service.adapting.proofs import require_secret
from service.adapting.words import (
    Adapter,
    Aside,
    Found,
    Gone,
    Json,
    Payload,
    Said,
    Terms,
    in_utc,
    judged,
)

MADE = frozenset({"ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED"})
DELETED = "ANNOTATIONS_DELETED"
JUDGEMENTS = frozenset({"choices", "rating", "number"})
"""Types of regions whose value stands under their own name."""


class _Region(Payload):
    from_name: str
    type: str
    value: dict[str, object] = Field(default_factory=dict)


class _Person(Payload):
    id: int


class _Annotation(Payload):
    id: int
    result: tuple[_Region, ...] = ()
    task: int | None = None
    completed_by: int | _Person | None = None
    updated_by: int | _Person | None = None
    was_cancelled: bool = False
    created_at: str = ""
    updated_at: str = ""
    lead_time: float | None = None


class _Task(Payload):
    id: int
    data: dict[str, object] = Field(default_factory=dict)


class _Named(Payload):
    id: int


class _Action(Payload):
    action: str


class _Call(Payload):
    annotation: _Annotation | None = None
    annotations: tuple[_Annotation, ...] = ()
    task: _Task | None = None


class _Deleted(Payload):
    annotation: _Named | None = None
    annotations: tuple[_Named, ...] = ()


def read(record: object, terms: Terms) -> Iterator[Found]:
    """Read one call of a webhook: each region of each annotation is one word of its annotator."""
    action = _Action.model_validate(record).action
    if action == DELETED:
        gone = _Deleted.model_validate(record)
        for named in [*gone.annotations, *([gone.annotation] if gone.annotation else [])]:
            yield Gone(f"annotation/{named.id}", "deleted", "")
    elif action in MADE:
        call = _Call.model_validate(record)
        made = [*call.annotations, *([call.annotation] if call.annotation else [])]
        for annotation in made:
            yield from _regions(annotation, call.task, terms)
    else:
        yield Aside("no_feedback", f"{action[:64]} says nothing of an answer")


def _regions(annotation: _Annotation, task: _Task | None, terms: Terms) -> Iterator[Found]:
    if annotation.was_cancelled:
        yield Aside("cancelled", f"annotation {annotation.id} was skipped by its annotator")
        return
    about = task.id if task else annotation.task
    who = _who(annotation)
    if about is None or who is None:
        yield Aside("unreadable", f"annotation {annotation.id} names no task or no annotator")
        return
    said = frozenset(_native(annotation, region) for region in annotation.result)
    changed = in_utc(annotation.updated_at or annotation.created_at)
    yield Gone(f"annotation/{annotation.id}", changed, changed, but=said)
    for region in annotation.result:
        try:
            kind, data = _judgement(region, task, terms)
        except MalformedError as error:
            yield Aside(error.reason, f"annotation {annotation.id}: {error.detail}")
            continue
        yield Said(
            native=_native(annotation, region),
            version=changed,
            source=f"user/{who.id}",
            subject=f"task/{about}",
            kind=kind,
            time=changed,
            data={**data, **_shown_at(annotation)},
            assurance=who.assurance,
            name=region.from_name,
        )


def _native(annotation: _Annotation, region: _Region) -> str:
    return f"annotation/{annotation.id}/{region.from_name}"


class _Author(NamedTuple):
    id: int
    assurance: Assurance


def _who(annotation: _Annotation) -> _Author | None:
    """Return whose word it is: the login that sent it, else whoever it says completed it."""
    asked, named = _id(annotation.updated_by), _id(annotation.completed_by)
    if asked is not None:
        return _Author(asked, Assurance.PLATFORM_USER)
    return None if named is None else _Author(named, Assurance.SELF_DECLARED)


def _id(person: int | _Person | None) -> int | None:
    return person.id if isinstance(person, _Person) else person


def _shown_at(annotation: _Annotation) -> Json:
    """Say when the task was opened: annotators who take no time are worth knowing."""
    if _id(annotation.updated_by) not in {None, _id(annotation.completed_by)}:
        return {}  # it is the time that somebody else took
    if annotation.lead_time is None or annotation.lead_time < 0 or not annotation.created_at:
        return {}
    ended = datetime.fromisoformat(in_utc(annotation.created_at))
    try:
        return {"shown_at": spell_time(ended - timedelta(seconds=annotation.lead_time))}
    except OverflowError:
        return {}


def _judgement(region: _Region, task: _Task | None, terms: Terms) -> tuple[str, Json]:
    if region.type == "pairwise":
        return "preference", _preferred(region, task, terms)
    if region.type not in JUDGEMENTS:
        raise MalformedError("no_kind", f"a region of type {region.type[:64]!r} is no judgement")
    value = region.value.get(region.type)
    if region.type == "choices":
        value = _only(value)
    term = terms.term(region.from_name)
    return judged(value, term, name=region.from_name, automated=False)


def _only(choices: object) -> object:
    if not isinstance(choices, list) or len(choices) != 1:
        raise MalformedError("no_kind", "several choices at once are no label")
    return choices[0]


def _preferred(region: _Region, task: _Task | None, terms: Terms) -> Json:
    """Return a preference, its options in the order in which they were shown."""
    sides = ("left", "right")
    chosen = region.value.get("selected")
    if task is None or chosen not in sides or not {"prompt", *sides} <= terms.fields.keys():
        raise MalformedError("no_texts", "say prompt, left and right of the task in [fields]")
    texts = {name: at_path(task.data, terms.fields[name]) for name in ("prompt", *sides)}
    if not all(isinstance(text, str) for text in texts.values()):
        raise MalformedError("no_texts", "prompt, left or right is no text in this task")
    other = sides[1 - sides.index(str(chosen))]
    return {
        "prompt": texts["prompt"],
        "chosen": texts[str(chosen)],
        "rejected": texts[other],
        "shown": [texts[side] for side in sides],
    }


ADAPTER = Adapter("label_studio", "Label Studio annotations", read, authentic=require_secret)
