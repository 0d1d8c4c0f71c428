"""Is what the rows hold what the log says: every leaf, every tile and every figure made anew."""

from __future__ import annotations

from collections.abc import Iterator

from quarantine.log import act_leaf
from quarantine.rows import erasing, reading, tallies
from quarantine.rows.engine import Engine
from quarantine.rows.logbook import Logbook


def differences(database: Engine, logbook: Logbook) -> Iterator[str]:
    """Name each row that is not what it was; call inside one snapshot."""
    emptied = erasing.commitments(database)
    for row in reading.every_held(database):
        if reading.leaf_of(row, emptied.get(row.index)) != row.leaf:
            yield f"event {row.id} of {row.producer}/{row.source} (log row {row.index})"
    for logged in logbook.acts(0):
        act = logged.act
        (leaf,) = logbook.leaves(logged.index, logged.index + 1)
        if act_leaf(act.kind.encode(), act.at, act.body) != leaf:
            yield f"act {act.kind} (log row {logged.index})"
    yield from erasing.unfinished(database)
    yield from logbook.verify()
    yield from tallies.differences(database)
