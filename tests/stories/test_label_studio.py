"""Label Studio itself calls the running service; `make test-products` installs it beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from quarantine.model import Named
from service import wiring
from service.settings import State
from tests.faults.cluster import free_port
from tests.product import Visitor, program, served
from tests.stories import test_adapters

PASSWORD = "a long password"
ASKED = """<View>
  <Text name="question" value="$question"/>
  <Pairwise name="better" toName="left,right"/>
  <Text name="left" value="$a"/><Text name="right" value="$b"/>
  <Choices name="verdict" toName="question"><Choice value="good"/><Choice value="bad"/></Choices>
  <Rating name="stars" toName="question"/>
</View>"""
STARS = {"from_name": "stars", "to_name": "question", "type": "rating", "value": {"rating": 4}}
RIGHT = {
    "from_name": "better",
    "to_name": "left,right",
    "type": "pairwise",
    "value": {"selected": "right"},
}

site = test_adapters.site


def verdict(choice: str) -> dict[str, Any]:
    """Return a region as the page makes it."""
    value = {"choices": [choice]}
    return {"from_name": "verdict", "to_name": "question", "type": "choices", "value": value}


@dataclass
class Studio:
    """A project whose webhook leads to the quarantine, and two annotators who are logged in."""

    ana: Visitor
    ben: Visitor
    task: int

    def annotate(self, who: Visitor, *regions: object, **more: object) -> int:
        told = {"result": regions, "lead_time": 12.5, "was_cancelled": False, **more}
        return int(who.ask(f"/api/tasks/{self.task}/annotations/", told)["id"])

    def change(self, who: Visitor, annotation: int, *regions: object) -> None:
        who.ask(f"/api/annotations/{annotation}/", {"result": regions}, "PATCH")


@pytest.fixture
def studio(site: test_adapters.Site, tmp_path: Path) -> Iterator[Studio]:
    server = program("label_studio", "label-studio", "test-products")
    port = free_port()
    place = f"http://127.0.0.1:{port}"
    command = [
        *(str(server), "start", "--no-browser", "--port", str(port), "--data-dir", str(tmp_path)),
        *("--internal-host", "127.0.0.1"),
        *("--username", "ana@example.org", "--password", PASSWORD),
    ]
    env = {
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "SSRF_PROTECTION_ENABLED": "false",  # else it calls no private address
        "WEBHOOK_TIMEOUT": "30",  # 1 s, where nothing is said
    }
    with served(command, up=f"{place}/health", folder=tmp_path, env=env):
        ana = _entered(Visitor(place), "/user/login/", "ana@example.org")
        invited = ana.ask("/api/invite")["invite_url"]
        ben = _entered(Visitor(place), invited, "ben@example.org")
        project = ana.ask("/api/projects/", {"title": "Answers", "label_config": ASKED})["id"]
        hook = {
            "url": f"{site.url}/hooks/label_studio",
            "project": project,
            "send_for_all_actions": True,
            "headers": {"X-Quarantine-Secret": test_adapters.SECRET},
        }
        ana.ask("/api/webhooks/", hook)
        ana.ask(
            f"/api/projects/{project}/import",
            [{"question": "why?", "a": "because", "b": "no idea"}],
        )
        task = ana.ask(f"/api/tasks?project={project}")["tasks"][0]["id"]
        yield Studio(ana, ben, task)


def _entered(visitor: Visitor, path: str, email: str) -> Visitor:
    """Log in, or sign up, as the page's form does."""
    visitor.ask(path)
    visitor.headers["Referer"] = f"{visitor.url}/"
    form = {"csrfmiddlewaretoken": visitor.cookie("csrftoken"), "email": email}
    sent = urlencode({**form, "password": PASSWORD}).encode()
    visitor.send(path, sent, "application/x-www-form-urlencoded", None)
    visitor.headers["X-CSRFToken"] = visitor.cookie("csrftoken")
    return visitor


def _word(event: Any) -> tuple[str, Any]:
    said = event["data"]
    return event["type"].split(".")[1], said.get("label", said.get("value", said.get("chosen")))


@pytest.mark.slow
def test_what_label_studio_calls_with_is_stored_as_the_word_of_who_sent_it(
    site: test_adapters.Site, studio: Studio
) -> None:
    seen = 0

    def new(most: int) -> list[tuple[str, str, Any]]:
        nonlocal seen
        site.until(lambda: site.stored("people") >= seen + most)
        with wiring.open_store(State(site.house.root / "state")) as store:
            held = list(store.held(store.find(Named(producer="people"))))[seen:]
        seen += len(held)
        return sorted((each.source, *_word(json.loads(each.body))) for each in held)

    first = studio.annotate(studio.ana, verdict("good"), STARS, RIGHT)
    assert new(3) == [
        ("user/1", "label", "good"),
        ("user/1", "preference", "no idea"),
        ("user/1", "rating", 4),
    ]
    studio.change(studio.ana, first, verdict("bad"))
    assert new(3) == [("user/1", "label", "bad"), ("user/1", "signal", 1), ("user/1", "signal", 1)]
    studio.change(studio.ben, first, verdict("good"))  # the platform leaves it ana's
    assert new(2) == [("user/1", "signal", 1), ("user/2", "label", "good")]
    studio.annotate(studio.ben, verdict("bad"), completed_by=1)  # the platform believes it
    assert new(1) == [("user/2", "label", "bad")]
    studio.ana.ask(f"/api/annotations/{first}/", method="DELETE")
    assert new(1) == [("user/2", "signal", 1)]
