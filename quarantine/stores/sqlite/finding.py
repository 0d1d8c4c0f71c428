"""Finding held events by who said them, when and of what, and the requests they are frozen with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from quarantine.model import Named
from quarantine.stores.sqlite.database import Database

_WHERE: Final = {
    "event": "id = ?",
    "kind": "kind = ?",
    "scope": "scope = ?",
    "target": "target = ?",
    "since": "arrived >= ?",
    "until": "arrived < ?",
}
# A request has one set of events, whose key begins with it: each index is one look into that set.
_FROZEN: Final = (
    "SELECT a.idx, count(*) FROM act a CROSS JOIN json_each(?) wanted"
    " CROSS JOIN member m ON m.request = a.idx AND m.idx = wanted.value"
    " WHERE a.kind = 'request-made' GROUP BY a.idx"
)


def find(database: Database, named: Named) -> list[int]:
    """Return the log indexes of what `named` names; a source is found by its own index."""
    clauses, values = _who(named)
    for name, clause in _WHERE.items():
        value = getattr(named, name)
        if value not in ("", None):
            clauses.append(clause)
            values.append(value)
    where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
    return [i for (i,) in database.execute(f"SELECT idx FROM event{where} ORDER BY idx", values)]


def frozen_with(database: Database, indexes: Sequence[int]) -> Mapping[int, int]:
    """Return, by request, how many of these events are frozen with it."""
    return dict(database.execute(_FROZEN, (json.dumps(list(indexes)),)))


def _who(named: Named) -> tuple[list[str], list[object]]:
    words = {"producer": named.producer, "source": named.source}
    asked = {name: word for name, word in words.items() if word}
    if not asked:
        return [], []
    where = " AND ".join(f"{name} = ?" for name in asked)
    return [f"source IN (SELECT no FROM source WHERE {where})"], [*asked.values()]
