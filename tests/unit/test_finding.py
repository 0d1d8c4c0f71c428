"""A trace asks for a source's events and for what models said: neither reads all of the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarantine.model import Named
from quarantine.rows import finding
from quarantine.stores.sqlite.database import Database, Rows


class Asked(Database):
    """A database that says how SQLite would go about each statement, and does nothing."""

    plans: list[str]

    def plan(self, named: Named) -> str:
        self.plans = []
        finding.find(self, named)
        return "; ".join(self.plans)

    def execute(self, sql: str, values: object = ()) -> Rows:
        if sql.startswith("SELECT idx FROM event"):
            rows = super().execute(f"EXPLAIN QUERY PLAN {sql}", values)  # type: ignore[arg-type]
            self.plans += [row[3] for row in rows]
            return Rows()
        return super().execute(sql, values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("named", "index"),
    [
        (Named(producer="app", source="rater/1"), "COVERING INDEX sqlite_autoindex_event"),
        (Named(producer="app"), "COVERING INDEX sqlite_autoindex_event"),
        (Named(event="e1"), "SEARCH event USING COVERING INDEX"),
        (Named(kind="pseudo_label"), "INDEX event_emitted"),
    ],
)
def test_what_a_trace_asks_for_is_found_by_an_index(
    tmp_path: Path, named: Named, index: str
) -> None:
    database = Asked(tmp_path / "store.db")
    try:
        assert index in database.plan(named)
    finally:
        database.close()
