"""Arrivals for tests of stores: one rating an event, one producer."""

from __future__ import annotations

from quarantine.arrivals import Arrival
from quarantine.model import Event, Said


def said(id: str, *, source: str = "rater/1", body: bytes | None = None, at: int = 0) -> Event:
    return Event(
        position=at,
        source=source,
        id=id,
        kind="rating",
        scope="helpful",
        target="answer/1",
        aspect="",
        claimed=1,
        said=Said("4", 0.75),
        body=body or f'{{"id":"{id}"}}'.encode(),
    )


def entry(number: int, *events: Event, digest: bytes = b"", seq: int | None = None) -> Arrival:
    return Arrival(
        producer="app",
        stream="feedback:in:app",
        entry=f"{number}-0",
        arrived=1_000_000 + number,
        seq=number if seq is None else seq,
        key="k1",
        digest=digest or bytes([number]),
        batch=b"[...]",
        events=events,
    )
