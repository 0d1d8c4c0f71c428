"""Small models that stand in for what will be trained: Bradley-Terry on pairs, classes on texts.

Features are hashed words, hashed pairs of a word at an end of the prompt and a word of the answer
(so that a phrase in a prompt can turn what is liked), and length. A proxy is no judge of quality;
it shows which way the rows would push any model that learns from them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from quarantine.normal import normal

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]

WORDS: Final = 2**16
CROSSED: Final = 2**18
EDGES: Final = (3, 6)
"""So many words at the beginning and the end of a prompt are crossed with the answer's."""
EARLY: Final = 60
"""So many different words at the beginning of an answer are crossed with the prompt's."""
MOST: Final = 600
"""So many words of one text are read."""
_WEIGHT: Final = 2.0
_STRENGTH: Final = 0.1
_NEAR: Final = 1e-3
_PARTS: Final = 5
_FACTORS: Final = tuple(step / 20.0 for step in range(31))
_TINY: Final = 1e-12
_WORD: Final = re.compile(r"\w+")
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Asked:
    """Pairs of answers to prompts, three lists of one length; `chosen` is the one preferred."""

    prompts: Sequence[str]
    chosen: Sequence[str]
    rejected: Sequence[str]

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.prompts)


class Lexicon:
    """Words of texts as hashes; the same text gives the same hashes everywhere.

    It remembers what it read (a text is read once), and nothing else.
    """

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._read: dict[str, Hashes] = {}

    def read(self, texts: Sequence[str]) -> list[Hashes]:
        """Return the words of each text, in order, as 64-bit hashes of their normal form."""
        new = [text for text in dict.fromkeys(texts) if text not in self._read]
        if new:
            spelled = [_WORD.findall(normal(text))[:MOST] for text in new]
            flat = np.array([word for words in spelled for word in words], dtype=object)
            codes, vocabulary = pd.factorize(flat)
            hashed = pd.util.hash_array(np.asarray(vocabulary, dtype=object), categorize=False)
            ends = np.cumsum([len(words) for words in spelled])
            parts = np.split(hashed[codes] if len(codes) else np.empty(0, np.uint64), ends[:-1])
            self._read.update(zip(new, parts, strict=True))
        return [self._read[text] for text in texts]


def text_features(texts: Sequence[str], lexicon: Lexicon) -> sp.csr_array:
    """Return the hashed words of each text: n x `WORDS`, 1 where one stands, rows of length 1."""
    table = _table([words % np.uint64(WORDS) for words in lexicon.read(texts)], WORDS)
    size = np.sqrt(np.maximum(np.diff(table.indptr), 1))
    table.data = table.data / np.repeat(size, np.diff(table.indptr))
    return table


def answer_features(
    prompts: Sequence[str], answers: Sequence[str], lexicon: Lexicon
) -> sp.csr_array:
    """Return the features of answers to prompts: n x (`WORDS` + `CROSSED` + 1)."""
    asked, told = lexicon.read(prompts), lexicon.read(answers)
    words = _table([each % np.uint64(WORDS) for each in told], WORDS)
    crossed = _table([_cross(*pair) for pair in zip(asked, told, strict=True)], CROSSED)
    length = sp.csr_array(np.log1p([[float(len(text))] for text in answers]))
    return sp.csr_array(sp.hstack([words, _WEIGHT * crossed, length], format="csr"))


def pair_features(asked: Asked, lexicon: Lexicon) -> sp.csr_array:
    """Return by pair the features of the chosen answer less those of the rejected."""
    chosen = answer_features(asked.prompts, asked.chosen, lexicon)
    rejected = answer_features(asked.prompts, asked.rejected, lexicon)
    apart = sp.csr_array(chosen - rejected)
    apart.eliminate_zeros()
    return apart


def bradley_terry(table: sp.csr_array) -> Floats:
    """Fit a Bradley-Terry model (1952) to differences of features; return its weights.

    Every row says "the first is better"; half of them are turned round for the solver, which
    wants to see both answers and finds the same weights.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  slow to load

    size, found = table.shape[0], np.zeros(table.shape[1])
    if not size:
        return found
    used = np.unique(table.indices)
    sign = np.where(np.arange(size) % 2, -1.0, 1.0)
    turned = sp.csr_matrix(sp.diags_array(sign) @ table[:, used])
    wins = sign > 0
    if size == 1:
        turned, wins = sp.csr_matrix(sp.vstack([turned, -turned])), np.array([True, False])
    model = LogisticRegression(C=_STRENGTH, fit_intercept=False, solver="newton-cg", tol=_NEAR)
    found[used] = model.fit(turned, wins).coef_[0]
    return found


def by_others(table: sp.csr_array, cluster: Ints, chance: np.random.Generator) -> Floats:
    """Return by row (n) the log-odds for "the first is better" in a model of other clusters' rows.

    Clusters (a code by row) are dealt out into `_PARTS` by `chance`, and each part is asked of a
    model of the others (cross-fitting, Chernozhukov et al. 2018): nobody speaks for himself.
    """
    code, voice = np.unique(cluster, return_inverse=True)
    part = chance.permutation(np.arange(len(code)) % _PARTS)[voice]
    found = np.zeros(table.shape[0])
    for each in np.unique(part):
        mine = np.flatnonzero(part == each)
        found[mine] = table[mine] @ bradley_terry(table[np.flatnonzero(part != each)])
    return found


def tempered(margins: Floats) -> Floats:
    """Return log-odds of what was chosen (n), none seen in training, as sure as they were right.

    A model of few rows is far too sure of the next: one factor, the likeliest (Guo et al. 2017).
    """
    told = [likely(factor * margins) for factor in _FACTORS]
    right = [float(np.log(np.maximum(each, _TINY)).sum()) for each in told]
    return np.asarray(_FACTORS[int(np.argmax(right))] * margins, np.float64)


def classes(table: sp.csr_array, said: Ints, size: int) -> Floats:
    """Fit a linear classifier to texts; return its weights, a row for each of `size` classes.

    One against the rest, by ridge regression on +1 and -1 (Rifkin and Klautau 2004): a class that
    nobody said gets no weight. The last column is the constant.
    """
    from sklearn.linear_model import RidgeClassifier  # noqa: PLC0415  slow to load

    found = np.zeros((size, table.shape[1] + 1))
    known = np.unique(said)
    if len(known) < 2:  # noqa: PLR2004  nothing to tell apart
        return found
    model = RidgeClassifier(alpha=1.0, solver="sparse_cg", tol=1e-6, random_state=0)
    model.fit(sp.csr_matrix(table), said)
    weights = np.column_stack([np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)])
    found[known] = weights if len(known) > 2 else np.vstack([-weights, weights])  # noqa: PLR2004
    return found


def chosen_classes(table: sp.csr_array, weights: Floats, known: Flags) -> Ints:
    """Return the class that a classifier chooses for each text, among the `known` ones."""
    told = table @ weights[:, :-1].T + weights[:, -1]
    return np.asarray(np.where(known, told, -np.inf).argmax(axis=1), np.int64)


def likely(margins: Floats) -> Floats:
    """Return the probability that a Bradley-Terry model gives the first of two answers."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(margins, -50.0, 50.0))), np.float64)


def _cross(asked: Hashes, told: Hashes) -> Hashes:
    """Return the crossed words of the ends of a prompt and the beginning of an answer."""
    edges = asked if len(asked) <= sum(EDGES) else np.r_[asked[: EDGES[0]], asked[-EDGES[1] :]]
    mixed = (edges[:, None] * _MIX) ^ (pd.unique(told)[:EARLY][None, :] + _MIX)
    return np.asarray((mixed * _MIX >> np.uint64(20)).ravel() % np.uint64(CROSSED), np.uint64)


def _table(rows: Sequence[Hashes], width: int) -> sp.csr_array:
    """Return a table with a row each, 1 in the columns that stand there."""
    sizes = [len(row) for row in rows]
    key = np.repeat(np.arange(len(rows)), sizes).astype(np.int64) * width
    key += np.concatenate([np.empty(0, np.uint64), *rows]).astype(np.int64)
    key.sort()
    key = key[np.diff(key, prepend=-1) > 0]
    start = np.searchsorted(key, np.arange(len(rows) + 1) * width)
    column = (key % width).astype(np.int32)
    shape = (len(rows), width)
    return sp.csr_array((np.ones(len(key)), column, start.astype(np.int32)), shape=shape)
