"""Arrivals for tests of stores: one rating an event, one producer."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

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


def made_older(file: Path, first: str) -> None:
    """Take back what the migrations from `first` on made, as if they had never been applied."""
    folder = resources.files("quarantine.stores.sqlite") / "migrations"
    scripts = {each.name: each.read_text() for each in folder.iterdir() if each.name >= first}
    with closing(sqlite3.connect(file)) as db, db:
        for name, script in sorted(scripts.items(), reverse=True):
            for what, made in re.findall(r"^CREATE (TABLE|INDEX) (\w+)", script, re.MULTILINE):
                db.execute(f"DROP {what} IF EXISTS {made}")
            db.execute("DELETE FROM migration WHERE name = ?", (name,))
