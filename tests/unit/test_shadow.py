"""A shadow copy says in words what its rows would have said, and attacks know what is judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from quarantine.drill import Setting, drill, shadow_of
from quarantine.known import Known
from quarantine.model import Worded
from quarantine.scene import Mixed, Scene, scene_of
from quarantine.shadow import Described, described, reworded
from tests.crowd import START, Said, World, honest, table
from tests.worded import wording

GOOD, BAD = "the good one", "the bad one"
PAIRS = [
    (Said("a", "x", "a1"), Worded(asked="why?", chosen=GOOD, other=BAD)),
    (Said("b", "x", "a2"), Worded(asked="why?", chosen=BAD, other=GOOD)),
    (Said("a", "y", "a1"), Worded(asked="how?", chosen="left", other="right")),
    (Said("b", "z", "equal"), Worded(asked="when?")),
]


def staged(pairs: list[tuple[Said, Worded]]) -> tuple[pa.Table, Scene, Known]:
    said = [replace(each, at=START + number) for number, (each, _) in enumerate(pairs)]
    events = table(said)
    known = Known(topics={"z": "birds"}, wording=wording([words for _, words in pairs]))
    return events, scene_of(events, {}, timed=True), known


def answering(scene: Scene, *answers: str) -> Scene:
    return replace(scene, answer=np.array([scene.answers.index(each) for each in answers]))


def chosen(events: pa.Table, known: Known, after: Scene, scene: Scene) -> list[tuple[str, str]]:
    told = reworded(known.wording, scene, after, genuine=events, shadow=events)
    at = told.at(events.column("index").to_numpy())
    read = [*(known.wording.texts.read(code) for code in range(len(told.texts))), ""]
    return [(read[one], read[two]) for one, two in zip(at["chosen"], at["other"], strict=True)]


def test_who_answers_something_else_speaks_for_what_that_answer_names() -> None:
    events, scene, known = staged(PAIRS)
    found = chosen(events, known, answering(scene, "a2", "a2", "a2", "a1"), scene)
    assert found == [(BAD, GOOD), (BAD, GOOD), ("right", "left"), ("", "")]


def test_an_answer_that_names_no_text_anywhere_speaks_for_none() -> None:
    events, scene, known = staged(PAIRS)
    found = chosen(events, known, answering(scene, "a1", "equal", "equal", "equal"), scene)
    assert found == [(GOOD, BAD), ("", ""), ("", ""), ("", "")]


def test_what_was_released_keeps_its_words_beside_the_shadow() -> None:
    events, _, known = staged(PAIRS)
    released, held = events.slice(0, 2), events.slice(2)
    some = scene_of(held, {}, timed=True)
    mixed = Mixed(
        scene=answering(some, "a2", "equal"),
        bad=np.zeros(len(some.sources), np.bool_),
        poisoned=np.zeros(2, np.bool_),
    )
    seen = shadow_of(some, mixed, held, released, Setting(known=known))
    read = seen.texts.read
    assert [read(code) for code in seen.released["chosen"]] == [GOOD, BAD]
    assert read(int(seen.held["chosen"].iloc[0])) == "right"
    assert seen.held["chosen"].iloc[1] == -1
    assert read(int(seen.held["asked"].iloc[1])) == "when?"


def test_what_was_judged_is_told_by_target_and_pairs_of_one_row_alone_are_not() -> None:
    events, scene, known = staged(PAIRS)
    items = described(scene, events, known)
    assert items["x"].text == "why?"
    assert items["x"].options == {"a1": GOOD, "a2": BAD}
    assert items["y"].options == {}
    assert (items["z"].text, items["z"].topic) == ("when?", "birds")
    assert sorted(items) == ["x", "y", "z"]
    assert len(items) == 3


def test_of_a_target_that_nobody_described_nothing_is_known() -> None:
    items = Described(known=Known(), asked={}, options={})
    assert len(items) == 0
    with pytest.raises(KeyError):
        items["x"]


WORLD = World(targets=120)


def people(seed: int, sources: int, name: str) -> list[Said]:
    return honest(np.random.default_rng(seed), WORLD, sources, each=60, name=name)


def test_a_drill_that_knows_what_is_judged_finds_who_lies_about_one_subject() -> None:
    released, held = people(1, 160, "known"), people(2, 60, "held")
    both = table(replace(each, at=START) for each in [*released, *held])
    about = ["river", "mountain", "forest", "desert"]
    words = [
        Worded(asked=f"the {about[int(name[1:]) % 4]} number {name}")
        for name in both.column("target").to_pylist()
    ]
    setting = Setting(known=Known(wording=wording(words)))
    split = len(released)
    before, now = both.slice(0, split), both.slice(split)
    told = drill(now, before, attack="sleeper", seed=1, setting=setting)
    silent = drill(now, before, attack="sleeper", seed=1)
    assert told is not None
    assert silent is not None
    assert told.rung > told.injected / 2
    assert silent.rung < silent.injected / 2
