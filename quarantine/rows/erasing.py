"""Erasing: what was said is destroyed with its salt; the leaf that covers it still holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from quarantine.log import commit
from quarantine.model import Dossier
from quarantine.rows.engine import Engine, as_bytes

GONE: Final = "what this quoted was erased"
"""Stands in a dossier where a finding said why."""

_NAME: Final = "INSERT INTO erased SELECT idx, ?, ? FROM event WHERE idx = ?"
_EMPTY: Final = (
    "UPDATE event SET salt = ?, body = ?, target = '', aspect = '', claimed = 0,"
    " question = '', answer = '', value = NULL, place = NULL WHERE idx = ?"
)
_NAME_LETTER: Final = "INSERT INTO erased_letter SELECT no, ? FROM dead_letter WHERE no = ?"
_EMPTY_LETTER: Final = (
    "UPDATE dead_letter SET detail = '', digest = '', content = ?, vouch = ? WHERE no = ?"
)
_HALF: Final = (
    "SELECT e.idx FROM event e LEFT JOIN erased x ON x.idx = e.idx"
    " WHERE (x.idx IS NULL) = (length(e.salt) = 0) OR (x.idx IS NOT NULL AND ("
    "length(e.body) + length(e.target) + length(e.aspect) > 0"
    " OR length(e.question) + length(e.answer) > 0"
    " OR e.claimed <> 0 OR e.value IS NOT NULL OR e.place IS NOT NULL)) ORDER BY e.idx"
)
_DOSSIERS: Final = (
    "SELECT source, body FROM dossier WHERE source IN (SELECT source FROM event WHERE idx = ?)"
)


def empty(database: Engine, act: int, indexes: Sequence[int], letters: Sequence[int] = ()) -> None:
    """Empty these events and dead letters, inside the transaction that writes the act `act`.

    What a body hashed to with its salt stays: it says nothing of the body, and the leaf needs it.
    Who spoke, under which id and when stays too, and so does what scoring came to think.
    """
    for index in indexes:
        ((salt, body),) = database.execute("SELECT salt, body FROM event WHERE idx = ?", (index,))
        database.execute(_NAME, (act, commit(as_bytes(salt), as_bytes(body)), index))
        database.execute(_EMPTY, (b"", b"", index))
    for number in letters:
        database.execute(_NAME_LETTER, (act, number))
        database.execute(_EMPTY_LETTER, (b"", b"", number))
    _quiet(database, indexes)


def erased(database: Engine) -> Mapping[int, int]:
    """Return, by log index of each erased event, the index of the act that erased it."""
    return dict(database.execute("SELECT idx, act FROM erased ORDER BY idx"))


def commitments(database: Engine) -> dict[int, bytes]:
    """Return what the leaf of each erased event still covers in place of its body."""
    rows = database.execute("SELECT idx, commitment FROM erased")
    return {index: as_bytes(commitment) for index, commitment in rows}


def unfinished(database: Engine) -> Iterator[str]:
    """Say of each event that stands as erased and is not empty, and the other way round."""
    for (index,) in database.execute(_HALF):
        yield f"log row {index} is erased and not empty, or empty and not erased"


def _quiet(database: Engine, indexes: Sequence[int]) -> None:
    """Take out of the dossiers of these events' sources what may quote them; the verdict stays."""
    found: dict[int, bytes] = {}
    for index in indexes:
        found.update(database.execute(_DOSSIERS, (index,)))
    for source, body in found.items():
        dossier = Dossier.model_validate_json(body)
        quiet = dossier.model_copy(
            update={
                "findings": tuple(
                    each.model_copy(update={"because": GONE, "examples": ()})
                    for each in dossier.findings
                )
            }
        )
        database.execute(
            "UPDATE dossier SET body = ? WHERE source = ?", (quiet.canonical(), source)
        )
