"""Notices on the bus: the newest stay, so that they never fill the memory that producers need."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service import notices
from service.bus import NOTICES
from tests.producing import Site


def test_of_many_notices_about_the_newest_stay(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "KEPT", 200)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    sender = site.register("app")
    sender.send(b"[]")
    for number in range(1000):
        notices.publish(site.client, "loss-detected", "app", {"first": number}, at=at)
    assert 200 <= site.client.xlen(NOTICES) < 400
    ((_, newest),) = site.client.xrevrange(NOTICES, count=1)
    assert b'"first": 999' in newest[b"event"]
    assert site.client.xlen(sender.stream) == 1, "what producers sent is not touched"
