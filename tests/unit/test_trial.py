"""A table of cases is tried on a policy, and a table that says nothing is refused."""

from __future__ import annotations

import pytest

from approvals.rules import load, shipped
from approvals.trial import read_cases, tried
from quarantine.errors import UsageError

CASES = """
[[event]]
name = "a stranger's rating"
scope = "helpful"
kind = "rating"
origin = "human"
tier = "unvetted"
age = "1d"
held = "2d"
expect = "stays"

[[event]]
name = "a known label"
scope = "helpful"
kind = "label"
origin = "human"
tier = "vetted"
expect = "leaves"

[[vote]]
name = "one is not enough"
scope = "helpful"
kind = "rating"
rows = 10
approve = { ben = ["reviewer"] }
expect = "pending"

[[vote]]
name = "two are"
scope = "helpful"
kind = "rating"
rows = 10
approve = { ben = [], cho = [] }
expect = "approved"

[[vote]]
name = "one can stop it"
scope = "helpful"
kind = "rating"
rows = 10
approve = { ben = [], cho = [] }
reject = { dov = [] }
expect = "rejected"
"""


def test_a_table_of_cases_is_tried() -> None:
    policy = load(shipped("default"))
    found = tried(policy, read_cases(CASES))
    assert [each.name for each in found if not each.is_right] == []
    assert len(found) == 5
    (stranger,) = [each for each in found if each.name == "a stranger's rating"]
    assert stranger.because == "it has to wait longer: unvetted people"
    wrong = tried(policy, read_cases(CASES.replace('expect = "pending"', 'expect = "approved"')))
    assert [each.name for each in wrong if not each.is_right] == ["one is not enough"]


@pytest.mark.parametrize("text", ["", "[[event]]\nname = 'x'\n", "x = ", "[[evnt]]\n"])
def test_a_table_that_says_nothing_or_nonsense_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_cases(text)
