"""What proves a release's rows and votes: their leaves' content, and one proof for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Final

import pyarrow as pa

from approvals.acts import ACTS
from approvals.attest import record_of, unseal
from approvals.model import ActRecord
from approvals.tables import read_parquet, write_parquet
from quarantine.errors import TamperedError
from quarantine.log import (
    HASH_SIZE,
    TILE_HEIGHT,
    Node,
    act_leaf,
    leaves_of,
    proof_nodes,
    subtree,
)
from quarantine.model import Act, Held, Logged, to_micros
from quarantine.ports import Store

CHUNK: Final = 10_000
_HASHED: Final = 1_000
"""Rows that are hashed together: few enough to stay in a processor's cache meanwhile."""

EVENTS: Final = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("producer", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("arrived", pa.int64(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("salt", pa.binary(), nullable=False),
        pa.field("body", pa.binary(), nullable=False),
    ]
)
"""What each event's leaf is made of; `arrived` in µs since 1970, `body` the exact bytes."""

NODES: Final = pa.schema(
    [
        pa.field("level", pa.int32(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
        pa.field("hash", pa.binary(HASH_SIZE), nullable=False),
    ]
)
"""The complete subtrees that, with the leaves, rebuild the checkpoint's root."""

_ACT_FILE: Final = re.compile(r"([0-9]{12})-([a-z-]+)\.dsse\.json")


def leaf_of(event: Held) -> bytes:
    """Compute an event's leaf hash from its facts (`log.event_leaf`)."""
    (leaf,) = leaves_of([event])
    return leaf


def events_batch(events: Sequence[Held]) -> pa.RecordBatch:
    """Return what the events' leaves are made of, as `EVENTS`."""
    columns = list(zip(*events, strict=True))[: len(EVENTS)] or [()] * len(EVENTS)
    arrays = [
        pa.array(column, type=field.type) for column, field in zip(columns, EVENTS, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=EVENTS)


def read_events(content: bytes, name: str) -> Iterator[Held]:
    """Yield the events of such a file, each with the leaf its facts give."""
    for batch in read_parquet(content, name):
        if batch.schema != EVENTS:
            raise TamperedError(f"{name} does not have the columns it should")
        for start in range(0, batch.num_rows, _HASHED):
            columns = [column.to_pylist() for column in batch.slice(start, _HASHED).columns]
            leaves = leaves_of(zip(*columns, strict=True))
            yield from map(tuple.__new__, repeat(Held), zip(*columns, leaves, strict=True))


def leaves_at(store: Store, rows: Sequence[int]) -> Iterator[bytes]:
    """Yield the leaves of some log rows (rising), also of those that were let go since."""
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        leaves = store.leaves(some[0], some[-1] + 1)
        yield from (leaves[each - some[0]] for each in some)


def gather(store: Store, indexes: Sequence[int], size: int) -> dict[Node, bytes]:
    """Return the nodes that prove the leaves at `indexes` (rising) in a log of `size` leaves."""
    tiles: dict[int, list[bytes]] = {}
    found = {}
    for level, number in proof_nodes(indexes, size):
        if level >= TILE_HEIGHT:
            found[level, number] = store.node(level, number)
            continue
        tile = number << level >> TILE_HEIGHT
        start = tile << TILE_HEIGHT
        if tile not in tiles:
            tiles[tile] = store.leaves(start, min(start + (1 << TILE_HEIGHT), size))
        first = (number << level) - start
        found[level, number] = subtree(tiles[tile][first : first + (1 << level)])
    return found


def write_nodes(nodes: Mapping[Node, bytes], path: Path) -> None:
    """Write proof nodes, by level and number."""
    order = sorted(nodes)
    columns = [
        pa.array([level for level, _ in order], type=pa.int32()),
        pa.array([number for _, number in order], type=pa.int64()),
        pa.array([nodes[node] for node in order], type=pa.binary(HASH_SIZE)),
    ]
    write_parquet([pa.RecordBatch.from_arrays(columns, schema=NODES)], NODES, path)


def read_nodes(content: bytes, name: str) -> dict[Node, bytes]:
    """Read proof nodes."""
    found: dict[Node, bytes] = {}
    for batch in read_parquet(content, name):
        if batch.schema != NODES:
            raise TamperedError(f"{name} does not have the columns it should")
        for level, number, node in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            if (level, number) in found:
                raise TamperedError(f"{name} holds node {number} of level {level} twice")
            found[level, number] = node
    return found


def act_file(logged: Logged) -> str:
    """Return the name of the file that carries an act: its log index and its kind."""
    return f"{logged.index:012}-{logged.act.kind}.dsse.json"


def read_act(name: str, content: bytes) -> tuple[Logged, ActRecord]:
    """Read such a file; raises `TamperedError` naming it when its name or content is wrong."""
    match = _ACT_FILE.fullmatch(name)
    if match is None or match[2] not in ACTS:
        raise TamperedError(f"{name} is no name of an act")
    try:
        said = ACTS[match[2]].parse(unseal(content).payload)
        act = Act(match[2], to_micros(said.at), content)
        record = record_of(act)
    except TamperedError as error:
        raise TamperedError(f"{name}: {error}") from error
    return Logged(int(match[1]), act), record


def leaf_of_act(logged: Logged) -> bytes:
    """Compute an act's leaf hash (`log.act_leaf`)."""
    return act_leaf(logged.act.kind.encode(), logged.act.at, logged.act.body)
