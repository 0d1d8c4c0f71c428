"""What budgets let leave over several releases of recorded feedback."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from approvals.rules import load, shipped
from service.backtest.exposure import kept_within
from service.backtest.passes import judged
from service.backtest.reading import read_feedback

BUDGETS = (("rows = 50\n", "rows = 4\n"), ("lifetime = 500\n", "lifetime = 9\n"))


def test_what_is_over_a_budget_leaves_with_later_releases_up_to_a_lifetime(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    said = [f"rater/{row % 24},item/{row % 40},,{row % 3},0,2" for row in range(480)]
    file.write_text("\n".join(["source,target,time,value,low,high", *said, ""]))
    feedback = read_feedback([file], scope=None, progress=lambda _: None)
    text = shipped("default").replace("per_target = 1\n", "per_target = 40\n")
    for old, new in (*BUDGETS, ("per_target = 3\n", "per_target = 40\n")):
        text = text.replace(old, new)
    found = judged(feedback, np.zeros(480, np.bool_))
    kept = kept_within(feedback, found, load(text), releases=4)
    source = feedback.events.column("source").to_numpy(zero_copy_only=False)
    most = [np.unique(source[each], return_counts=True)[1].max() for each in kept]
    assert most == [4, 8, 9, 9]
    assert [int(each.sum()) for each in kept] == [96, 192, 216, 216]
    assert not kept[0][120:].any()
    assert all((now | then == then).all() for now, then in pairwise(kept))
    (alone,) = kept_within(feedback, found, load(text))
    assert int(alone.sum()) == 96
    assert alone[120:].any()
