"""Near copies are found whatever hides them, and what is merely alike in words stays apart."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarantine.likeness import SIZE, form_signatures, likeness, near_pairs, signatures
from quarantine.normal import normal
from tests.unit.test_normal import TEXT, mutated

SPOKEN = (
    "answer brand price child question map help car fine good bad short long true false kind sure "
    "never often model prompt reader letter number paper garden window bridge river winter summer "
    "quick slow early late green yellow simple careful honest strange common public private open"
)
WORDS = SPOKEN.split()


def sentence(rng: np.random.Generator, words: int = 25) -> str:
    return " ".join(WORDS[int(n)] for n in rng.integers(len(WORDS), size=words))


def edited(rng: np.random.Generator, text: str, edits: int) -> str:
    letters = list(text)
    for _ in range(edits):
        place = int(rng.integers(len(letters)))
        letters[place] = str(rng.choice(list(string.ascii_lowercase)))
    return "".join(letters)


def shingles(text: str) -> set[str]:
    framed = f" {normal(text)} "
    return {framed[at : at + 4] for at in range(len(framed) - 3)}


def test_e4_of_a_thousand_hidden_and_edited_copies_99_percent_are_linked_to_their_original() -> (
    None
):
    rng = np.random.default_rng(23)
    copies = [mutated(rng, edited(rng, TEXT, int(rng.integers(3)))) for _ in range(1000)]
    others = [sentence(rng) for _ in range(1000)]
    left, right = near_pairs(signatures([TEXT, *copies, *others]))
    # The original is row 0, and whoever hangs together with it through pairs is linked to it.
    group = np.arange(2001)
    for _ in range(50):
        np.minimum.at(group, right, group[left])
        np.minimum.at(group, left, group[right])
    assert (group[1:1001] == 0).sum() >= 990
    assert not ((left <= 1000) & (right > 1000)).any()


def test_e4_distinct_texts_of_the_same_few_words_are_seldom_linked() -> None:
    rng = np.random.default_rng(5)
    texts = [sentence(rng) for _ in range(3000)]
    left, _ = near_pairs(signatures(texts))
    assert len(left) <= 3


def test_equal_values_estimate_the_likeness_of_the_sets_of_shingles() -> None:
    rng = np.random.default_rng(7)
    texts = [sentence(rng, int(rng.integers(8, 40))) for _ in range(400)]
    copies = [edited(rng, text, int(rng.integers(1, 9))) for text in texts]
    rows = signatures([*texts, *copies])
    seen = likeness(rows, np.arange(400), np.arange(400, 800))
    true = np.array(
        [
            len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))
            for one, other in zip(texts, copies, strict=True)
        ]
    )
    assert abs((seen - true).mean()) < 0.015
    assert (seen - true).std() < 0.07


@given(st.lists(st.text(max_size=40), max_size=8))
@settings(max_examples=150)
def test_a_text_has_the_row_of_its_normal_form_whatever_stands_around_it(texts: list[str]) -> None:
    rows = signatures(texts)
    assert rows.shape == (len(texts), SIZE)
    alone = [signatures([text])[0] for text in texts]
    assert all((row == one).all() for row, one in zip(rows, alone, strict=True))
    assert (rows == form_signatures([normal(text) for text in texts])).all()


def test_the_same_text_has_the_same_row_on_every_machine() -> None:
    row = signatures(["Two bridges over one river"])[0]
    assert [int(value) for value in row[:2]] == [17780054107892141632, 13980175217228328376]


def test_nothing_visible_is_like_nobody_and_equal_texts_hang_together() -> None:
    left, right = near_pairs(signatures(["", "\u200b", "good", "GOOD", " go\u200bod", "bad"]))
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [(2, 3), (2, 4)]


@pytest.mark.parametrize("texts", [[], ["alone"], ["", ""]])
def test_where_there_are_no_two_there_is_no_pair(texts: list[str]) -> None:
    left, right = near_pairs(signatures(texts))
    assert len(left) == len(right) == 0


def test_a_crowd_of_near_copies_stays_connected_when_comparisons_run_out() -> None:
    rng = np.random.default_rng(9)
    crowd = signatures([TEXT + f" {n:03d}" for n in rng.permutation(300)])
    left, right = near_pairs(crowd, most=16 * 400)
    assert len(left) < 300 * 299 / 2
    group = np.arange(300)
    for _ in range(300):
        np.minimum.at(group, right, group[left])
        np.minimum.at(group, left, group[right])
    assert (group == 0).all()
