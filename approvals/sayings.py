"""The texts of rows as a trainer would read them: from a release's columns, or from held bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from approvals.proofs import CHUNK
from approvals.rows import data_fields, said_by, schema_of
from quarantine.model import Kind
from quarantine.spoken import Listener, Spoken

if TYPE_CHECKING:
    import numpy.typing as npt

    from quarantine.ports import Store

    Codes = npt.NDArray[np.int64]

_NAMES: Final = frozenset({"name", "shown_at", "supersedes"})
"""Fields of a kind that are strings and no text: names of signals, times and ids."""


@dataclass(frozen=True, slots=True)
class Sayings:
    """What candidates say: `spoken` reads rows by log index (rising, a row each).

    `texts` returns the texts of one of them as they came (untrusted: show them by `safe`).
    """

    spoken: Callable[[Codes], Spoken]
    texts: Callable[[int], Sequence[str]]


SILENT: Final = Sayings(lambda index: Spoken().padded(len(index)), lambda _: ())
"""Nobody says a word."""


def text_fields(kind: Kind) -> list[str]:
    """Return the columns of a kind that hold text: strings, and lists of them."""
    schema = schema_of(kind)
    return [
        name
        for name in data_fields(kind)
        if name not in _NAMES
        and (
            pa.types.is_string(schema.field(name).type) or pa.types.is_list(schema.field(name).type)
        )
    ]


def texts_of(rows: pa.RecordBatch, kind: Kind) -> list[pa.Array]:
    """Return the texts of rows of a release, a column a field; a list is one text."""
    return [_as_text(rows.column(name)) for name in text_fields(kind)]


def held_sayings(store: Store, kind: Kind) -> Sayings:
    """Return what held events of `kind` say; one that was erased says nothing."""

    def spoken(index: Codes) -> Spoken:
        listener = Listener()
        for start in range(0, len(index), CHUNK):
            listener.add(_held(store, index[start : start + CHUNK].tolist(), kind))
        return listener.spoken()

    def texts(index: int) -> list[str]:
        columns = _held(store, [index], kind)
        return [text for column in columns for text in column.to_pylist() if text]

    return Sayings(spoken, texts)


def column_sayings(columns: Sequence[pa.Array]) -> Sayings:
    """Return what rows say whose log indexes count from 0, from a column of texts a field."""

    def spoken(index: Codes) -> Spoken:
        listener = Listener()
        listener.add([column.take(pa.array(index)) for column in columns])
        return listener.spoken()

    def texts(index: int) -> list[str]:
        return [column[index].as_py() for column in columns if column[index].as_py()]

    return Sayings(spoken, texts)


def _held(store: Store, indexes: Sequence[int], kind: Kind) -> list[pa.Array]:
    """Read bodies in one pass; the rows of the erased are null."""
    events = list(store.held(indexes))
    whole = [event for event in events if not event.is_erased]
    said = said_by(whole, kind) if whole else {}
    found = [
        _as_text(said[name]) if said else pa.nulls(0, pa.string()) for name in text_fields(kind)
    ]
    if len(whole) == len(events):
        return found
    stands = np.cumsum([not event.is_erased for event in events]) - 1
    place = pa.array(
        [
            int(at) if not event.is_erased else None
            for at, event in zip(stands, events, strict=True)
        ],
        pa.int64(),
    )
    return [column.take(place) for column in found]


def _as_text(column: pa.Array) -> pa.Array:
    if not pa.types.is_list(column.type):
        return column
    return pc.binary_join(column, "\n")
