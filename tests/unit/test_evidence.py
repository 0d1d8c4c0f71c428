"""Evidence gives held and released events one set of codes, in order of first appearance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quarantine.evidence import EVENT_SCHEMA, evidence_from, micros
from quarantine.hearing import hear
from quarantine.model import SourceKey
from tests.crowd import START, Said, World, evidence, honest, rating, table


def test_sources_are_numbered_as_they_first_appear() -> None:
    made = evidence(
        [Said("b", "x", "1", at=START), Said("a", "x", "1", at=START + 1)],
        [Said("c", "x", "1", at=START - 2), Said("b", "x", "1", at=START - 1)],
    )
    assert [key.source for key in made.sources] == ["b", "a", "c"]
    assert made.held["source"].tolist() == [0, 1]
    assert made.released["source"].tolist() == [2, 0]
    assert made.held_sources == 2


def test_one_name_under_two_producers_is_two_sources() -> None:
    made = evidence([Said("a", "x", "1", producer="p"), Said("a", "x", "1", producer="q")])
    assert made.sources == [SourceKey("p", "a"), SourceKey("q", "a")]
    assert made.producers.tolist() == [0, 1]


def test_a_target_is_another_in_another_kind_scope_or_question() -> None:
    made = evidence(
        [
            Said("a", "x", "1"),
            Said("a", "x", "1", scope="other"),
            Said("a", "x", "1", question="speed"),
            rating("a", "x", 1.0),
            Said("b", "x", "1"),
        ]
    )
    assert made.held["target"].tolist() == [0, 1, 2, 3, 0]
    assert made.targets[2] == "x (speed)"


def test_the_earliest_arrival_of_a_source_is_known_even_when_it_was_released() -> None:
    made = evidence([Said("a", "x", "1", at=START)], [Said("a", "y", "1", at=START - 9)])
    assert made.first_seen.tolist() == [START - 9]
    assert micros(made.held["at"]).tolist() == [START]


def test_values_and_places_that_nobody_gave_are_missing() -> None:
    made = evidence([Said("a", "x", "1"), Said("a", "y", "1", value=0.5, place=1)])
    assert np.isnan(made.held["value"]).tolist() == [True, False]
    assert made.held["place"].tolist()[1] == 1.0


def test_nothing_held_is_evidence_too() -> None:
    made = evidence_from(EVENT_SCHEMA.empty_table())
    assert made.cold_start
    assert made.held_sources == 0
    assert len(made.everything) == 0


def test_tables_in_many_chunks_with_their_own_dictionaries_read_as_one() -> None:
    events = honest(np.random.default_rng(0), World(), 5)
    whole = table(events)
    split = [whole.slice(start, 20) for start in range(0, whole.num_rows, 20)]
    parts = [part.cast(EVENT_SCHEMA) for part in split]
    rejoined = evidence_from(type(whole).from_batches([b for p in parts for b in p.to_batches()]))
    assert rejoined.held.equals(evidence_from(whole).held)


def test_the_folds_judge_every_released_source_once_and_keep_the_held_beside() -> None:
    rng, world = np.random.default_rng(0), World()
    made = evidence(honest(rng, world, 8), honest(rng, world, 30, name="known"))
    first, second = made.folds()
    known = set(made.released["source"])
    assert set(first.held["source"]) | set(second.held["source"]) == known
    assert set(first.held["source"]) & set(second.held["source"]) == set()
    assert min(first.held["source"].nunique(), second.held["source"].nunique()) >= 10
    for fold in (first, second):
        assert set(fold.held["source"]) & set(fold.released["source"]) == set()
        assert len(fold.everything) == len(made.everything)


def test_what_all_rows_tell_together_is_looked_for_once_for_all_folds() -> None:
    rng, world = np.random.default_rng(0), World()
    made = evidence(honest(rng, world, 8), honest(rng, world, 30, name="known"))
    looked: list[int] = []
    for each in (made, *made.folds(), *made.folds()):
        assert each.whole is made
        each.whole.once("pairs", lambda: looked.append(len(made.everything)))
    assert len(looked) == 1


@pytest.mark.parametrize("name", ["lockstep", "gathering"])
def test_a_fold_hears_of_pairs_what_it_would_hear_alone(name: str) -> None:
    rng, world = np.random.default_rng(1), World()
    made = evidence(honest(rng, world, 8), honest(rng, world, 40, name="known"))
    for fold in made.folds():
        alone = hear(name, replace(fold, dealt=None))
        found = hear(name, fold)
        assert found.place.tolist() == alone.place.tolist()
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-6)
