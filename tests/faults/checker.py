"""A judge apart: reads a producer's ledger and the store's file, with nothing of ours."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

Identity = tuple[str, str]


class Asked:
    """A store to be asked and not changed: a file, or a database by URL."""

    def __init__(self, place: str) -> None:
        """Open what is at `place`, by the driver's own means."""
        self._url = "://" in place
        if self._url:
            self._db: Any = psycopg.connect(place, options="-c default_transaction_read_only=on")
        else:
            self._db = sqlite3.connect(f"file:{place}?mode=ro", uri=True)

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement that marks what is bound by `?`."""
        spelled = sql.replace("%", "%%").replace("?", "%s") if self._url and values else sql
        return list(self._db.execute(spelled, values).fetchall())

    def close(self) -> None:
        """Let go of it."""
        self._db.close()


def complaints(ledger: Path, store: Path | str, producer: str) -> list[str]:
    """Return one sentence for each way in which what was sent is not what is held or put aside."""
    sent, batches = _sent(ledger)
    with closing(Asked(str(store))) as db:
        held = _held(db, producer)
        aside = _aside(db, producer)
        again = list(_second_ways(db, producer))
    return [*_unanswered(ledger), *_judged(sent, batches, held, aside), *again]


def _sent(ledger: Path) -> tuple[dict[Identity, bytes], dict[Identity, str]]:
    """Return each event that was sent, and the digest of the batch it went in."""
    sent: dict[Identity, bytes] = {}
    batches: dict[Identity, str] = {}
    for line in _lines(ledger):
        if "batch" not in line:
            continue
        batch = str(line["batch"])
        digest = hashlib.sha256(batch.encode()).hexdigest()
        for event, body in _slices(batch):
            identity = (str(event["source"]), str(event["id"]))
            sent[identity] = body
            batches[identity] = digest
    return sent, batches


def _unanswered(ledger: Path) -> Iterator[str]:
    asked, answered = set(), set()
    for line in _lines(ledger):
        if "acknowledged" in line:
            answered.add(line["acknowledged"])
        else:
            asked.add(line["seq"])
    if sorted(asked) != list(range(1, len(asked) + 1)):
        yield "the ledger leaves out a seq"
    yield from (f"seq {seq} was never acknowledged" for seq in sorted(asked - answered))


def _lines(ledger: Path) -> Iterator[dict[str, object]]:
    with ledger.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _slices(batch: str) -> Iterator[tuple[dict[str, object], bytes]]:
    decoder = json.JSONDecoder()
    at = 1
    while at < len(batch):
        event, end = decoder.raw_decode(batch, at)
        yield event, batch[at:end].encode()
        at = end + 1


def _held(db: Asked, producer: str) -> list[tuple[Identity, bytes]]:
    rows = db.execute(
        "SELECT s.source, e.id, e.body FROM event e JOIN source s ON s.no = e.source"
        " WHERE s.producer = ?",
        (producer,),
    )
    return [((source, id_), bytes(body)) for source, id_, body in rows]


def _aside(db: Asked, producer: str) -> Counter[str]:
    """Count what was put aside by the digest of its bytes: of one event, or of a whole batch.

    What went through the door again is put aside no longer: it is held, or put aside once more.
    """
    rows = db.execute(
        "SELECT digest FROM dead_letter d WHERE producer = ? AND NOT EXISTS (SELECT 1 FROM entry e"
        " WHERE e.stream = d.stream AND e.entry = d.entry || '#' || d.position)",
        (producer,),
    )
    return Counter(digest for (digest,) in rows)


def _second_ways(db: Asked, producer: str) -> Iterator[str]:
    """Complain of what went through the door again and was never put aside, or without an act."""
    announced = {
        (number, digest)
        for (body,) in db.execute("SELECT body FROM act WHERE kind = 'letters-redriven'")
        for number, digest in _announced(bytes(body))
    }
    rows = db.execute(
        "SELECT e.entry, d.no, d.digest FROM entry e LEFT JOIN dead_letter d ON d.stream = e.stream"
        " AND d.entry || '#' || d.position = e.entry"
        " WHERE e.producer = ? AND e.entry LIKE '%#%'",
        (producer,),
    )
    for entry, number, digest in rows:
        if number is None:
            yield f"{entry} went through the door again and was never put aside"
        elif (number, digest) not in announced:
            yield f"{entry} went through the door again and no act says so"


def _announced(envelope: bytes) -> Iterator[tuple[int, str]]:
    """Yield the numbers and digests of the letters that an act sends through the door again."""
    act = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    yield from zip(act["letters"], act["digests"], strict=True)


def _judged(
    sent: dict[Identity, bytes],
    batches: dict[Identity, str],
    held: list[tuple[Identity, bytes]],
    aside: Counter[str],
) -> Iterator[str]:
    times = Counter(identity for identity, _ in held)
    for identity, body in held:
        if identity not in sent:
            yield f"{identity} is held and nobody sent it"
        elif body != sent[identity]:
            yield f"{identity} is held with other bytes than were sent"
    for identity, body in sent.items():
        put_aside = aside[hashlib.sha256(body).hexdigest()] + aside[batches[identity]]
        yield from _ended_once(identity, times[identity], put_aside)


def _ended_once(identity: Identity, held: int, put_aside: int) -> Iterator[str]:
    if held + put_aside == 0:
        yield f"{identity} is lost"
    elif held + put_aside > 1:
        yield f"{identity} is held {held} times and put aside {put_aside} times"


if __name__ == "__main__":
    found = complaints(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    sys.stdout.write("".join(f"{each}\n" for each in found))
    sys.exit(1 if found else 0)
