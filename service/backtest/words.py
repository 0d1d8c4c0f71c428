"""What recorded events say in words: the texts of their rows, and of the items they judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from quarantine.envelope import kind_named
from quarantine.model import Worded
from quarantine.wording import ROLES, WORDS_SCHEMA, Reader, Wording
from service.backtest.known import Item, coded
from service.backtest.model import Feedback, Ints

_NAMED: Final = {"a1": 0, "a2": 1}
"""The labels that name an option of an item that has two."""


def words_of(kind: str, table: pa.Table) -> Mapping[str, pa.ChunkedArray]:
    """Return the texts of CSV cells of one kind, in the columns of `WORDS_SCHEMA`."""
    filled = {name: name for name in table.column_names if name not in {"row", "content"}}
    stands = kind_named(kind).words(filled)
    columns = {
        role: table.column(name).dictionary_encode() if name else _silence(len(table))
        for role, name in zip(Worded._fields[:-1], stands[:-1], strict=True)
    }
    columns["generation"] = pa.chunked_array([np.full(len(table), -1, np.int32)])
    return _columns(columns)


def wording(feedback: Feedback, items: Mapping[str, Item]) -> Wording:
    """Read the texts of all events, and those that `items` describe where a row has none."""
    words = _described(feedback, items) if items else feedback.words
    if not any(_speaks(words.column(role)) for role in (*ROLES, "model")):
        return Wording()
    reader = Reader(lambda index, role: str(words.column(role)[index].as_py()))
    reader.add(np.arange(feedback.events.num_rows), words)
    return reader.wording()


def _described(feedback: Feedback, items: Mapping[str, Item]) -> pa.Table:
    """Fill in what items say of targets, where the row itself does not say it."""
    target, names = coded(feedback.events, "target")
    answer, answers = coded(feedback.events, "answer")
    option = np.array([_NAMED.get(word, -1) for word in answers], np.int64)[answer]
    found = [items.get(name, Item()) for name in names]
    size = len(names)
    asked = [item.asked for item in found]
    options = ["", *(item.a for item in found), *(item.b for item in found)]
    named = option >= 0
    filled = {
        "asked": (target, asked),
        "chosen": (np.where(named, 1 + option * size + target, 0), options),
        "other": (np.where(named, 1 + (1 - option) * size + target, 0), options),
    }
    words = feedback.words
    columns = {name: words.column(name) for name in words.column_names}
    columns |= {role: _filled(words.column(role), *by) for role, by in filled.items()}
    return _table(columns)


def _filled(column: pa.ChunkedArray, codes: Ints, texts: Sequence[str]) -> pa.DictionaryArray:
    """Return the column with texts where it has none."""
    said = column.unify_dictionaries().combine_chunks()
    spoken = said.dictionary.to_pylist()
    silent = np.array([text == "" for text in spoken] + [True], bool)[said.indices.to_numpy()]
    joined = np.where(silent, len(spoken) + codes, said.indices.to_numpy())
    return pa.DictionaryArray.from_arrays(joined.astype(np.int32), [*spoken, *texts])


def _silence(rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([""]))


def _speaks(column: pa.ChunkedArray) -> bool:
    return any(
        text
        for chunk in column.unify_dictionaries().chunks
        for text in chunk.dictionary.to_pylist()
    )


def _columns(columns: Mapping[str, pa.Array]) -> Mapping[str, pa.ChunkedArray]:
    table = _table(columns)
    return {name: table.column(name) for name in WORDS_SCHEMA.names}


def _table(columns: Mapping[str, pa.Array]) -> pa.Table:
    return pa.table([columns[field.name] for field in WORDS_SCHEMA], WORDS_SCHEMA.names).cast(
        WORDS_SCHEMA
    )
