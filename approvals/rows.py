"""The rows of a release: its columns, and how the body of a held event becomes one row."""

from __future__ import annotations

import hashlib
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import pyarrow as pa

from quarantine.envelope import moment, opened
from quarantine.errors import TamperedError
from quarantine.model import Held, Kind, SourceKey, to_micros

SHARDS: Final = 64
_TIME: Final = pa.timestamp("us", tz="UTC")
_TEXTS: Final = pa.list_(pa.field("element", pa.string()))  # the name that Parquet gives
_TYPES: Final = {
    str: pa.string(),
    float: pa.float64(),
    int: pa.int64(),
    bool: pa.bool_(),
    list[str]: _TEXTS,
}
_COMMON: Final = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),
        pa.field("shard", pa.int32(), nullable=False),
        pa.field("log_index", pa.int64(), nullable=False),
        pa.field("scope", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("aspect", pa.string()),
        pa.field("time", _TIME, nullable=False),
        pa.field("arrived", _TIME, nullable=False),
        pa.field("model", pa.string()),
        pa.field("derived_from", _TEXTS),
    ]
)
_IN_DATA: Final = ("model", "derived_from")


@dataclass(frozen=True, slots=True)
class Voice:
    """What a release says of a row and its body does not: whose voice it counts to, its origin."""

    cluster: str
    origin: str


@lru_cache(maxsize=65_536)
def shard_of(cluster: str) -> int:
    """Return the shard of a cluster: H(cluster) mod 64, the same in every release."""
    return int.from_bytes(hashlib.sha256(cluster.encode()).digest()[:8], "big") % SHARDS


def data_fields(kind: Kind) -> list[str]:
    """Return the names of the kind's own columns, in the order of its model."""
    return [name for name in kind.data.model_fields if name not in _IN_DATA]


def schema_of(kind: Kind) -> pa.Schema:
    """Return the columns of a release of this kind: the common ones, then those of its data."""
    own = [
        pa.field(name, _arrow(kind.data.model_fields[name].annotation))
        for name in data_fields(kind)
    ]
    return pa.schema([*_COMMON, *own])


def rows_of(events: Sequence[Held], voices: Sequence[Voice], kind: Kind) -> pa.RecordBatch:
    """Return one row an event, from the events' exact bodies.

    Raises `TamperedError` naming a row whose body is not of this kind, or says another source or
    id than the row.
    """
    schema = schema_of(kind)
    columns: dict[str, list[object]] = {name: [] for name in schema.names}
    for event, voice in zip(events, voices, strict=True):
        for name, value in _row(event, voice, kind).items():
            columns[name].append(value)
    arrays = [pa.array(columns[field.name], type=field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _row(event: Held, voice: Voice, kind: Kind) -> dict[str, object]:
    attributes, data = opened(event.body)
    said = (attributes.type, attributes.source, attributes.id)
    if said != (kind.event_type, event.source, event.id):
        raise TamperedError(f"log row {event.index} does not say what its body says")
    row: dict[str, object] = {
        "event_id": event.id,
        "source": str(SourceKey(event.producer, event.source)),
        "origin": voice.origin,
        "cluster": voice.cluster,
        "shard": shard_of(voice.cluster),
        "log_index": event.index,
        "scope": attributes.scope,
        "target": attributes.subject,
        "aspect": attributes.aspect,
        "time": to_micros(moment(attributes.time)),
        "arrived": event.arrived,
    }
    return row | {name: getattr(data, name) for name in kind.data.model_fields}


def _arrow(annotation: object) -> pa.DataType:
    """Return the Arrow type of a field's annotation; `TypeError` where no column can hold it."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _arrow(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(annotation) if part is not type(None)]
        if len(inner) == 1:
            return _arrow(inner[0])
    for known, arrow in _TYPES.items():
        if annotation == known:
            return arrow
    raise TypeError(f"no column can hold {annotation}")
