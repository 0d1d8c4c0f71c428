"""Sources whose own words are near copies are linked, and those who fill in a form are not."""

from __future__ import annotations

import numpy as np

from quarantine.linkers.words import LINKER
from quarantine.model import Worded
from tests.crowd import Said, evidence
from tests.worded import worded

VOCABULARY = [f"word{n}" for n in range(400)]
LONG = 30
MIDDLE = 9


def phrase(rng: np.random.Generator, words: int) -> str:
    return " ".join(rng.choice(VOCABULARY, words))


def pairs(events: list[tuple[Said, Worded]]) -> set[tuple[str, str]]:
    seen = worded(events)
    links = LINKER.link(seen)
    named = [
        tuple(sorted((seen.sources[left].source, seen.sources[right].source)))
        for left, right in zip(links.left.tolist(), links.right.tolist(), strict=True)
    ]
    return {(first, second) for first, second in named}


def people(rng: np.random.Generator, count: int = 60) -> list[tuple[Said, Worded]]:
    return [
        (Said(f"p{n}", f"t{n % 9}", "1"), Worded(own=phrase(rng, int(rng.integers(3, 40)))))
        for n in range(count)
    ]


def test_a_long_text_with_a_few_words_changed_links_its_hands() -> None:
    rng = np.random.default_rng(0)
    text = phrase(rng, LONG)
    changed = text.replace(text.split()[4], "another", 1).upper()
    mine = [
        (Said("a", "x", "1"), Worded(own=text)),
        (Said("b", "y", "1"), Worded(own=changed)),
    ]
    assert pairs(people(rng) + mine) == {("a", "b")}


def test_one_text_of_middling_length_is_not_enough_and_two_are() -> None:
    rng = np.random.default_rng(1)
    one, two = phrase(rng, MIDDLE), phrase(rng, MIDDLE)
    said = [
        (Said("a", "x", "1"), Worded(own=one)),
        (Said("b", "y", "1"), Worded(own=one)),
    ]
    assert pairs(people(rng) + said) == set()
    said += [
        (Said("a", "z", "1"), Worded(own=two)),
        (Said("b", "w", "1"), Worded(own=two)),
    ]
    assert pairs(people(rng) + said) == {("a", "b")}


def test_what_everybody_says_is_short_or_a_form() -> None:
    rng = np.random.default_rng(2)
    form = phrase(rng, LONG)
    said = [(Said(f"f{n}", "x", "1"), Worded(own=form)) for n in range(40)]
    short = [(Said(f"s{n}", "x", "1"), Worded(own="very good, thanks")) for n in range(10)]
    assert pairs(people(rng) + said + short) == set()


def test_saying_it_often_oneself_links_nobody() -> None:
    rng = np.random.default_rng(3)
    text = phrase(rng, LONG)
    said = [(Said("a", f"x{n}", "1"), Worded(own=text)) for n in range(5)]
    assert pairs(people(rng) + said) == set()


def test_without_words_there_is_no_link() -> None:
    assert len(LINKER.link(evidence([Said("a", "x", "1"), Said("b", "x", "1")])).left) == 0
