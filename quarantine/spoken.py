"""What rows say, word by word, as numbers: every text a trainer would read, nothing left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quarantine.evidence import Ints
from quarantine.normal import normal
from quarantine.texts import Codes, parted

REMEMBERED: Final = 200_000


@dataclass(frozen=True, slots=True)
class Spoken:
    """The texts of rows: row i has those that `text[i]` names (fields in columns, -1 for none).

    Text t is the words from `start[t]` to `start[t + 1]` of `word`. Equal words have equal numbers:
    words in their normal form (`quarantine.normal`), parted as detectors part them
    (`quarantine.texts`). The same text may stand here under several codes. `words` are those in
    their normal form, by number.
    """

    word: Codes = field(default_factory=lambda: np.empty(0, np.int32))
    start: Ints = field(default_factory=lambda: np.zeros(1, np.int64))
    text: Codes = field(default_factory=lambda: np.empty((0, 0), np.int32))
    words: Sequence[str] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.text)

    def only(self, rows: Ints) -> Spoken:
        """Return these rows, in this order, over the same texts."""
        return replace(self, text=self.text[rows])

    def padded(self, rows: int) -> Spoken:
        """Return so many rows that say nothing, over the same texts."""
        return replace(self, text=np.full((rows, 1), -1, np.int32))


class Listener:
    """Takes rows in as they come and keeps their words as numbers, four bytes a word.

    Words are numbered exactly, by a table of all that were met, so that no spelling can be made
    that passes for another word. Of the first `remembered` texts each is read once, however many
    rows have it; that many are kept as they came.
    """

    def __init__(self, *, remembered: int = REMEMBERED) -> None:
        """Have heard nothing yet."""
        self._remembered = remembered
        self._code: dict[str, int] = {}
        self._number: dict[str, int] = {}
        self._word: list[Codes] = []
        self._size: list[Ints] = []
        self._text: list[Codes] = []
        self._texts = 0

    def add(self, columns: Sequence[pa.Array]) -> None:
        """Hear rows: one column of texts (strings or null, of equal length) a field."""
        self._text.append(np.column_stack([self._coded(column) for column in columns]))

    def spoken(self) -> Spoken:
        """Return all that was heard."""
        if not self._text:
            return Spoken()
        sizes = np.concatenate([np.zeros(1, np.int64), *self._size])
        words = np.concatenate([np.empty(0, np.int32), *self._word])
        return Spoken(words, np.cumsum(sizes), np.concatenate(self._text), tuple(self._number))

    def _coded(self, column: pa.Array) -> Codes:
        """Return by row the code of its text, -1 where there is none."""
        encoded = column.dictionary_encode()
        texts = encoded.dictionary.to_pylist()
        found = [self._code.get(text, -1) for text in texts]
        new = [place for place, code in enumerate(found) if code < 0]
        if new:
            self._hear([texts[place] for place in new])
        for place in new:
            found[place] = self._texts
            self._texts += 1
            if len(self._code) < self._remembered:
                self._code[texts[place]] = found[place]
        indices = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
        return np.asarray(np.array([*found, -1], np.int32)[indices], np.int32)

    def _hear(self, texts: Sequence[str]) -> None:
        listed = parted([normal(text) for text in texts])
        self._size.append(np.diff(listed.offsets.to_numpy()).astype(np.int64))
        encoded = pc.dictionary_encode(listed.flatten())
        number = self._number
        known = [number.setdefault(word, len(number)) for word in encoded.dictionary.to_pylist()]
        self._word.append(np.array(known, np.int32)[encoded.indices.to_numpy()])
