"""Finding held events by who said them, when and of what, and the requests they are frozen with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from quarantine.model import Named
from quarantine.rows.concordance import Concordance
from quarantine.rows.engine import Engine
from quarantine.rows.narrowing import Narrowed, narrowed

EMITTED: Final = "pseudo_label"
"""The kind of feedback that a model gives itself: what a trace through the loop asks for."""

_EMITTED: Final = f"kind = '{EMITTED}'"
"""Spelled and not bound: only so the index of these alone is known to hold them all."""
_WHERE: Final = {
    "event": "idx IN (SELECT idx FROM {} WHERE id = ?)",
    "key": "key = ?",
    "kind": "kind = ?",
    "scope": "scope = ?",
    "target": "target = ?",
    "since": "arrived >= ?",
    "until": "arrived < ?",
}
# A request has one set of events, whose key begins with it: each index is one look into that set.
_FROZEN: Final = (
    "SELECT a.idx, count(*) FROM act a CROSS JOIN member m"
    " WHERE a.kind = 'request-made' AND m.request = a.idx AND {} GROUP BY a.idx"
)
_NUMBERS: Final = "SELECT no FROM source WHERE {}"
_AT_ONCE: Final = 10_000
_EVER: Final = (None, None)
MOST_SOURCES: Final = 16
"""So many sources are looked up one by one: a producer may have any number of them."""

Asked = tuple[list[str], list[object]]
"""Conditions that all hold of a row, and what is bound in them."""


def find(database: Engine, named: Named, concordance: Concordance | None = None) -> list[int]:
    """Return the log indexes of what `named` names.

    Sorted here: asked for in order, all of the table would be read where the index of identities,
    a tenth of it, tells as well who said what. Where the `concordance` tells, even less is read.
    """
    where, bound = _asked(database, named)
    look = None if concordance is None else _narrowed(database, named, concordance)
    if look is None:
        return sorted(_rows(database, where, bound))
    found: list[int] = []
    for start in range(0, len(look.rows), _AT_ONCE):
        some = database.listed(look.rows[start : start + _AT_ONCE])
        found += _rows(database, [database.among("idx"), *where], [some, *bound])
    for span in look.ranges:
        found += _rows(database, ["idx >= ?", "idx < ?", *where], [*span, *bound])
    return sorted(found)


def frozen_with(database: Engine, indexes: Sequence[int]) -> Mapping[int, int]:
    """Return, by request, how many of these events are frozen with it."""
    asked = _FROZEN.format(database.among("m.idx"))
    return dict(database.execute(asked, (database.listed(indexes),)))


def _rows(database: Engine, where: Sequence[str], bound: Sequence[object]) -> list[int]:
    clause = f" WHERE {' AND '.join(where)}" if where else ""
    return [index for (index,) in database.execute(f"SELECT idx FROM event{clause}", bound)]


def _asked(database: Engine, named: Named) -> Asked:
    """Return what every row that is named fulfils."""
    who, bound = _who(named)
    where = [f"source IN ({_NUMBERS.format(who)})"] if who else []
    for name, clause in _WHERE.items():
        value = getattr(named, name)
        if name == "kind" and value == EMITTED:
            where.append(_EMITTED)
        elif value not in ("", None):
            where.append(clause.format(database.identities))
            bound.append(value)
    return where, bound


def _who(named: Named) -> tuple[str, list[object]]:
    """Return the condition on sources, nothing where none is named, and what is bound in it."""
    words = {"producer": named.producer, "source": named.source}
    asked = {name: word for name, word in words.items() if word}
    return " AND ".join(f"{name} = ?" for name in asked), [*asked.values()]


def _narrowed(database: Engine, named: Named, concordance: Concordance) -> Narrowed | None:
    """Return the rows to look at; absent where all are read, or an index tells them anyway."""
    words: dict[str, list[object]] = {
        "key": [named.key] if named.key else [],
        "target": [named.target] if named.target else [],
        "source": [*_numbers(database, named)],
    }
    asked = {name: some for name, some in words.items() if some}
    times = (named.since, named.until)
    if named.event or named.kind == EMITTED or not (asked or times != _EVER):
        return None
    return narrowed(concordance, asked, times)


def _numbers(database: Engine, named: Named) -> list[int]:
    """Return the numbers of the sources of one name, none where they are many, or none is named."""
    if not named.source:
        return []
    who, bound = _who(named)
    numbers = [no for (no,) in database.execute(_NUMBERS.format(who), bound)]
    return numbers if len(numbers) <= MOST_SOURCES else []
