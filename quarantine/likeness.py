"""Which texts are near copies of one another: MinHash signatures of the normal form, and bands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from quarantine.normal import normal

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

SIZE: Final = 64
"""Values in a signature: a likeness of 0.8 is estimated with a spread of 0.05."""
_SHINGLE: Final = 4
"""Characters in a shingle: short enough that one changed letter leaves most of a sentence."""
_BAND: Final = 4
"""Values that must agree for two texts to be compared: 16 bands find 99.9 % of pairs at 0.8."""
_NOTHING: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""Stands where no shingle fell; a text in which nothing is visible has nothing else."""
_SLAB: Final = 1 << 20
"""Characters hashed at a time: what bounds the memory."""
_PAIRS: Final = 1 << 16
"""Pairs compared at a time, for the same reason."""
_SEED: Final = 0x9E37_79B9_7F4A_7C15
_MIX: Final = (np.uint64(0xBF58_476D_1CE4_E5B9), np.uint64(0x94D0_49BB_1331_11EB))


def signatures(texts: Sequence[str]) -> Hashes:
    """Return one row of `SIZE` values a text; equal values at a place speak for likeness.

    What is compared is the normal form (`quarantine.normal`), so that twins, invisible characters,
    case and blanks make no difference. The share of equal values estimates the Jaccard likeness of
    the sets of shingles (MinHash, Broder 1997), with one hash a shingle (Li, Owen and Zhang 2012)
    and empty places filled from others (Shrivastava 2017). Nothing is drawn: the same text has the
    same row on every machine. Rows of texts with nothing visible are all `2**64 - 1`.
    """
    return form_signatures([normal(text) for text in texts])


def form_signatures(forms: Sequence[str]) -> Hashes:
    """Return what `signatures` does, of texts that are in normal form already."""
    rows = np.full((len(forms), SIZE), _NOTHING, np.uint64)
    for start, slab in _slabs(forms):
        _sketch(slab, rows[start : start + len(slab)])
    _fill(rows)
    return rows


def likeness(signatures: Hashes, left: Ints, right: Ints) -> npt.NDArray[np.float64]:
    """Return, by pair of rows, the share of their values that are equal: 0..1."""
    agreed = np.empty(len(left))
    for start in range(0, len(left), _PAIRS):
        here = slice(start, start + _PAIRS)
        agreed[here] = (signatures[left[here]] == signatures[right[here]]).mean(axis=1)
    return agreed


def near_pairs(
    signatures: Hashes, *, share: float = 0.8, most: int = 3_000_000
) -> tuple[Ints, Ints]:
    """Return pairs of rows (`left < right`, each once) whose likeness is at least `share`.

    Only rows that agree in a whole band are compared (locality-sensitive hashing, Indyk and Motwani
    1998), neighbours in a crowded band first, until `most` comparisons are spent: a crowd of copies
    stays connected even where not every pair of it is named. Equal rows are paired with the first
    of them only. Rows with nothing visible are like nobody.
    """
    visible = np.flatnonzero((signatures != _NOTHING).any(axis=1))
    distinct, first, which = np.unique(
        signatures[visible], axis=0, return_index=True, return_inverse=True
    )
    first, same = visible[first], visible[first[which.ravel()]]
    copied = same != visible
    left, right = _compared(distinct, most)
    near = likeness(distinct, left, right) >= share
    return _ordered(
        np.concatenate([same[copied], first[left[near]]]),
        np.concatenate([visible[copied], first[right[near]]]),
        len(signatures),
    )


def _slabs(forms: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Cut the texts into runs of about a slab of characters; a long text is a run of its own."""
    start = held = 0
    for end, form in enumerate(forms):
        if held and held + len(form) > _SLAB:
            yield start, forms[start:end]
            start, held = end, 0
        held += len(form) + _SHINGLE
    if held:
        yield start, forms[start:]


def _sketch(forms: Sequence[str], rows: Hashes) -> None:
    """Put the least hash of each text's shingles into the place that the hash chooses."""
    # A text is framed by blanks, so that its first and last words are shingles like any other, and
    # at least one shingle is left of the shortest.
    framed = [f" {form} ".ljust(_SHINGLE) if form else "" for form in forms]
    length = np.fromiter(map(len, framed), np.int64, len(framed))
    count = np.maximum(length - _SHINGLE + 1, 0)
    points = np.frombuffer("".join(framed).encode("utf-32-le", "surrogatepass"), "<u4")
    begin = np.repeat(np.cumsum(length) - length - (np.cumsum(count) - count), count)
    begin += np.arange(len(begin))
    hashed = np.full(len(begin), np.uint64(_SEED))
    for offset in range(_SHINGLE):
        hashed = _mixed(hashed ^ points[begin + offset])
    place = np.repeat(np.arange(len(framed)) * SIZE, count) + (hashed % SIZE).astype(np.int64)
    np.minimum.at(rows.reshape(-1), place, hashed)


def _fill(rows: Hashes) -> None:
    """Lend each empty place the value of the first filled one, in an order that is the place's."""
    text, place = np.nonzero((rows == _NOTHING) & (rows != _NOTHING).any(axis=1)[:, None])
    orders = np.argsort(_mixed(np.arange(SIZE * SIZE, dtype=np.uint64)).reshape(SIZE, SIZE))
    whole = rows.copy()
    for turn in range(SIZE):
        lent = whole[text, orders[place, turn]]
        found = lent != _NOTHING
        rows[text[found], place[found]] = lent[found]
        text, place = text[~found], place[~found]


def _compared(rows: Hashes, most: int) -> tuple[Ints, Ints]:
    """Return the pairs that agree in at least one band, as far as `most` comparisons go."""
    bands = rows.reshape(len(rows), SIZE // _BAND, _BAND)
    pairs: list[Ints] = []
    for band in range(bands.shape[1]):
        key = bands[:, band, 0].copy()
        for value in range(1, _BAND):
            key = _mixed(key) ^ bands[:, band, value]
        pairs.append(_neighbours(key, most // bands.shape[1]))
    return _apart(np.concatenate(pairs), len(rows))


def _neighbours(key: Hashes, most: int) -> Ints:
    """Return pairs of rows with equal keys, packed: first next to each other, then further away."""
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    found: list[Ints] = [np.empty(0, np.int64)]
    at = np.arange(len(order))
    for apart in range(1, len(order)):
        at = at[at + apart < len(order)]
        at = at[ranked[at] == ranked[at + apart]][:most]
        found.append(order[at] * len(order) + order[at + apart])
        most -= len(at)
        if not most or not len(at):
            break
    return np.concatenate(found)


def _ordered(left: Ints, right: Ints, rows: int) -> tuple[Ints, Ints]:
    """Return each pair once, its smaller row on the left."""
    return _apart(np.minimum(left, right) * rows + np.maximum(left, right), rows)


def _apart(packed: Ints, rows: int) -> tuple[Ints, Ints]:
    """Unpack pairs of row numbers, each once, in order."""
    packed = np.sort(packed)
    packed = packed[np.diff(packed, prepend=-1) > 0]
    return packed // max(rows, 1), packed % max(rows, 1)


def _mixed(hashed: Hashes) -> Hashes:
    """Spread every bit over all bits (the finaliser of SplitMix64; Steele, Lea and Flood 2014)."""
    mixed = hashed + np.uint64(_SEED)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX[0]
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX[1]
    return mixed ^ (mixed >> np.uint64(31))
