"""The texts of rows as a trainer would read them: from a release's columns, or from held bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from approvals.proofs import CHUNK
from approvals.rows import data_fields, said_by, schema_of
from quarantine.model import Held, Kind
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


class Bodies:
    """Reads held events of one kind and remembers what they say, so that none is read twice."""

    def __init__(self, store: Store, kind: Kind) -> None:
        """Have read nothing yet."""
        self._store = store
        self._kind = kind
        self._asked = [*text_fields(kind), "supersedes"]
        self._listener = Listener()
        self._index = [np.empty(0, np.int64)]

    def read(self, index: Codes) -> Iterator[tuple[Sequence[Held], Mapping[str, pa.Array]]]:
        """Yield the events at log `index` (rising), some at a time, with what their bodies say.

        Those that were erased say nothing and are passed over. Raises as `rows.said_by` does.
        """
        for start in range(0, len(index), CHUNK):
            some = index[start : start + CHUNK].tolist()
            events = [event for event in self._store.held(some) if event.salt]
            if events:
                said = said_by(events, self._kind, self._asked)
                self._listener.add([_as_text(said[name]) for name in text_fields(self._kind)])
                self._index.append(np.array([event.index for event in events], np.int64))
                yield events, said

    def sayings(self) -> Sayings:
        """Return what these events say; others are read when somebody asks for them."""
        return Sayings(self._spoken, self._texts)

    def _spoken(self, index: Codes) -> Spoken:
        # Not `setdiff1d`, which took an eighth of a request.
        unread = ~np.isin(index, np.concatenate(self._index))
        for _ in self.read(np.unique(index[unread])):
            pass
        known = np.concatenate(self._index)
        if not len(known):
            return Spoken().padded(len(index))
        order = np.argsort(known, kind="stable")
        place = order[np.minimum(np.searchsorted(known, index, sorter=order), len(known) - 1)]
        heard = self._listener.spoken().only(place)
        heard.text[known[place] != index] = -1
        return heard

    def _texts(self, index: int) -> list[str]:
        for _, said in Bodies(self._store, self._kind).read(np.array([index], np.int64)):
            columns = [_as_text(said[name]) for name in text_fields(self._kind)]
            return [column[0].as_py() for column in columns if column[0].as_py()]
        return []


def held_sayings(store: Store, kind: Kind) -> Sayings:
    """Return what held events of `kind` say; one that was erased says nothing."""
    return Bodies(store, kind).sayings()


def column_sayings(columns: Sequence[pa.Array]) -> Sayings:
    """Return what rows say whose log indexes count from 0, from a column of texts a field."""

    def spoken(index: Codes) -> Spoken:
        listener = Listener()
        listener.add([column.take(pa.array(index)) for column in columns])
        return listener.spoken()

    def texts(index: int) -> list[str]:
        return [column[index].as_py() for column in columns if column[index].as_py()]

    return Sayings(spoken, texts)


def _as_text(column: pa.Array) -> pa.Array:
    if not pa.types.is_list(column.type):
        return column
    return pc.binary_join(column, "\n")
