"""The pages for operators and the schemas for other languages say what the code says today."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from quarantine.envelope import kinds, read
from quarantine.errors import MalformedError
from tests.press import DATA, event

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
EVENTS: dict[str, Any] = json.loads((REFERENCE / "events.schema.json").read_text())
BUS: dict[str, Any] = json.loads((REFERENCE / "asyncapi.json").read_text())
ARRIVED = 2**60


@pytest.mark.parametrize(
    "name", ["metrics.md", "settings.md", "alerts.md", "events.schema.json", "asyncapi.json"]
)
def test_a_page_is_what_the_code_would_write_now(name: str) -> None:
    pages = runpy.run_path(str(REFERENCE / "operating.py"))["pages"]()
    assert (REFERENCE / name).read_text() == pages[name], "run python docs/reference/operating.py"


@pytest.fixture(scope="module")
def judge() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(EVENTS)
    return jsonschema.Draft202012Validator(EVENTS)


@pytest.mark.parametrize("kind", sorted(DATA))
def test_what_the_service_takes_the_schema_takes(
    kind: str, judge: jsonschema.Draft202012Validator
) -> None:
    body = event(kind, "rater/1", "e1", text="own words", shown=["a", "b"])
    read(body, position=0, arrived=ARRIVED)
    judge.validate(json.loads(body))


def test_every_kind_has_a_schema() -> None:
    assert set(EVENTS["$defs"]) == {kind.name for kind in kinds().values()} == {*DATA}


@pytest.mark.parametrize("kind", sorted(DATA))
def test_what_the_schema_refuses_the_service_refuses(
    kind: str, judge: jsonschema.Draft202012Validator
) -> None:
    good = json.loads(event(kind, "rater/1", "e1"))
    bad = [
        {name: value for name, value in good.items() if name != "scope"},
        good | {"traceparent": "00-1-1-01"},
        good | {"specversion": "0.3"},
        good | {"id": ""},
        good | {"data": good["data"] | {"made_up": 1}},
        good | {"data": {}},
        good | {"type": "feedback.nothing.v1"},
    ]
    for each in bad:
        assert not judge.is_valid(each), each
        with pytest.raises(MalformedError):
            read(json.dumps(each).encode(), position=0, arrived=ARRIVED)


def references(document: Any) -> Iterator[str]:
    """Yield every `$ref` in a document."""
    if isinstance(document, dict):
        if isinstance(document.get("$ref"), str):
            yield document["$ref"]
        for value in document.values():
            yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def test_every_reference_of_the_bus_leads_somewhere() -> None:
    for reference in references({name: BUS[name] for name in ("channels", "operations")}):
        place: Any = BUS
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    assert BUS["asyncapi"] == "3.0.0"
    for operation in BUS["operations"].values():
        assert operation["action"] in {"send", "receive"}


def test_the_schemas_of_messages_are_schemas() -> None:
    for message in BUS["components"]["messages"].values():
        jsonschema.Draft202012Validator.check_schema(message["payload"])


def test_the_entry_that_a_producer_makes_is_the_documented_one() -> None:
    entry = BUS["components"]["messages"]["batch"]["payload"]
    jsonschema.validate({"batch": "[]", "seq": "1", "key": "k", "sig": "c2ln"}, entry)
    for wrong in ({"batch": "[]", "seq": "01", "key": "k", "sig": ""}, {"batch": "[]"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, entry)
