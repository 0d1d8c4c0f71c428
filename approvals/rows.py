"""The rows of a release: its columns, and how the body of a held event becomes one row."""

from __future__ import annotations

import hashlib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow.json import ParseOptions, ReadOptions, read_json

from quarantine.envelope import claimed_at, opened
from quarantine.errors import TamperedError
from quarantine.model import Held, Kind, SourceKey

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
_ATTRIBUTES: Final = ("scope", "subject", "aspect", "time")
_CHECKED: Final = ("specversion", "id", "source", "type", "datacontenttype")
_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
_IN_DATA: Final = ("model", "derived_from")
_SOURCE, _ID, _BODY = (itemgetter(Held._fields.index(name)) for name in ("source", "id", "body"))


class Voices(NamedTuple):
    """What a release says of rows and their bodies do not: whose voice each counts to, its origin.

    A column each, as long as there are rows.
    """

    clusters: Sequence[str] | pa.Array
    origins: Sequence[str] | pa.Array


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


def rows_of(events: Sequence[Held], voices: Voices, kind: Kind) -> pa.RecordBatch:
    """Return one row an event, from the events' exact bodies.

    Raises `TamperedError` naming a row whose body is not of this kind, or says another source or
    id than the row.
    """
    schema = schema_of(kind)
    said = said_by(events, kind)
    facts = [*zip(*events, strict=True)] or [()] * len(Held._fields)
    index, producers, sources, ids, arrived = facts[:5]
    names = {pair: str(SourceKey(*pair)) for pair in set(zip(producers, sources, strict=True))}
    clusters = pa.array(voices.clusters, pa.string())
    columns: dict[str, object] = {
        "event_id": ids,
        "source": [*map(names.__getitem__, zip(producers, sources, strict=True))],
        "origin": voices.origins,
        "cluster": clusters,
        "shard": _each(clusters, shard_of, pa.int32()),
        "log_index": index,
        "scope": said["scope"],
        "target": said["subject"],
        "aspect": said["aspect"],
        "time": _each(said["time"], claimed_at, _TIME),
        "arrived": arrived,
    }
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, type=field.type)
        for field in schema
        for column in [columns.get(field.name, said.get(field.name))]
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _each(column: pa.Array, read: Callable[[str], int], type_: pa.DataType) -> pa.Array:
    """Return what `read` says of each text; what stands in many rows is read once."""
    encoded = column.dictionary_encode()
    told = pa.array([*map(read, encoded.dictionary.to_pylist())], type=type_)
    return told.take(encoded.indices)


def said_by(
    events: Sequence[Held], kind: Kind, only: Sequence[str] | None = None
) -> Mapping[str, pa.Array]:
    """Return what the exact bodies of events say, an Arrow column an attribute and a field of data.

    Where not all fields are needed, for a first look, `only` names those of data that are: half as
    dear. Raises as `rows_of` does.
    """
    said = _read_at_once(events, kind, only)
    return _read_strictly(events, kind) if said is None else said


def _read_strictly(events: Sequence[Held], kind: Kind) -> Mapping[str, pa.Array]:
    """Read bodies one by one, as intake did; return what they say, by name."""
    attributes, told = [], []
    for event in events:
        said, data = opened(event.body)
        if (said.type, said.source, said.id) != (kind.event_type, event.source, event.id):
            raise TamperedError(f"log row {event.index} does not say what its body says")
        attributes.append(said)
        told.append(data)
    return {
        **{
            name: pa.array([getattr(each, name) for each in attributes], pa.string())
            for name in _ATTRIBUTES
        },
        **{
            field.name: pa.array([getattr(each, field.name) for each in told], field.type)
            for field in _data_schema(kind)
        },
    }


def _read_at_once(
    events: Sequence[Held], kind: Kind, only: Sequence[str] | None = None
) -> Mapping[str, pa.Array] | None:
    """Read bodies in one pass of Arrow's JSON reader, 20 times as fast; absent where it will not.

    A body is one line: a line break can only stand between values there. What Arrow does not read
    as exactly these columns, a key that stands twice and a row too many included, is left to
    `_read_strictly`.
    """
    lines = _lines(events)
    asked = [field for field in _data_schema(kind) if only is None or field.name in only]
    schema = pa.schema(
        [
            *(pa.field(name, pa.string()) for name in (*_ATTRIBUTES, *_CHECKED)),
            pa.field("data", pa.struct(asked)),
        ]
    )
    others = "error" if only is None else "ignore"
    try:
        table = read_json(
            pa.BufferReader(lines),
            read_options=ReadOptions(use_threads=False, block_size=len(lines) + 1),
            parse_options=ParseOptions(
                explicit_schema=schema, unexpected_field_behavior=others, newlines_in_values=False
            ),
        )
    except (pa.ArrowException, OSError):
        return None
    if table.num_rows != len(events) or not _is_theirs(table, events, kind):
        return None
    said = {name: table[name].combine_chunks() for name in _ATTRIBUTES}
    data = table["data"].combine_chunks()
    told = zip(data.type, data.flatten(), strict=True)
    return said | {field.name: column for field, column in told}


def _lines(events: Sequence[Held]) -> bytes:
    """Return the bodies of events, a line each."""
    bodies = [*map(_BODY, events)]
    lines = b"\n".join(bodies)
    if b"\r" in lines or lines.count(b"\n") != len(bodies) - 1:
        lines = b"\n".join([body.translate(_ONE_LINE) for body in bodies])
    return lines


def _is_theirs(table: pa.Table, events: Sequence[Held], kind: Kind) -> bool:
    """Say whether what was read names the very events, all of the kind, and lacks nothing."""
    required = [name for name in _ATTRIBUTES if name != "aspect"]
    return (
        not any(table[name].null_count for name in (*required, "data"))
        and _are(table["id"], [*map(_ID, events)])
        and _are(table["source"], [*map(_SOURCE, events)])
        and table["type"].unique().to_pylist() == [kind.event_type]
        and all(map(_is_finite, table["data"].combine_chunks().flatten()))
    )


def _are(column: pa.ChunkedArray, texts: Sequence[str]) -> bool:
    """Say whether a column is exactly these texts."""
    return bool(column.equals(pa.chunked_array([pa.array(texts, pa.string())])))


def _is_finite(column: pa.Array) -> bool:
    """Say whether a column holds no NaN and no infinity, which Arrow reads as numbers."""
    if not pa.types.is_floating(column.type):
        return True
    return bool(np.isfinite(column.drop_null().to_numpy(zero_copy_only=False)).all())


def _data_schema(kind: Kind) -> pa.Schema:
    return pa.schema(
        [pa.field(name, _arrow(field.annotation)) for name, field in kind.data.model_fields.items()]
    )


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
