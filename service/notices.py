"""Notices to whoever watches the service: CloudEvents 1.0 on a stream that no producer can read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import redis

from quarantine.record import spell_time
from service.bus import NOTICES

KEPT: Final = 10_000
"""About so many of the newest stay on the bus, whose memory is shared; the log has them all."""


def publish(
    client: redis.Redis, kind: str, subject: str, said: Mapping[str, object], *, at: datetime
) -> None:
    """Say on the bus that something of `kind` (`loss-detected`) came to light about `subject`.

    At least once, as `notice` says.
    """
    spoken = notice(kind, subject, said, at=at)
    client.xadd(NOTICES, {"event": spoken}, maxlen=KEPT, approximate=True)


def notice(kind: str, subject: str, said: Mapping[str, object], *, at: datetime) -> str:
    """Spell a notice (CloudEvents 1.0, JSON).

    Its id follows from the content, so that whoever hears it twice can tell.
    """
    spelled = json.dumps([kind, subject, said], sort_keys=True).encode()
    event = {
        "specversion": "1.0",
        "id": hashlib.sha256(spelled).hexdigest()[:32],
        "source": "quarantine",
        "type": f"feedback.notice.{kind}.v1",
        "subject": subject,
        "time": spell_time(at),
        "datacontenttype": "application/json",
        "data": said,
    }
    return json.dumps(event, ensure_ascii=False)
