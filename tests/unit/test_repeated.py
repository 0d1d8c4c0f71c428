"""Phrases with few voices behind them are found exactly, however rows, texts and fields lie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from quarantine.repeated import Repeated, Terms, unsupported
from quarantine.spoken import Listener, Spoken

Said = Sequence[Sequence[str]]


def heard(rows: Said, *, at_once: int = 1_000, remembered: int = 100) -> Spoken:
    """Hear rows with as many fields as the first has."""
    listener = Listener(remembered=remembered)
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        listener.add([pa.array(column, pa.string()) for column in zip(*some, strict=True)])
    return listener.spoken()


def named(found: Repeated, spoken: Spoken) -> dict[tuple[str, ...], tuple[int, int]]:
    """Return rows and clusters by phrase; of two words the order does not count."""
    told = {}
    for place, words, rows, clusters in zip(
        found.place, found.words, found.rows, found.clusters, strict=True
    ):
        phrase = [spoken.words[number] for number in spoken.word[place : place + words]]
        told[tuple(sorted(phrase) if words == 2 else phrase)] = (int(rows), int(clusters))
    return told


def counted(rows: Said, clusters: Sequence[int], terms: Terms) -> dict[object, tuple[int, int]]:
    """Count the same by hand."""
    stands: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for row, texts in enumerate(rows):
        for text in texts:
            words = text.split()
            for size in range(1, terms.words + 1):
                for first in range(len(words) - size + 1):
                    phrase = words[first : first + size]
                    stands[tuple(sorted(phrase) if size == 2 else phrase)].add(row)
    asked = terms.asked(len(set(clusters)))
    voices = {phrase: {clusters[row] for row in found} for phrase, found in stands.items()}
    return {
        phrase: (len(found), len(voices[phrase]))
        for phrase, found in stands.items()
        if len(voices[phrase]) < asked
        and len(found) > min(terms.rows, (terms.each or terms.rows) * len(voices[phrase]))
    }


@given(
    rows=st.lists(
        st.tuples(
            st.tuples(*[st.lists(st.sampled_from("abcdefgh"), max_size=7)] * 2),
            st.integers(0, 9),
        ),
        min_size=1,
        max_size=60,
    ),
    most=st.integers(1, 8),
    clusters=st.integers(1, 6),
    each=st.integers(0, 4),
    at_once=st.sampled_from([7, 1_000]),
    remembered=st.sampled_from([0, 1_000]),
)
@settings(max_examples=80, deadline=None)
def test_what_is_found_is_what_a_count_by_hand_finds(
    rows: list[tuple[tuple[list[str], list[str]], int]],
    most: int,
    clusters: int,
    each: int,
    at_once: int,
    remembered: int,
) -> None:
    said = [tuple(" ".join(words) for words in texts) for texts, _ in rows]
    voices = [voice for _, voice in rows]
    terms = Terms(most, clusters, 5, each)
    spoken = heard(said, at_once=at_once, remembered=remembered)
    found = unsupported(spoken, np.array(voices), terms)
    assert named(found, spoken) == counted(said, voices, terms)
    sizes = np.bincount(found.phrase, minlength=len(found))
    assert sizes.tolist() == found.rows.tolist()


def test_a_text_of_very_many_rows_costs_no_more_than_one() -> None:
    rows = [("what everybody was asked", f"own word{n % 999}") for n in range(40_000)]
    found = unsupported(heard(rows, remembered=10_000), np.arange(40_000) % 500, Terms(30, 10, 5))
    assert len(found) == 0


def test_words_that_look_alike_are_one_phrase() -> None:
    ways = ("Blim Zorvex", "blim zorvex", "bl\u200bim \uff5aorvex", "b\u217cim zorve\u0445")
    spoken = heard([(ways[n % 4],) for n in range(40)])
    found = unsupported(spoken, np.arange(40) % 3, Terms(30, 10, 5))
    # With three clusters in all two thirds of them would do; twenty more make the rule strict.
    assert len(found) == 0
    more = heard([*((ways[n % 4],) for n in range(40)), *((f"w{n}",) for n in range(20))])
    strict = unsupported(more, np.r_[np.arange(40) % 3, 3 + np.arange(20)], Terms(30, 10, 5))
    assert set(strict.rows.tolist()) == {40}
    assert set(strict.clusters.tolist()) == {3}
    assert sorted(strict.words.tolist()) == [1, 1, 2]


def test_two_words_are_one_phrase_in_either_order_and_three_are_not() -> None:
    honest = [(f"{a} word{n % 7}",) for n, a in enumerate(["red", "sky", "fox"] * 200)]
    voices = list(range(600))
    ways = ("red fox", "fox red")
    two = heard([*honest, *((ways[n % 2],) for n in range(40))])
    found = named(unsupported(two, np.array([*voices, *[700] * 40]), Terms(30, 10, 5)), two)
    assert found == {("fox", "red"): (40, 1)}


def test_fewer_clusters_than_the_rule_names_are_asked_for_two_thirds() -> None:
    terms = Terms(30, 10, 5)
    assert [terms.asked(n) for n in (0, 1, 2, 3, 6, 9, 12, 14, 15, 5_000)] == [
        *(0, 1, 2, 2, 4, 6, 8, 10, 10, 10)
    ]


def test_nothing_is_asked_of_no_words_and_of_no_rows() -> None:
    spoken = heard([("same words",)] * 50)
    assert len(unsupported(spoken, np.zeros(50, np.int64), Terms(1, 10, 0))) == 0
    assert len(unsupported(Spoken(), np.empty(0, np.int64), Terms(1, 10, 5))) == 0
    assert len(unsupported(spoken.padded(50), np.arange(50), Terms(1, 10, 5))) == 0
