"""Texts are read once, alike in any company, and events are codes into them."""

from __future__ import annotations

import numpy as np

from quarantine.evidence import evidence_from
from quarantine.known import Known
from quarantine.model import Worded
from quarantine.texts import MOST_GRAMS, grams_of, texts_from
from quarantine.wording import Reader, table_of
from tests.crowd import Said, table
from tests.worded import worded, wording

TEXTS = ["The cat sat.", "a CAT sat, down", "", " ... ", "Überraschung 漢字 😀ok", "the cat sat"]


def grams(text: str) -> set[int]:
    return set(grams_of([text]).gram.tolist())


def test_a_text_has_the_same_grams_in_any_company() -> None:
    together = grams_of(TEXTS)
    for number, text in enumerate(TEXTS):
        mine = together.gram[together.start[number] : together.start[number + 1]]
        assert set(mine.tolist()) == grams(text)


def test_twins_case_and_punctuation_make_no_other_words() -> None:
    assert grams("The cat sat.") == grams("the  \uff43at\u200b SAT")
    assert grams("cat sat") != grams("sat cat")


def test_words_are_counted_and_silence_has_none() -> None:
    assert grams_of(TEXTS).words.tolist() == [3, 4, 0, 0, 5, 3]
    assert grams_of([]).words.tolist() == []


def test_a_short_text_is_a_phrase_of_its_own() -> None:
    assert len(grams("one two three")) == 3 + 2 + 1
    assert len(grams(" ".join(str(number) for number in range(100, 120)))) == 20 + 19


def test_a_text_of_very_many_words_is_read_up_to_a_bound() -> None:
    assert len(grams(" ".join(f"w{number}" for number in range(5000)))) == MOST_GRAMS


def test_a_gram_is_spelled_as_it_came() -> None:
    read = texts_from(grams_of(TEXTS), TEXTS.__getitem__)
    spelled = {read.spelled(int(gram), 1) for gram in read.grams[[1]].indices}
    assert spelled == {"CAT", "sat,", "CAT sat,"}


def test_equal_texts_of_different_events_and_roles_are_one() -> None:
    told = wording(
        [
            Worded(asked="why?", chosen="yes", other="no"),
            Worded(asked="why?", chosen="no", other="yes", own="because"),
            Worded(model="m", generation=2),
        ]
    )
    assert len(told.texts) == 4
    columns = told.at(np.array([0, 1, 2, 9]))
    assert columns["asked"].tolist() == [0, 0, -1, -1]
    assert columns["chosen"].tolist() == columns["other"][[1, 0, 2, 3]].tolist()
    assert columns["own"].tolist() == [-1, 3, -1, -1]
    assert columns["model"].tolist() == [-1, -1, 0, -1]
    assert columns["generation"].tolist() == [-1, -1, 2, -1]
    assert told.texts.read(3) == "because"


def test_reading_in_parts_gives_what_reading_at_once_gives() -> None:
    words = [Worded(asked=f"what is {n % 7}?", own=f"mine {n % 5}") for n in range(40)]
    whole = wording(words)
    reader = Reader(lambda index, role: str(getattr(words[index], role)))
    for start in range(0, 40, 11):
        some = words[start : start + 11]
        reader.add(np.arange(start, start + len(some)), table_of(some))
        reader.wording()
    parts = reader.wording()
    for name, column in whole.at(np.arange(40)).items():
        texts = [whole.texts.read(int(code)) if code >= 0 else "" for code in column]
        again = parts.at(np.arange(40))[name]
        assert texts == [parts.texts.read(int(code)) if code >= 0 else "" for code in again]
    assert (np.sort(parts.texts.hashes) == np.sort(whole.texts.hashes)).all()


def test_beyond_its_bound_no_new_text_is_read_and_known_ones_still_are() -> None:
    words = [Worded(own=f"text {n % 4}") for n in range(8)]
    reader = Reader(lambda index, role: str(getattr(words[index], role)), most=3)
    reader.add(np.arange(8), table_of(words))
    assert reader.wording().at(np.arange(8))["own"].tolist() == [0, 1, 2, -1, 0, 1, 2, -1]


def test_evidence_without_words_says_so_everywhere() -> None:
    seen = evidence_from(table([Said("a", "x", "1")]))
    assert seen.held["asked"].tolist() == [-1]
    assert len(seen.texts) == 0
    assert seen.gold.tolist() == [-1]
    assert seen.topic.tolist() == [-1]


def test_gold_is_the_code_of_the_right_answer_also_where_nobody_gave_it() -> None:
    said = [Said("a", "x", "1"), Said("a", "y", "2.5"), Said("a", "z", "1")]
    seen = evidence_from(table(said), known=Known(gold={"x": "1", "y": "2.50", "z": "7"}))
    assert [seen.answers[code] for code in seen.gold] == ["1", "2.5", "7"]


def test_topics_are_codes_by_target() -> None:
    events = [(Said("a", name, "1"), Worded()) for name in ("x", "y", "z")]
    seen = worded(events, topics={"x": "art", "z": "art"})
    assert seen.topic.tolist() == [0, -1, 0]
    assert list(seen.topics) == ["art"]
