"""Write what operators and other languages read: metrics, settings, the bus's messages.

`python docs/reference/operating.py` writes them again; a test compares them with what stands here.
The messages are AsyncAPI 3.0 with schemas of JSON Schema 2020-12, made from what reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import yaml

from approvals.acts import ACTS
from quarantine.arrivals import REASONS
from quarantine.envelope import CloudEvent, kinds
from quarantine.model import INBOUND, PRODUCER_NAME
from service.bus import DEAD, NOTICES
from service.options import PREFIX, Options
from service.slices import MOST
from service.telling import TOLD
from service.vouching import LARGEST_BATCH
from service.watch.catalogue import ABSENT, CATALOGUE

HERE: Final = Path(__file__).parent
AGAIN: Final = "Written by `python docs/reference/operating.py`; changes belong in the code."
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ALERTS: Final = HERE.parents[1] / "examples" / "deploy" / "alerts.yml"
EVENTS: Final = "events.schema.json"

Json = dict[str, Any]  # the documents are read by others, and any JSON


def pages() -> dict[str, str]:
    """Return every generated page by its file name."""
    return {
        "metrics.md": metrics(),
        "settings.md": settings(),
        "alerts.md": alerts(),
        EVENTS: _spelled(events()),
        "asyncapi.json": _spelled(asyncapi()),
    }


def metrics() -> str:
    """Return the page of every metric."""
    rows = [
        (f"`{m.name}`", m.form.value, ", ".join(f"`{n}`" for n in m.labels), m.help, m.by.value)
        for m in CATALOGUE
    ]
    return _page(
        "# Metrics",
        AGAIN,
        "Answered at `/metrics` by the process of `up --http HOST:PORT`, in Prometheus's "
        "text format or OpenMetrics. What was not "
        "measured is left out and never shown as 0. Figures of the log and the store are "
        "counted from what is kept, so they are the "
        "same from every process and after every restart; add them up over machines with "
        "`max`, not `sum`. No label has a value that "
        "a stranger can make up.",
        _table(("name", "form", "labels", "what", "measured by"), rows),
        "## Names that are not there",
        _table(("name", "why"), [(f"`{name}`", why) for name, why in ABSENT.items()]),
    )


def alerts() -> str:
    """Return the page of every alert."""
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
    rows = [
        (
            f"[{rule['alert']}](../../{rule['annotations']['runbook']})",
            f"`{' '.join(rule['expr'].split())}`",
            rule.get("for", ""),
            rule["labels"]["severity"],
        )
        for rule in rules
    ]
    return _page(
        "# Alerts",
        AGAIN,
        "Of `examples/deploy/alerts.yml`; each name leads to what it means and what to do. `page` "
        "wakes somebody, `ticket` waits for the morning.",
        _table(("alert", "when", "for", "severity"), rows),
    )


def settings() -> str:
    """Return the page of every setting."""
    rows = [
        (
            f"`{PREFIX}{name.upper()}`",
            f"`{name}`",
            field.description or "",
            "" if field.default in (None, ()) else f"`{json.dumps(field.default)}`",
        )
        for name, field in Options.model_fields.items()
    ]
    return _page(
        "# Settings",
        AGAIN,
        "From the environment, else from `settings.toml` in the state directory; an option "
        "of the command wins over both. All are read and "
        "checked when a command or a process starts: a name that does not exist, or a value "
        "that cannot be, ends it with code 2 and "
        "a sentence that names the mend. Besides, `QUARANTINE_STATE` is the state directory "
        "and `QUARANTINE_BUS` is `--bus`.",
        _table(("variable", "in the file", "what", "where it is left out"), rows),
    )


def events() -> Json:
    """Return the schema of one event, of any kind."""
    shapes = {kind.name: _event(kind.event_type, kind.data) for kind in kinds().values()}
    return {
        "$schema": DIALECT,
        "title": "Feedback event",
        "description": "One element of `batch`: a CloudEvent 1.0 with the data of one kind. "
        "Besides what a schema can say, an event has "
        "at most 64 KiB, no key twice, no NaN or infinity, no number beyond 64 bits, no lone "
        "surrogate, at most 32 levels; a value lies "
        "on its scale, a label among its labels, options differ, and its time is at most 5 "
        "minutes ahead.",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in shapes],
        "$defs": shapes,
    }


def asyncapi() -> Json:
    """Return the AsyncAPI document of the bus."""
    notices = {name: _notice(name, kinds_) for name, kinds_ in _by_notice().items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Feedback quarantine: the bus",
            "version": version("feedback-quarantine"),
            "description": "Redis Streams. Producers write signed batches, each to its own "
            "stream; nothing ever answers them.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "inbound": {
                "address": f"{INBOUND}{{producer}}",
                "description": "One stream a producer, who may add to it and nothing else. "
                "Feedback may also come over HTTP: see docs.",
                "parameters": {
                    "producer": {"description": f"Its registered name: {PRODUCER_NAME.pattern}"}
                },
                "messages": {"batch": {"$ref": "#/components/messages/batch"}},
            },
            "notices": {
                "address": NOTICES,
                "description": "What the log came to hold, at least once and in its order; "
                "producers cannot read it.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in notices},
            },
            "dead": {
                "address": DEAD,
                "description": "A copy of dead letters, at least once; the store's table is "
                "the truth.",
                "messages": {"letter": {"$ref": "#/components/messages/letter"}},
            },
        },
        "operations": {
            "takeIn": _operation(
                "receive", "inbound", "The service takes in what producers publish."
            ),
            "tell": _operation("send", "notices", "The service tells what changed."),
            "putAside": _operation(
                "send", "dead", "The service copies what could not be taken in."
            ),
        },
        "components": {"messages": {"batch": _batch(), **notices, "letter": _letter()}},
    }


def _event(type_: str, data: Any) -> Json:
    shape = _without_titles(CloudEvent.model_json_schema())
    shape["properties"]["type"] = {"const": type_}
    shape["properties"]["time"] |= {"format": "date-time"}
    shape["properties"]["data"] = _without_titles(data.model_json_schema())
    shape["title"] = type_
    return dict(shape)


def _batch() -> Json:
    text: Json = {"type": "string"}
    return {
        "name": "batch",
        "title": "A signed batch",
        "summary": "The fields of one stream entry, all of them and no other.",
        "description": "`sig` is over the exact bytes `feedback-batch/v1\\n` + producer + "
        "`\\n` + seq + `\\n` + batch, with Ed25519 or "
        "HMAC-SHA256.",
        "payload": {
            "type": "object",
            "additionalProperties": False,
            "required": ["batch", "seq", "key", "sig"],
            "properties": {
                "batch": text
                | {
                    "description": f"A JSON array of 1 to {MOST} events, UTF-8, at most "
                    f"{LARGEST_BATCH} bytes.",
                    "contentMediaType": "application/cloudevents-batch+json",
                    "contentSchema": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": MOST,
                        "items": {"$ref": f"./{EVENTS}"},
                    },
                },
                "seq": text
                | {
                    "pattern": "^[1-9][0-9]{0,18}$",
                    "description": "The producer's own counter: +1.",
                },
                "key": text | {"description": "The id of the signing key."},
                "sig": text
                | {"contentEncoding": "base64", "description": "The signature, padded."},
            },
        },
    }


def _by_notice() -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for act, name in TOLD.items():
        found.setdefault(name, []).append(act)
    return found


def _notice(name: str, acts: Iterable[str]) -> Json:
    said = [_without_titles(ACTS[act].model_json_schema(mode="serialization")) for act in acts]
    plain: Json = {"type": "string"}
    attributes = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype")
    properties = dict.fromkeys(attributes, plain)
    properties |= {
        "type": {"const": f"feedback.notice.{name}.v1"},
        "source": {"const": "quarantine"},
    }
    return {
        "name": name,
        "summary": " ".join((ACTS[act].__doc__ or "").partition("\n")[0] for act in acts),
        "description": "The field `event` of the entry: a CloudEvent 1.0 in JSON. Its id "
        "follows from its content.",
        "payload": {
            "type": "object",
            "required": [*attributes, "data"],
            "properties": {**properties, "data": said[0] if len(said) == 1 else {"anyOf": said}},
        },
    }


def _letter() -> Json:
    text: Json = {"type": "string"}
    fields: dict[str, Json] = {
        "producer": text,
        "stream": text,
        "entry": text,
        "position": text | {"description": "-1: the whole entry; else the event's place, from 0."},
        "reason": text | {"enum": sorted(REASONS)},
        "detail": text,
        "at": text | {"description": "Microseconds since 1970."},
        "size": text,
        "digest": text | {"description": "SHA-256 of the whole, in hex."},
        "content": text
        | {"description": "The bytes: whole up to 64 KiB, beyond that the first 4 KiB."},
    }
    return {
        "name": "letter",
        "summary": "What could not be taken in, and why; the fields of one stream entry.",
        "payload": {"type": "object", "required": [*fields], "properties": fields},
    }


def _operation(action: str, channel: str, summary: str) -> Json:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _without_titles(shape: Any) -> Any:
    """Leave out the titles that only repeat a name."""
    if isinstance(shape, dict):
        return {
            name: _without_titles(value)
            for name, value in shape.items()
            if not (name == "title" and isinstance(value, str))
        }
    return [_without_titles(each) for each in shape] if isinstance(shape, list) else shape


def _spelled(document: Json) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(each.replace('|', chr(92) + '|') for each in line)} |" for line in lines
    )


def _page(*blocks: str) -> str:
    return "\n\n".join(blocks) + "\n"


if __name__ == "__main__":
    for file, text in pages().items():
        (HERE / file).write_text(text, encoding="utf-8")
