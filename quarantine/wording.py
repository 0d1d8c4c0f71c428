"""What events say in words: codes into one table of texts, kept as events arrive."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from quarantine.model import Worded
from quarantine.texts import Codes, Grams, Ints, Texts, grams_of, joined, texts_from

ROLES: Final = ("asked", "chosen", "other", "own")
"""What a text can be to an event (`Worded`)."""
COLUMNS: Final = (*ROLES, "model", "generation")
"""The columns that `Wording` gives to the frames of evidence."""
MOST_TEXTS: Final = 1_000_000
"""Distinct texts that are read: what bounds the memory of a service that runs for long."""
_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
WORDS_SCHEMA: Final = pa.schema(
    [
        *(pa.field(name, _TEXT, nullable=False) for name in (*ROLES, "model")),
        pa.field("generation", pa.int32(), nullable=False),
    ]
)
"""What events say in words, a row an event: '' where there is no text, -1 no generation."""


def table_of(said: Sequence[Worded]) -> pa.Table:
    """Return the texts of events in `WORDS_SCHEMA`."""
    columns = zip(*said, strict=True) if said else ((),) * len(Worded._fields)
    return pa.table(
        [
            pa.array(column, pa.int32() if name == "generation" else pa.string())
            for name, column in zip(Worded._fields, columns, strict=True)
        ],
        Worded._fields,
    ).cast(WORDS_SCHEMA)


@dataclass(frozen=True, slots=True)
class Wording:
    """The texts of events: a row for each event that was read, by rising log `index`.

    `asked` is the prompt, or the item that is judged; `chosen` the option that the event speaks for
    (the chosen answer, the corrected text, the option that a label names, the completion that is
    rated), `other` the one it speaks against, `own` the source's own words: codes into `texts`, -1
    where there is none. `model` is the model that the event names (code into `models`, -1), and
    `generation` its generation (-1 where it has none).
    """

    texts: Texts = field(default_factory=Texts)
    index: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    columns: Mapping[str, Codes] = field(default_factory=dict)
    models: Sequence[str] = ()

    def at(self, index: Ints) -> dict[str, Codes]:
        """Return the columns of a frame for the events of these log indexes, -1 where unknown."""
        if not len(self.index):
            return {name: np.full(len(index), -1, np.int32) for name in COLUMNS}
        place = np.minimum(np.searchsorted(self.index, index), len(self.index) - 1)
        known = self.index[place] == index
        return {name: np.where(known, self.columns[name][place], np.int32(-1)) for name in COLUMNS}


class Reader:
    """Reads the texts of events as they come, each distinct text once.

    `fetch` returns the text that the event of a log index has in a role. Of texts themselves it
    keeps a digest and where each stands first; grams and counts are kept, a few bytes a word.
    """

    def __init__(self, fetch: Callable[[int, str], str], *, most: int = MOST_TEXTS) -> None:
        """Read nothing yet; of more than `most` distinct texts the later ones are not read."""
        self._fetch, self._most = fetch, most
        self._codes: dict[bytes, int] = {}
        self._models: dict[str, int] = {}
        self._first: list[tuple[int, str]] = []
        self._index: list[Ints] = []
        self._columns: dict[str, list[Codes]] = {name: [] for name in COLUMNS}
        self._read: list[Grams] = []
        self._wording = Wording()

    def add(self, index: Ints, words: pa.Table) -> None:
        """Read the events of these log indexes (rising, beyond all before) in `WORDS_SCHEMA`."""
        new: list[str] = []
        for role in ROLES:
            self._columns[role].append(self._coded(words.column(role), index, role, new))
        model = _once(words.column("model"))
        places = [
            self._models.setdefault(name, len(self._models)) if name else -1 for name in model[1]
        ]
        self._columns["model"].append(np.array([*places, -1], np.int32)[model[0]])
        self._columns["generation"].append(words.column("generation").to_numpy().astype(np.int32))
        self._index.append(index)
        if new:
            self._read.append(grams_of(new))
        self._wording = Wording()

    def wording(self) -> Wording:
        """Return all that was read so far."""
        if not len(self._wording.index) and self._index:
            self._read = [joined(self._read)]
            first = tuple(self._first)
            self._wording = Wording(
                texts_from(self._read[0], lambda code: self._fetch(*first[code])),
                np.concatenate(self._index),
                {name: np.concatenate(parts) for name, parts in self._columns.items()},
                tuple(self._models),
            )
        return self._wording

    def _coded(self, column: pa.ChunkedArray, index: Ints, role: str, new: list[str]) -> Codes:
        """Return the codes of a column of texts; what was never seen is put into `new`."""
        codes, texts = _once(column)
        if texts == [""]:
            return np.full(len(codes), -1, np.int32)
        _, first = np.unique(codes, return_index=True)
        found = np.full(len(texts) + 1, -1, np.int32)
        for code, at in zip(np.unique(codes).tolist(), first.tolist(), strict=True):
            text = texts[code]
            if not text:
                continue
            digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
            if len(self._codes) >= self._most and digest not in self._codes:
                continue
            found[code] = self._codes.setdefault(digest, len(self._codes))
            if found[code] == len(self._first):
                self._first.append((int(index[at]), role))
                new.append(text)
        return found[codes]


def _once(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Return codes into the distinct texts of a column."""
    if not len(column):
        return np.empty(0, np.int64), []
    encoded = column.unify_dictionaries().combine_chunks()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()
