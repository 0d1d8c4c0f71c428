"""What a source has shown: its first word on each target whose answer is known, right or wrong."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from approvals.attest import act_of
from approvals.candidates import Known, candidates
from approvals.gold import gold_acts
from tests.room import Room, body


def shown(room: Room) -> pd.DataFrame:
    known = Known.read(room.store, room.roster, room.store.size())
    rows = candidates(known, "helpful", "rating", room.at)
    return rows.drop_duplicates("source").set_index("source")[["answered", "right"]]


def test_first_words_on_known_targets_are_counted_and_others_are_not(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.producer("app")
    room.hear([body("rater/1", "a", "t1", 4), body("rater/1", "b", "t2", 2)])
    room.hear([body("rater/1", "c", "t2", 5), body("rater/1", "d", "t9", 5)])
    room.hear([body("rater/2", "e", "t3", 1), body("rater/3", "f", "t9", 1)])
    assert shown(room).to_numpy().tolist() == [[0, 0]] * 3
    gold = gold_acts({"t1": "4", "t2": "5", "t3": "1"}, room.later())
    room.store.record([act_of(each, room.operator) for each in gold])
    found = shown(room)
    assert found.loc["rater/1"].tolist() == [2, 1], "the first word on t2 was wrong"
    assert found.loc["rater/2"].tolist() == [1, 1]
    assert found.loc["rater/3"].tolist() == [0, 0]
