"""Telling the bus what the log came to hold: verdicts, releases, revocations; in log order."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import redis

from approvals.attest import record_of
from approvals.drills import PowerLost
from approvals.erasures import Erased
from approvals.landing import write_whole
from approvals.mishaps import LossReported, ProducerPaused, StreamForged, StreamReset
from approvals.model import ActRecord, Released, ReleaseYanked, Revoked, VerdictChanged
from approvals.windows import WindowHeld
from quarantine.model import SourceKey
from quarantine.ports import Store
from service import notices

TOLD: Final = {
    VerdictChanged.act: "verdict-changed",
    Released.act: "release-published",
    Revoked.act: "release-revoked",
    ReleaseYanked.act: "release-revoked",
    LossReported.act: "loss-detected",
    StreamReset.act: "stream-reset",
    ProducerPaused.act: "producer-paused",
    StreamForged.act: "stream-forged",
    WindowHeld.act: "window-held",
    PowerLost.act: "power-lost",
    Erased.act: "events-erased",
}
"""The acts that are told, and as what; nothing of what became of an event is."""


class Telling:
    """Tells each act once it is in the log; `cursor` is the file that remembers how far."""

    def __init__(self, store: Store, cursor: Path) -> None:
        """Tell what `store` logs from where `cursor` says on."""
        self._store = store
        self._cursor = cursor

    def once(self, bus: redis.Redis) -> int:
        """Tell what was logged since; return how many. After a crash some are told twice."""
        start = since = int(self._cursor.read_text()) if self._cursor.exists() else 0
        told = 0
        for logged in self._store.acts(since):
            if logged.act.kind in TOLD:
                record = record_of(logged.act)
                said = record.model_dump(mode="json", exclude_none=True)
                notices.publish(bus, TOLD[logged.act.kind], subject_of(record), said, at=record.at)
                told += 1
            since = logged.index + 1
        if since != start:
            write_whole(self._cursor, b"%d" % since)
        return told


def subject_of(record: ActRecord) -> str:
    """Return what an act that is told is about."""
    match record:
        case VerdictChanged() | Revoked():
            return str(SourceKey(record.producer, record.source))
        case WindowHeld(target=subject) | PowerLost(attack=subject) | Erased(proposal=subject):
            return subject
        case Released() | ReleaseYanked():
            return record.name
        case LossReported() | StreamReset() | ProducerPaused() | StreamForged():
            return record.producer
        case _:
            raise AssertionError(record.act)
