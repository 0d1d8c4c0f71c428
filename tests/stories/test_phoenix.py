"""The Phoenix adapter against Phoenix itself, which `make test-products` installs beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from quarantine.errors import NotAuthorisedError
from service import wiring
from service.adapting.config import Config
from service.adapting.forwarding import Forwarder
from service.adapting.polling import pull
from service.settings import State
from tests.contracts.test_adapter_bodies import Press
from tests.faults.cluster import free_port
from tests.product import Visitor, program, served, until_true

ADMIN = "administrators-secret-of-32-characters-1"
PASSWORD = "long-enough"
SPAN = "b7ad6b7169203331"
BY_KEY = {"name": "correctness", "annotator_kind": "HUMAN", "result": {"score": 1}}
BY_JUDGE = {"name": "judge", "annotator_kind": "LLM", "result": {"score": 0.5}}
SAYS = """mutation ($said: [CreateSpanAnnotationInput!]!) {
  createSpanAnnotations(input: $said) { spanAnnotations { id } }
}"""


@pytest.fixture
def phoenix(tmp_path: Path) -> Iterator[str]:
    server = program("phoenix", "phoenix", "test-products")
    port, grpc = free_port(), free_port()
    place = f"http://127.0.0.1:{port}"
    env = {
        "PHOENIX_WORKING_DIR": str(tmp_path),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(grpc),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ENABLE_AUTH": "true",
        "PHOENIX_SECRET": "secret-of-the-server-32-characters-1",
        "PHOENIX_ADMIN_SECRET": ADMIN,
        "PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD": PASSWORD,
        "PHOENIX_DISABLE_RATE_LIMIT": "true",
    }
    with served([str(server), "serve"], up=f"{place}/healthz", folder=tmp_path, env=env):
        yield place


@dataclass
class Annotators:
    """A program with a key, and a person with a login; both annotate one span."""

    key: Visitor
    person: Visitor

    def answers(self, span: str, at: datetime) -> None:
        """Tell Phoenix of one answer, and wait until it knows of it."""
        told = {
            "name": "answer",
            "context": {"trace_id": f"0af7651916cd43dd{span}", "span_id": span},
            "span_kind": "CHAIN",
            "start_time": at.isoformat(),
            "end_time": at.isoformat(),
            "status_code": "OK",
        }
        place = "/v1/projects/default/spans"
        self.key.ask(place, {"data": [told]})
        until_true(lambda: self.key.ask(f"{place}?span_id={span}")["data"])

    def program_says(self, *notes: dict[str, Any]) -> None:
        told = [{"span_id": SPAN, "metadata": {}, **note} for note in notes]
        self.key.ask("/v1/span_annotations?sync=true", {"data": told})

    def person_says(self, **note: Any) -> None:
        told = {"spanId": "U3Bhbjox", "annotatorKind": "HUMAN", "metadata": {}, "source": "APP"}
        answer = self.person.ask(
            "/graphql", {"query": SAYS, "variables": {"said": [{**told, **note}]}}
        )
        assert "errors" not in answer, answer


@pytest.fixture
def annotators(phoenix: str) -> Annotators:
    made = Annotators(Visitor(phoenix), Visitor(phoenix))
    made.key.headers["Authorization"] = f"Bearer {ADMIN}"
    made.person.ask("/auth/login", {"email": "admin@localhost", "password": PASSWORD})
    made.answers(SPAN, wiring.now())
    return made


def config(url: str) -> Config:
    return Config.model_validate(
        {
            "adapter": "phoenix",
            "scope": "helpful",
            "url": url,
            "secret": "phoenix.secret",
            "query": {"project": "default"},
            "term": [{"name": "correctness", "low": 0, "high": 1, "labels": ["ok"]}],
            "send": [
                {"assurance": "platform-user", "producer": "people", "sign": "key.pem"},
                {"assurance": "none", "producer": "others", "sign": "key.pem"},
            ],
        }
    )


@pytest.mark.slow
def test_what_phoenix_holds_is_said_in_our_words(
    phoenix: str, annotators: Annotators, tmp_path: Path
) -> None:
    press = Press()
    with Forwarder("phoenix", config(phoenix), State(tmp_path), press.open) as forwarder:
        new = partial(_news, forwarder, press)
        (tmp_path / "phoenix.secret").write_text("another")
        with pytest.raises(NotAuthorisedError):
            new()
        (tmp_path / "phoenix.secret").write_text(ADMIN)
        assert new() == []
        annotators.program_says(BY_KEY, BY_JUDGE)
        annotators.person_says(name="correctness", score=0, explanation="no")
        key, person = (_who(annotators, name) for name in ("system", "admin"))
        assert new() == [
            ("others", "evaluator/judge", "signal", 0.5),
            ("others", key, "rating", 1.0),
            ("people", person, "rating", 0.0),
        ]
        assert new() == []
        _next_second()
        annotators.program_says({**BY_KEY, "result": {"score": 0.25}})
        assert new() == [("others", key, "rating", 0.25)]
        assert "supersedes" in json.loads(press.said[-1][1])["data"]
        _next_second()
        annotators.person_says(name="correctness", score=0, identifier="")  # over the program's
        assert new() == [("others", key, "signal", 1), ("people", person, "rating", 0.0)]
        assert "supersedes" not in json.loads(press.said[-1][1])["data"]
        assert list(forwarder.inbox.aside()) == []
    _hears_of_old_spans(phoenix, annotators, tmp_path)


def _news(forwarder: Forwarder, press: Press) -> list[tuple[str, str, str, Any]]:
    """Ask once; return what was said then."""
    before = len(press.said)
    pull(forwarder, wiring.now)
    told = [(producer, json.loads(body)) for producer, body in press.said[before:]]
    return sorted(
        (producer, each["source"], each["type"].split(".")[1], each["data"].get("value"))
        for producer, each in told
    )


def _hears_of_old_spans(phoenix: str, annotators: Annotators, root: Path) -> None:
    """Let a person speak of a span that is older than what is asked for by time."""
    annotators.answers(SPAN[::-1], wiring.now() - timedelta(days=10))
    annotators.person_says(spanId="U3Bhbjoy", name="correctness", score=1)
    told = config(phoenix)
    person = _who(annotators, "admin").removeprefix("user/")
    heard = {}
    for place, query in enumerate(({}, {"annotators": person}, {"annotators": "all"})):
        more = told.model_copy(update={"query": {**told.query, **query}})
        press = Press()
        with Forwarder(f"old-{place}", more, State(root), press.open) as forwarder:
            forwarder.inbox.move("from", wiring.now().isoformat())
            pull(forwarder, wiring.now)
        said = [json.loads(body) for _, body in press.said]
        heard[place] = [each["subject"] for each in said].count(f"span/{SPAN[::-1]}")
    assert heard == {0: 0, 1: 1, 2: 1}, "by who said it alone"


def _who(annotators: Annotators, name: str) -> str:
    users = annotators.key.ask("/v1/users")["data"]
    return "user/" + next(each["id"] for each in users if each["username"] == name)


def _next_second() -> None:
    """Wait for the next second: Phoenix tells no two changes of one second apart."""
    now = int(wiring.now().timestamp())
    until_true(lambda: int(wiring.now().timestamp()) > now)
