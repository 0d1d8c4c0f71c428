"""Asking other systems over HTTP: a server of the test's own that is busy, cut off, or refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from quarantine.errors import NotAuthorisedError, RefusedError, UnavailableError, UsageError
from service.adapting.config import Config
from service.adapting.forwarding import Forwarder
from service.adapting.polling import patience, pull
from service.settings import State
from tests.contracts.test_adapter_bodies import NOW, Press, recorded

CUT = "cut"


@dataclass
class Server:
    """Gives the answers it was told to, one a question, and remembers what it was asked."""

    answers: list[tuple[int, dict[str, str], object]]
    asked: list[tuple[str, dict[str, list[str]], dict[str, str], object]] = field(
        default_factory=list
    )
    url: str = ""

    @contextmanager
    def up(self) -> Iterator[Server]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:  # noqa: C901  a handler is a class
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, sent: object) -> None:
                asked = urlsplit(self.path)
                outer.asked.append((asked.path, parse_qs(asked.query), dict(self.headers), sent))
                status, headers, content = outer.answers.pop(0)
                if content == CUT:
                    self.connection.close()
                    return
                body = (
                    content.encode() if isinstance(content, str) else json.dumps(content).encode()
                )
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        return Handler


def asking(name: str, url: str, root: Path, press: Press) -> Forwarder:
    (root / "secret").write_text("pk:sk\n")
    config = Config.model_validate({**recorded(name)["config"], "url": url, "secret": "secret"})
    return Forwarder(name, config, State(root), press.open)


def ok(content: object) -> tuple[int, dict[str, str], object]:
    return 200, {}, content


PAGES: dict[str, list[object]] = {
    "langfuse": [
        {"data": recorded("langfuse")["records"][:3], "meta": {"limit": 3, "cursor": "next"}},
        {"data": recorded("langfuse")["records"][3:], "meta": {"limit": 3}},
    ],
    "mlflow": [
        {"traces": [], "next_page_token": "next"},
        {"traces": recorded("mlflow")["records"]},
    ],
    "langsmith": [recorded("langsmith")["records"]],
    "phoenix": [
        {"data": [{"context": {"span_id": "67f6740bbe1ddc3f"}}], "next_cursor": None},
        {"data": recorded("phoenix")["records"][:2], "next_cursor": "next"},
        {"data": recorded("phoenix")["records"][2:], "next_cursor": None},
    ],
}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_asked_for_with_the_secret(name: str, tmp_path: Path) -> None:
    press = Press()
    with (
        Server([ok(page) for page in PAGES[name]]).up() as server,
        asking(name, server.url, tmp_path, press) as forwarder,
    ):
        done = pull(forwarder, lambda: NOW, patience(0))
    assert len(server.asked) == len(PAGES[name])
    assert done.events == len(recorded(name)["events"]) == len(press.said)
    secrets = [str(headers) for _, _, headers, _ in server.asked]
    assert all("pk:sk" in each or "cGs6c2s=" in each for each in secrets)


def test_a_busy_or_broken_server_is_asked_again(tmp_path: Path) -> None:
    press = Press()
    answers = [
        (429, {"Retry-After": "0"}, "slow down"),
        (503, {}, "away"),
        ok(CUT),
        *map(ok, PAGES["langfuse"]),
    ]
    with (
        Server(answers).up() as server,
        asking("langfuse", server.url, tmp_path, press) as forwarder,
    ):
        done = pull(forwarder, lambda: NOW, patience(3, 0.001))
    assert len(server.asked) == 5
    assert done.events == len(recorded("langfuse")["events"])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, {}, "who?"), NotAuthorisedError),
        ((404, {}, "what?"), RefusedError),
        ((302, {"Location": "http://127.0.0.1:1/"}, ""), RefusedError),
        (ok("<html>"), RefusedError),
        (ok({"data": "none"}), RefusedError),
        (ok([]), RefusedError),
        ((503, {}, "away"), UnavailableError),
        (ok(CUT), UnavailableError),
    ],
)
def test_what_cannot_be_asked_is_said_plainly(
    answer: tuple[int, dict[str, str], object], error: type[Exception], tmp_path: Path
) -> None:
    with (
        Server([answer]).up() as server,
        asking("langfuse", server.url, tmp_path, Press()) as forwarder,
        pytest.raises(error),
    ):
        pull(forwarder, lambda: NOW, patience(0))


def test_what_came_before_a_failure_is_forwarded_and_all_is_asked_for_again(tmp_path: Path) -> None:
    press = Press()
    first, second = PAGES["langfuse"]
    with (
        Server([ok(first), (500, {}, ""), ok(first), ok(second)]).up() as server,
        asking("langfuse", server.url, tmp_path, press) as forwarder,
    ):
        with pytest.raises(UnavailableError):
            pull(forwarder, lambda: NOW, patience(0))
        assert press.said
        pull(forwarder, lambda: NOW, patience(0))
    assert len(press.said) == len(recorded("langfuse")["events"])
    assert {query["fromTimestamp"][0][:4] for _, query, _, _ in server.asked} == {"1970"}


def test_the_next_time_is_asked_from_a_day_before_the_last(tmp_path: Path) -> None:
    later = datetime(2026, 11, 24, tzinfo=UTC)
    with (
        Server([*map(ok, PAGES["langfuse"]), ok({"data": [], "meta": {}})]).up() as server,
        asking("langfuse", server.url, tmp_path, Press()) as forwarder,
    ):
        pull(forwarder, lambda: NOW, patience(0))
        pull(forwarder, lambda: later, patience(0))
    assert server.asked[-1][1]["fromTimestamp"][0].startswith("2026-11-22T12:00")


def asking_more(name: str, url: str, root: Path, press: Press, **query: str) -> Forwarder:
    """Return a forwarder that asked before, and is told more of what to ask for."""
    (root / "secret").write_text("pk:sk\n")
    told = recorded(name)["config"]
    config = {**told, "query": {**told["query"], **query}, "url": url, "secret": "secret"}
    made = Forwarder(name, Config.model_validate(config), State(root), press.open)
    made.inbox.move("from", "2026-11-23T12:00:00.000000Z")
    return made


def test_what_annotators_of_phoenix_say_of_old_spans_is_asked_for_by_its_own_time(
    tmp_path: Path,
) -> None:
    note = recorded("phoenix")["records"][0]
    new = {**note, "created_at": "2026-11-23T09:00:00Z", "updated_at": "2026-11-23T09:00:00Z"}
    old = {**note, "id": "older", "created_at": "2026-11-20T09:00:00Z"}
    users = {"data": [{"id": "VXNlcjoy"}, {"id": "VXNlcjox"}], "next_cursor": None}
    page = {"data": [new, old], "next_cursor": "more that is never asked for"}
    empty: dict[str, object] = {"data": []}
    press = Press()
    with (
        Server([ok(empty), ok(users), ok(page), ok(empty)]).up() as server,
        asking_more("phoenix", server.url, tmp_path, press, annotators="all") as forwarder,
    ):
        assert pull(forwarder, lambda: NOW, patience(0)).events == 1
    asked = [
        (path.rpartition("/")[2], query.get("identifier")) for path, query, _, _ in server.asked
    ]
    assert asked == [
        ("spans", None),
        ("users", None),
        ("span_annotations", ["px-app:VXNlcjoy"]),
        ("span_annotations", ["px-app:VXNlcjox"]),
    ]
    with (
        Server([ok(empty), ok(empty)]).up() as server,
        asking_more("phoenix", server.url, tmp_path, press, annotators="VXNlcjo5") as forwarder,
    ):
        pull(forwarder, lambda: NOW, patience(0))
    assert server.asked[-1][1]["identifier"] == ["px-app:VXNlcjo5"]


def test_old_traces_of_mlflow_are_asked_for_by_the_questions_that_are_named(
    tmp_path: Path,
) -> None:
    press, traces = Press(), {"traces": recorded("mlflow")["records"]}
    with (
        Server([ok({}), ok({}), ok(traces)]).up() as server,
        asking_more("mlflow", server.url, tmp_path, press, questions="is it so?, helpful") as asks,
    ):
        assert pull(asks, lambda: NOW, patience(0)).events == len(recorded("mlflow")["events"])
    filters = [sent["filter"] for _, _, _, sent in server.asked if isinstance(sent, dict)]
    assert filters[0].startswith("attributes.timestamp_ms >= 17")
    before = filters[0].replace(">=", "<")
    assert filters[1:] == [
        f"{before} AND feedback.`is it so?` IS NOT NULL",
        f"{before} AND feedback.`helpful` IS NOT NULL",
    ]
    with (
        Server([ok({})]).up() as server,
        asking_more("mlflow", server.url, tmp_path, press, questions="a`b") as asks,
        pytest.raises(UsageError, match="cannot be asked for"),
    ):
        pull(asks, lambda: NOW, patience(0))


@pytest.mark.parametrize("url", ["", "langfuse.example.org", "file:///etc/passwd", "https://"])
def test_an_address_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    with asking("langfuse", url, tmp_path, Press()) as forwarder, pytest.raises(UsageError):
        pull(forwarder, lambda: NOW, patience(0))
