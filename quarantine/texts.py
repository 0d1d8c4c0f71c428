"""Texts as detectors see them: every distinct one read once, as words, lengths and likeness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from quarantine.likeness import SIZE, Hashes, form_signatures
from quarantine.normal import normal

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

MOST_GRAMS: Final = 4096
"""So many words and pairs of words of one text count, and more are not read."""
WHOLE: Final = 12
"""A text of so many words or fewer is a phrase, and counts as one gram besides."""
_HASHED: Final = np.uint64(2**31 - 1)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_PHRASE: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_PARTS: Final = r"[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f\p{Pd}\p{Pi}\p{Pf}\p{Po}\p{Ps}\p{Pe}]+"
_ALONE: Final = r"([\p{So}\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}])"
_CHUNK: Final = 20_000


class Grams(NamedTuple):
    """The grams of some texts: of the i-th those from `start[i]` to `start[i+1]` in `gram`.

    A gram is a word, a pair of neighbouring words, or a whole short text, each once a text, as a
    hash below 2^31 of its normal form. `words` and `characters` count each text's, `signatures`
    tell near copies (`quarantine.likeness`).
    """

    start: Ints
    gram: Codes
    words: Codes
    characters: Codes
    signatures: Hashes


def _nothing(_: int) -> str:
    return ""


def _no_grams() -> sp.csr_array:
    return sp.csr_array(sp.coo_array((0, 0), dtype=np.int8))


@dataclass(frozen=True, slots=True)
class Texts:
    """Distinct texts by code: `grams` has a row a text and a column a gram, 1 where it stands.

    `words` and `characters` are counts; `signatures` (n x 64) tell near copies
    (`quarantine.likeness`); `hashes` names the columns, equal in every table that is
    made of any texts; `read` returns the text of a code as it came (untrusted: show it by `safe`).
    It may hold texts that no event of the evidence at hand has: count over events, not over it.
    """

    grams: sp.csr_array = field(default_factory=_no_grams)
    words: Codes = field(default_factory=lambda: np.empty(0, np.int32))
    characters: Codes = field(default_factory=lambda: np.empty(0, np.int32))
    signatures: Hashes = field(default_factory=lambda: np.empty((0, SIZE), np.uint64))
    hashes: Codes = field(default_factory=lambda: np.empty(0, np.int32))
    read: Callable[[int], str] = _nothing

    def __len__(self) -> int:
        """Return the number of distinct texts."""
        return len(self.words)

    def spelled(self, gram: int, text: int) -> str:
        """Return how the gram of that column is spelled in the text of that code, '' if nowhere."""
        parts = [part for part in split(self.read(text)) if part]
        spans = [
            " ".join(parts[first : first + width])
            for width in (1, 2, len(parts))
            for first in range(len(parts) - width + 1)
        ]
        # The shortest span that has the gram is the gram itself.
        read = grams_of(spans)
        at = np.flatnonzero(read.gram == self.hashes[gram])
        return spans[int(np.searchsorted(read.start, at[0], side="right")) - 1] if len(at) else ""


def split(text: str) -> list[str]:
    """Return the words of one text as they came."""
    apart = pc.replace_substring_regex(pa.array([text]), _ALONE, r" \1 ")
    return str(apart[0].as_py()).split()


def grams_of(texts: Sequence[str]) -> Grams:
    """Read texts; the same text always gives the same grams, in any company.

    Words are what stands between blanks and punctuation in the normal form (`quarantine.normal`);
    a symbol, and a character of a script without blanks, is a word of its own.
    """
    return joined([_read(texts[at : at + _CHUNK]) for at in range(0, len(texts), _CHUNK)])


def joined(parts: Sequence[Grams]) -> Grams:
    """Return what was read of several runs of texts as of one."""
    sizes = [np.zeros(1, np.int64), *(np.diff(part.start) for part in parts)]
    none = np.empty(0, np.int32)
    return Grams(
        start=np.cumsum(np.concatenate(sizes)),
        gram=np.concatenate([none, *(part.gram for part in parts)]),
        words=np.concatenate([none, *(part.words for part in parts)]),
        characters=np.concatenate([none, *(part.characters for part in parts)]),
        signatures=np.concatenate(
            [np.empty((0, SIZE), np.uint64), *(part.signatures for part in parts)]
        ),
    )


def _read(texts: Sequence[str]) -> Grams:
    forms = [normal(text) for text in texts]
    listed = parted(forms)
    start = listed.offsets.to_numpy().astype(np.int64)
    encoded = listed.flatten().dictionary_encode()
    vocabulary = encoded.dictionary.to_numpy(zero_copy_only=False)
    word = pd.util.hash_array(vocabulary, categorize=False)[encoded.indices.to_numpy()]
    text = np.repeat(np.arange(len(texts)), np.diff(start))
    paired = np.flatnonzero(text[1:] == text[:-1])
    words = np.diff(start)
    phrase = np.flatnonzero((words > 2) & (words <= WHOLE))  # noqa: PLR2004  two are a pair
    hashed = np.concatenate([word, _pairs(word, paired), _phrases(word, start, phrase)])
    of = np.concatenate([text, text[paired], phrase])
    gram, of = _once((hashed % _HASHED).astype(np.int64), of)
    return Grams(
        np.searchsorted(of, np.arange(len(texts) + 1)).astype(np.int64),
        gram.astype(np.int32),
        words.astype(np.int32),
        np.array([len(text) for text in texts], np.int32),
        form_signatures(forms),
    )


def parted(spelled: Sequence[str]) -> pa.ListArray:
    """Return the words of texts in their normal form: a list a text, of what has no blank."""
    text = pc.replace_substring_regex(pa.array(spelled, pa.string()), _PARTS, " ")
    if not all(each.isascii() for each in spelled):
        text = pc.replace_substring_regex(text, _ALONE, r" \1 ")
    listed = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(text))
    filled = pc.not_equal(listed.flatten(), "")
    size = np.add.reduceat(
        np.r_[filled.to_numpy(zero_copy_only=False), False].astype(np.int64),
        listed.offsets.to_numpy()[:-1],
    )
    # An empty text is one empty word to Arrow; to us it has none.
    starts = pa.array(np.r_[0, np.cumsum(size)].astype(np.int32))
    return pa.ListArray.from_arrays(starts, listed.flatten().filter(filled))


def _pairs(word: npt.NDArray[np.uint64], paired: Ints) -> npt.NDArray[np.uint64]:
    """Hash neighbours: their order counts."""
    return np.asarray((word[paired] * _MIX) ^ (word[paired + 1] + _PHRASE), np.uint64) * _PHRASE


def _phrases(word: npt.NDArray[np.uint64], start: Ints, phrase: Ints) -> npt.NDArray[np.uint64]:
    """Hash whole short texts, from the first word to the last."""
    left = start[phrase]
    size = start[phrase + 1] - left
    found = np.full(len(phrase), _PHRASE)
    for step in range(WHOLE):
        more = step < size
        found[more] = (found[more] ^ word[left[more] + step]) * _MIX
    return found


def _once(gram: Ints, text: Ints) -> tuple[Ints, Ints]:
    """Return every gram once a text, by text; of a text with very many, as many as may count."""
    packed = np.sort(text << 31 | gram)
    packed = packed[np.diff(packed, prepend=-1) > 0]
    text = packed >> 31
    rank = np.arange(len(text)) - np.searchsorted(text, text)
    kept = rank < MOST_GRAMS
    return packed[kept] & (2**31 - 1), text[kept]


def texts_from(read: Grams, texts: Callable[[int], str]) -> Texts:
    """Make the table of what was read; grams that stand in one text alone are left out.

    Nothing can be said of them that the text itself does not say.
    """
    codes, hashes = pd.factorize(read.gram)
    often = np.bincount(codes, minlength=len(hashes))
    column = np.cumsum(often > 1) - 1
    kept = often[codes] > 1
    start = np.r_[0, np.cumsum(kept)][read.start]
    grams = sp.csr_array(
        (np.ones(int(kept.sum()), np.int8), column[codes[kept]].astype(np.int32), start),
        shape=(len(read.words), int((often > 1).sum())),
    )
    return Texts(
        grams,
        read.words,
        read.characters,
        read.signatures,
        hashes[often > 1].astype(np.int32),
        texts,
    )
