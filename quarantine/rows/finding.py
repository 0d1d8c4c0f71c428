"""Finding held events by who said them, when and of what, and the requests they are frozen with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from quarantine.model import Named
from quarantine.rows.engine import Engine

EMITTED: Final = "pseudo_label"
"""The kind of feedback that a model gives itself: what a trace through the loop asks for."""

_EMITTED: Final = f"kind = '{EMITTED}'"
"""Spelled and not bound: only so the index of these alone is known to hold them all."""
_WHERE: Final = {
    "event": "id = ?",
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


def find(database: Engine, named: Named) -> list[int]:
    """Return the log indexes of what `named` names.

    Sorted here: asked for in order, all of the table would be read where the index of identities,
    a tenth of it, tells as well who said what.
    """
    clauses, values = _who(named)
    for name, clause in _WHERE.items():
        value = getattr(named, name)
        if name == "kind" and value == EMITTED:
            clauses.append(_EMITTED)
        elif value not in ("", None):
            clauses.append(clause)
            values.append(value)
    where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
    return sorted(i for (i,) in database.execute(f"SELECT idx FROM event{where}", values))


def frozen_with(database: Engine, indexes: Sequence[int]) -> Mapping[int, int]:
    """Return, by request, how many of these events are frozen with it."""
    asked = _FROZEN.format(database.among("m.idx"))
    return dict(database.execute(asked, (database.listed(indexes),)))


def _who(named: Named) -> tuple[list[str], list[object]]:
    words = {"producer": named.producer, "source": named.source}
    asked = {name: word for name, word in words.items() if word}
    if not asked:
        return [], []
    where = " AND ".join(f"{name} = ?" for name in asked)
    return [f"source IN (SELECT no FROM source WHERE {where})"], [*asked.values()]
